import Testing
import VPNProtocol

@testable import VPNNode

private let now = Instant.zero + .seconds(1)

/// A node with peers at the given addresses, each of which sent it an Init.
private struct Sender: ~Copyable {
    var engine: NodeEngine
    var batch: OutputBatch

    init(_ settings: NodeConfiguration, peers: [Endpoint]) throws {
        var engine = try NodeEngine(settings, seed: seed(1), startingAt: .zero)
        var batch = OutputBatch(for: settings.seal, capacity: 400_000)
        for (number, peer) in peers.enumerated() {
            var other = try NodeEngine(
                configuration(settings.seal, device: settings.deviceType) { $0.peers = [peerName(endpoint(1))] },
                seed: seed(10 + number), startingAt: .zero)
            var greeting = OutputBatch(for: settings.seal, capacity: 2000)
            other.advance(to: now, into: &greeting)
            other.resolved(peerName(endpoint(1)), to: [endpoint(1)], at: now, into: &greeting)
            other.seal(&greeting)
            let first = try #require(greeting.transmits.first)
            var bytes = first.range.map { greeting.bytes[$0] }
            var span = bytes.mutableSpan
            let reception = engine.receive(&span, from: peer, at: now, into: &batch)
            #expect(reception.disposition == .handled)
        }
        engine.seal(&batch)
        batch.reset()
        self.engine = engine
        self.batch = batch
    }

    /// Sends frames of `byteCount` bytes, the last of `lastBytes`: as one run, or one by one. Each is an Ethernet frame to a
    /// station that nobody has seen.
    mutating func send(_ count: Int, of byteCount: Int, last lastBytes: Int, asRun: Bool) {
        let frames = (0..<count).map { index in
            let whole = ethernet(to: 0x0200_0000_0009, from: 0x0200_0000_0001)
            let length = index == count - 1 ? lastBytes : byteCount
            return (0..<length).map { $0 < whole.count ? whole[$0] : UInt8(truncatingIfNeeded: $0 &* 3 &+ index) }
        }
        guard asRun else {
            for frame in frames { engine.send(batch.stageFrame(copying: frame.span), at: now, into: &batch) }
            return
        }
        let gap = batch.gapBytes
        let staged = batch.stageFrames { room in
            for (index, frame) in frames.enumerated() {
                for place in frame.indices { room[index * (byteCount + gap) + place] = frame[place] }
            }
            return .init(frameBytes: byteCount, count: count, lastBytes: lastBytes)
        }
        if let staged { engine.send(staged, at: now, into: &batch) }
    }

    /// Each packet with its receivers, in order of the packets.
    mutating func packets() -> [Packet] {
        engine.seal(&batch)
        var packets: [Packet] = []
        for transmit in batch.transmits {
            for segment in transmit.segments {
                packets.append(
                    Packet(
                        bytes: segment.map { batch.bytes[$0] },
                        receivers: Array(batch.destinations[transmit.destinations])))
            }
        }
        return packets
    }

    struct Packet: Equatable {
        let bytes: [UInt8]
        let receivers: [Endpoint]
    }
}

@Suite("A run of frames")
struct FrameRunTests {
    private static func settings(_ seal: PacketSeal) -> NodeConfiguration { configuration(seal, device: .tap) { _ in } }

    @Test(
        "becomes the packets that its frames would become one by one",
        arguments: [(1, 1400, 1400), (2, 1400, 60), (45, 1400, 1400), (48, 1400, 700), (200, 100, 20), (64, 60, 60)],
        [encrypted, plain])
    func packets(run: (count: Int, byteCount: Int, lastBytes: Int), seal: PacketSeal) throws {
        for peers in [[endpoint(2)], [endpoint(2), endpoint(3), endpoint(4)]] {
            var whole = try Sender(Self.settings(seal), peers: peers)
            var single = try Sender(Self.settings(seal), peers: peers)
            // Something before, which the run may continue.
            for count in [1, run.count] {
                whole.send(count, of: run.byteCount, last: run.lastBytes, asRun: true)
                single.send(count, of: run.byteCount, last: run.lastBytes, asRun: false)
            }
            let packets = whole.packets()
            #expect(packets.count == 1 + run.count)
            #expect(packets == single.packets())
            #expect(whole.engine.statistics() == single.engine.statistics())
        }
    }

    @Test("goes out in as few transmits as the kernel's bounds for one allow")
    func transmits() throws {
        var sender = try Sender(Self.settings(encrypted), peers: [endpoint(2)])
        sender.send(100, of: 1400, last: 10, asRun: true)
        #expect(sender.batch.transmits.map { Array($0.segments).count } == [45, 45, 10])
        // The last one was shorter, so the next run begins a transmit.
        sender.send(2, of: 1400, last: 1400, asRun: true)
        sender.send(3, of: 1400, last: 1400, asRun: true)
        #expect(sender.batch.transmits.map { Array($0.segments).count } == [45, 45, 10, 5])
        // Shorter ones, several at once: not the tail of the run before, though all of them fit into a packet of it.
        sender.send(3, of: 100, last: 100, asRun: true)
        #expect(sender.batch.transmits.map { Array($0.segments).count } == [45, 45, 10, 5, 3])
    }

    @Test("is counted frame by frame where it is dropped")
    func drops() throws {
        var sender = try Sender(Self.settings(plain), peers: [])
        sender.send(7, of: 100, last: 50, asRun: true)
        let counters = sender.engine.statistics().counters
        #expect(counters.dropped(.noPeers) == 7)
        #expect(counters.taken == Traffic(packets: 7, bytes: 650))
        #expect(sender.batch.transmits.isEmpty)
    }
}
