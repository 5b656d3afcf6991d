import Glibc
import Synchronization
package import VPNNode

/// Writes the recording of a running node to a file, on a thread of its own. The loop never waits for that thread: where it is
/// too slow, or the file too long, the recording ends, and the node goes on.
package final class RecordingWriter: Sendable {
    /// The bytes that may wait: a quarter of a second at 2 Gbit/s, since a disk and other processes take their time. Memory for
    /// them is there once they are used.
    package static let capacity = 64 << 20
    /// How long the end of the node waits until all is written.
    package static let patience: Duration = .seconds(5)

    /// How a recording ended.
    package struct Outcome: Sendable {
        /// Why.
        package let end: RecordingEnd
        /// The length of the recording; 0 where the file is gone.
        package let byteCount: Int
        /// What the system refused, where that is why.
        package let error: SystemError?
    }

    /// How far a recording is.
    package struct Statistics: Hashable, Sendable {
        /// The length of the file.
        package let byteCount: Int
        /// Why nothing more is recorded; nil where it goes on.
        package let end: RecordingEnd?

        /// What was done so far.
        package init(byteCount: Int, end: RecordingEnd?) {
            self.byteCount = byteCount
            self.end = end
        }
    }

    /// The version of the program, which stands in the recording.
    package let program: String
    private let queue: ByteQueue
    /// How many bytes are written, and how the recording ended: the raw value, or a negative number before.
    private let written = Atomic<Int>(0)
    private let end = Atomic<Int>(-1)
    /// Whether nothing more is written.
    private let isOver = Atomic<Bool>(false)
    /// Whether the queue was full once.
    private let wasFull = Atomic<Bool>(false)
    /// Readable once the thread is done.
    private let done: Descriptor

    /// Empties the file and starts the thread.
    ///
    /// - Parameters:
    ///   - limit: how long the file may become, in bytes.
    ///   - capacity: the bytes that may wait.
    ///   - tell: is told by the thread how the recording ended.
    package init(
        to file: RecordingFile, program: String, limit: Int, capacity: Int = RecordingWriter.capacity,
        tell: @escaping @Sendable (Outcome) -> Void
    ) throws(SystemError) {
        self.program = program
        queue = try ByteQueue(capacity: capacity)
        done = try Descriptor.wakeUp()
        try file.empty()
        let hasThread = startThread { [self] in
            var writing = RecordingSink(file, limit: limit)
            let outcome = run(&writing)
            written.store(outcome.byteCount, ordering: .relaxed)
            end.store(Int(outcome.end.rawValue), ordering: .relaxed)
            tell(outcome)
            done.wake()
        }
        guard hasThread else { throw SystemError("there is no thread to write the recording with", code: 0) }
    }

    /// What was done so far.
    package var statistics: Statistics {
        let end = UInt8(exactly: end.load(ordering: .relaxed)).flatMap { RecordingEnd(rawValue: $0) }
        return Statistics(byteCount: written.load(ordering: .relaxed), end: end)
    }

    /// Takes records from the loop. Returns false where no more are wanted, ever.
    package func put(_ records: Span<UInt8>) -> Bool {
        guard !isOver.load(ordering: .relaxed), !wasFull.load(ordering: .relaxed) else { return false }
        guard queue.put(records.extracting(first: 0), records) else {
            wasFull.store(true, ordering: .releasing)
            queue.finish()
            return false
        }
        queue.wakeReader()
        return true
    }

    /// Lets the thread end, once the loop has ended, and waits for that, but no longer than `limit`. May be called again.
    package func finish(within limit: Duration = RecordingWriter.patience) {
        queue.finish()
        _ = done.waitForInput(milliseconds: Int32(clamping: Int64(limit / .milliseconds(1))))
    }

    private func run(_ sink: inout RecordingSink) -> Outcome {
        do throws(SystemError) {
            while !sink.isFull, queue.take({ records in sink.append(records) }) {
                guard sink.isLarge || queue.isEmpty else { continue }
                try sink.write()
                written.store(sink.written, ordering: .relaxed)
            }
        } catch {
            isOver.store(true, ordering: .relaxed)
            return sink.end(.writeFailed, error)
        }
        isOver.store(true, ordering: .relaxed)
        return sink.end(sink.isFull ? .limit : wasFull.load(ordering: .acquiring) ? .tooSlow : .nodeEnded, nil)
    }
}

/// Blocks of a recording on their way to its file.
private struct RecordingSink {
    /// The room on the disk that is kept at once, where there is so much.
    private static let roomBytes = 1 << 20

    private let file: RecordingFile
    private let limit: Int
    /// How far room is kept on the disk, so that there is some for the end when the disk becomes full.
    private var reserved = 0
    private var block = BlockWriter()
    /// How many bytes of whole blocks the file has.
    private(set) var written = 0
    /// Whether the next block would be too much.
    private(set) var isFull = false

    init(_ file: RecordingFile, limit: Int) {
        self.file = file
        self.limit = limit
    }

    /// Whether there is enough for a block.
    var isLarge: Bool { block.recordBytes >= RecordingFormat.wantedBlockBytes }

    mutating func append(_ records: Span<UInt8>) { block.append(records) }

    /// Writes what was appended as a block, where it fits beside the end.
    mutating func write() throws(SystemError) {
        let needed = written + block.closedBytes + BlockWriter.endBytes
        guard needed <= limit else {
            isFull = true
            return block.discard()
        }
        if needed > reserved { try reserve(needed) }
        try close()
    }

    private mutating func reserve(_ needed: Int) throws(SystemError) {
        let enough = min(needed + Self.roomBytes, limit)
        do throws(SystemError) {
            try file.reserve(reserved..<enough)
            reserved = enough
        } catch {
            // On a disk that is nearly full.
            try file.reserve(reserved..<needed)
            reserved = needed
        }
    }

    private mutating func close() throws(SystemError) {
        try file.check(has: written)
        block.close()
        let bytes = block.bytes
        try file.write(bytes.span, at: written)
        written += bytes.count
        block.next()
    }

    /// Writes the end behind the last whole block, in place of what could not be written.
    mutating func end(_ end: RecordingEnd, _ error: SystemError?) -> RecordingWriter.Outcome {
        var error = error
        block.discard()
        block.append(end)
        do throws(SystemError) { try close() } catch let failure { error = error ?? failure }
        let isThere = (try? file.check(has: written)) != nil
        // What is left of a block that failed, and room that is not needed.
        if isThere { try? file.cut(to: written) }
        return RecordingWriter.Outcome(
            end: error == nil ? end : .writeFailed, byteCount: isThere ? written : 0, error: error)
    }
}
