import Logging
import Synchronization
import VPNCaptures
import VPNLinuxIO
import VPNProtocol

/// The capture of a running node: what the loop feeds is written down by a thread of its own. Where that fails, the capture is
/// off, and the node goes on.
final class LiveCapture: Sendable {
    /// What the loop puts its packets into.
    let feed: PacketFeed
    private let writer: Mutex<CaptureWriter>
    private let files: Atomic<Int>
    private let errors = Atomic<Int>(0)
    private let isSummed = Atomic<Bool>(false)
    private let log: Logger

    /// How long the end waits until all is written; a disk or a reader may take its time.
    static let patience: Duration = .seconds(2)

    /// Starts the thread.
    init(
        _ feed: PacketFeed, to files: sending LiveCaptureFiles, _ filters: CaptureWriter.Filters?, port: UInt16,
        log: Logger
    ) throws(Failure) {
        self.feed = feed
        self.files = Atomic(files.filesMade)
        writer = Mutex(CaptureWriter(feed, to: files, filters, port: port))
        self.log = log
        guard startThread({ self.run() }) else { throw .runTime("there is no thread to write the capture with") }
    }

    private func run() {
        // The thread is the only one that uses the writer, and has it until it ends.
        writer.withLock { writer in
            var hasFailed = false
            var hasDropped = false
            while feed.take({ record, packet in writer.write(record, packet) }) {
                guard writer.settle(isIdle: feed.isEmpty) else { continue }
                files.store(writer.filesMade, ordering: .relaxed)
                if !hasFailed, let failure = writer.failure {
                    hasFailed = true
                    tell(failure)
                }
                if !hasDropped, !hasFailed, counts.contains(where: { $0.dropped > 0 }) {
                    hasDropped = true
                    log.warning("packets are missing in the capture, since they came faster than they can be written")
                }
            }
            writer.end()
            files.store(writer.filesMade, ordering: .relaxed)
            if !hasFailed, let failure = writer.failure { tell(failure) }
        }
        feed.close()
    }

    private func tell(_ failure: CaptureError) {
        errors.store(1, ordering: .relaxed)
        log.warning("\(failure); nothing more is captured, and the node goes on")
    }

    private var counts: [PacketFeed.Counts] { PacketFeed.Stream.allCases.map(feed.counts) }

    /// What was done so far.
    var statistics: CaptureStatistics {
        CaptureStatistics(
            inner: feed.counts(.inner), outer: feed.counts(.outer), files: files.load(ordering: .relaxed),
            errors: errors.load(ordering: .relaxed))
    }

    /// Ends the capture, and sums it up in the log. May be called again.
    func finish() {
        feed.finish(within: Self.patience)
        guard !isSummed.exchange(true, ordering: .relaxed) else { return }
        log.info("\(statistics.summary)")
    }
}
