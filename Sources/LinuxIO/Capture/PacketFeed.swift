import Glibc
import Synchronization
package import VPNProtocol

/// The packets of a running node on their way from its loop to a thread that writes them down. The loop never waits for that
/// thread: what finds no room on the way is dropped, and counted.
package final class PacketFeed: @unchecked Sendable {
    // Sendable: what is no constant and no atomic belongs to the thread of the loop.

    /// The two things that are captured.
    package enum Stream: Int, CaseIterable, Sendable {
        /// The frames of the device.
        case inner
        /// The datagrams of the sockets.
        case outer
    }

    /// The bytes that may wait: some 30 ms at 2 Gbit/s, each packet being captured twice.
    package static let capacity = 16 << 20

    let seal: PacketSeal
    let includesOuter: Bool
    let queue: ByteQueue
    private let isOn = Atomic<Bool>(true)
    /// Readable once the writing thread has closed the feed.
    private let done: Descriptor
    private var isFinished = false

    /// When what the loop is at was exchanged with the kernel.
    var time: UInt64 = 0
    /// The last datagram as it came.
    var kept: Kept

    private let inner = Counters()
    private let outer = Counters()

    /// What was counted of one stream: the first two by the loop, the others by the writing thread.
    final class Counters: Sendable {
        let offered = Atomic<UInt64>(0)
        let refused = Atomic<UInt64>(0)
        let captured = Atomic<UInt64>(0)
        let filtered = Atomic<UInt64>(0)
        let lost = Atomic<UInt64>(0)
    }

    /// A feed that is on.
    ///
    /// - Parameters:
    ///   - seal: that of the node.
    ///   - includesOuter: whether datagrams are wanted besides frames.
    ///   - capacity: the bytes that may wait.
    package init(seal: PacketSeal, includesOuter: Bool, capacity: Int = PacketFeed.capacity) throws(SystemError) {
        self.seal = seal
        self.includesOuter = includesOuter
        queue = try ByteQueue(capacity: capacity)
        done = try Descriptor.wakeUp()
        // Where nothing is encrypted, opening changes nothing.
        kept = Kept(byteCount: seal.method == .none ? 0 : ReceiveArena.slotBytes)
    }

    /// Room for one datagram; or none, where nothing is to be kept.
    struct Kept {
        private(set) var bytes: [UInt8]

        init(byteCount: Int) { bytes = [UInt8](repeating: 0, count: byteCount) }

        mutating func replace(with datagram: Span<UInt8>) {
            guard !bytes.isEmpty else { return }
            var target = bytes.mutableSpan
            target.copy(datagram, to: 0)
        }
    }

    func counters(_ stream: Stream) -> Counters { stream == .inner ? inner : outer }

    /// Whether packets are still wanted.
    var isWanted: Bool { isOn.load(ordering: .relaxed) }
}

// For any thread.
extension PacketFeed {
    /// What became of the packets of a stream.
    package struct Counts: Hashable, Sendable {
        /// Packets that were written.
        package var captured: UInt64 = 0
        /// Packets that were seen and not wanted.
        package var filtered: UInt64 = 0
        /// Packets that were wanted and are missing.
        package var dropped: UInt64 = 0

        /// Nothing was seen.
        package init() {}

        /// All of them.
        var sum: UInt64 { captured + filtered + dropped }
    }

    /// What was counted of a stream so far. What is on its way is in none of the counts; once the feed is closed, the loop has
    /// seen as many packets as there are in all of them.
    package func counts(_ stream: Stream) -> Counts {
        let counters = counters(stream)
        var counts = Counts()
        counts.captured = counters.captured.load(ordering: .relaxed)
        counts.filtered = counters.filtered.load(ordering: .relaxed)
        counts.dropped = counters.refused.load(ordering: .relaxed) + counters.lost.load(ordering: .relaxed)
        return counts
    }
}

// For the loop and its end.
extension PacketFeed {
    /// Lets the writing thread end, and waits for that, but no longer than `limit`. What it has not come to by then counts as
    /// dropped. May be called again.
    package func finish(within limit: Duration) {
        guard !isFinished else { return }
        isFinished = true
        queue.finish()
        guard !done.waitForInput(milliseconds: Int32(clamping: Int64(limit / .milliseconds(1)))) else { return }
        for stream in Stream.allCases {
            let offered = counters(stream).offered.load(ordering: .relaxed)
            let known = counts(stream).sum
            if offered > known { counters(stream).lost.wrappingAdd(offered - known, ordering: .relaxed) }
        }
    }
}

// For the writing thread.
extension PacketFeed {
    /// Waits for the next packet and lends it to `body`: a frame, or the payload of a datagram. Returns false, without a call,
    /// once the feed is finished and empty.
    package func take(_ body: (PacketRecord, Span<UInt8>) -> Void) -> Bool {
        queue.take { bytes in
            body(PacketRecord(bytes), bytes.extracting(droppingFirst: PacketRecord.byteCount))
        }
    }

    /// Whether no packet is on its way just now.
    package var isEmpty: Bool { queue.isEmpty }

    /// Counts packets of a stream that were written since the last call, not wanted, or lost.
    package func note(_ stream: Stream, captured: UInt64 = 0, filtered: UInt64 = 0, lost: UInt64 = 0) {
        let counters = counters(stream)
        if captured > 0 { counters.captured.wrappingAdd(captured, ordering: .relaxed) }
        if filtered > 0 { counters.filtered.wrappingAdd(filtered, ordering: .relaxed) }
        if lost > 0 { counters.lost.wrappingAdd(lost, ordering: .relaxed) }
    }

    /// Turns the feed off: the loop goes on counting packets, as dropped ones, and hands over none.
    package func turnOff() { isOn.store(false, ordering: .relaxed) }

    /// Says that all was counted and the thread ends.
    package func close() { done.wake() }
}
