import Synchronization
import VPNNode
import VPNProtocol

// What the loop calls. A packet is copied once, with what is known of it; nothing here waits.
extension PacketFeed {
    /// Takes frames of the device, which stand in a batch and are not sealed yet.
    func takeFrames(_ frames: StagedFrames, of batch: borrowing OutputBatch) {
        time = nanosecondsSince1970()
        let head = Head(PacketRecord(.fromDevice, at: time))
        let bytes = batch.bytes
        var tally = Tally(isWanted: isWanted)
        var start = frames.range.lowerBound
        while start < frames.range.upperBound {
            let end = min(start + frames.frameBytes, frames.range.upperBound)
            tally.put(head.record, bytes.extracting(start..<end), into: queue)
            start = end + batch.gapBytes
        }
        count(tally, of: .inner)
    }

    /// Takes the messages of a batch from one of its transmits on, which are not sealed yet, once for each destination.
    func takeMessages(of batch: borrowing OutputBatch, from first: Int) {
        guard includesOuter, first < batch.transmits.count else { return }
        time = nanosecondsSince1970()
        let (transmits, destinations) = (batch.transmits, batch.destinations)
        let bytes = batch.bytes
        var tally = Tally(isWanted: isWanted)
        for transmit in transmits[first...] {
            for index in transmit.destinations {
                var head = Head(PacketRecord(.sent, at: time, peer: destinations[index]))
                head.setHeader(PacketHeader(magic: seal.magic, method: .none, type: transmit.type))
                for packet in transmit.segments {
                    let message = packet.lowerBound + seal.headBytes..<packet.upperBound - seal.tailBytes
                    tally.put(head.whole, bytes.extracting(message), into: queue)
                }
            }
        }
        count(tally, of: .outer)
    }

    /// Begins with datagrams that came at one time.
    func startReceiving() { time = nanosecondsSince1970() }

    /// Keeps a datagram as it came, since opening it in vain leaves nothing of it.
    func keep(_ datagram: Span<UInt8>) {
        guard includesOuter else { return }
        kept.replace(with: datagram)
    }

    /// Takes a datagram after it was opened, or was to be.
    func take(_ datagram: Span<UInt8>, _ reception: Reception, from source: Endpoint) {
        if includesOuter { takeOuter(datagram, reception.packet, from: source) }
        guard reception.disposition == .deliver, let packet = reception.packet else { return }
        let head = Head(PacketRecord(.toDevice, at: time))
        var tally = Tally(isWanted: isWanted)
        tally.put(head.record, datagram.extracting(packet.message), into: queue)
        count(tally, of: .inner)
    }

    private func takeOuter(_ datagram: Span<UInt8>, _ packet: OpenedPacket?, from source: Endpoint) {
        var tally = Tally(isWanted: isWanted)
        if let packet {
            var head = Head(PacketRecord(.received, at: time, peer: source))
            head.setHeader(of: datagram)
            tally.put(head.whole, datagram.extracting(packet.message), into: queue)
        } else {
            let head = Head(PacketRecord(.unopened, at: time, peer: source))
            let kept = kept.bytes
            if kept.isEmpty {
                tally.put(head.record, datagram, into: queue)
            } else {
                tally.put(head.record, kept.span.extracting(first: datagram.count), into: queue)
            }
        }
        count(tally, of: .outer)
    }

    /// Ends a round of the loop.
    func endRound() { queue.wakeReader() }

    private func count(_ tally: Tally, of stream: Stream) {
        let counters = counters(stream)
        // No other thread changes these two, until the loop has ended.
        counters.offered.store(counters.offered.load(ordering: .relaxed) &+ tally.offered, ordering: .relaxed)
        if tally.refused > 0 { counters.refused.wrappingAdd(tally.refused, ordering: .relaxed) }
    }
}

/// What stands before a packet in the queue: the record, and before a message its header, as it is without encryption.
private struct Head {
    private var bytes = InlineArray<40, UInt8>(repeating: 0)

    init(_ record: PacketRecord) {
        var target = bytes.mutableSpan
        record.write(to: &target)
    }

    mutating func setHeader(_ header: PacketHeader) {
        var target = bytes.mutableSpan
        header.write(to: &target, at: PacketRecord.byteCount)
    }

    /// Takes the header of a packet, whose reserved bytes may hold anything, and says that it is not encrypted.
    mutating func setHeader(of packet: Span<UInt8>) {
        var target = bytes.mutableSpan
        target.copy(packet.extracting(first: PacketHeader.byteCount), to: PacketRecord.byteCount)
        target[PacketRecord.byteCount + PacketHeader.methodOffset] = CryptoMethod.none.rawValue
    }

    /// Without the header of a message.
    var record: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span.extracting(first: PacketRecord.byteCount) }
    }

    /// With the header of a message.
    var whole: Span<UInt8> {
        @_lifetime(borrow self) get { bytes.span }
    }
}

/// Counts packets on their way into a queue.
private struct Tally {
    /// Where not, no packet is put into the queue.
    let isWanted: Bool
    var offered: UInt64 = 0
    var refused: UInt64 = 0

    init(isWanted: Bool) { self.isWanted = isWanted }

    mutating func put(_ head: Span<UInt8>, _ body: Span<UInt8>, into queue: ByteQueue) {
        offered += 1
        if !isWanted || !queue.put(head, body) { refused += 1 }
    }
}
