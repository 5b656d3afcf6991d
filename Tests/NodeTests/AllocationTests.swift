import CAllocations
import Testing
import VPNProtocol

@testable import VPNNode

private let now = Instant.zero + .seconds(1)

/// A node with its batch.
private struct Side: ~Copyable {
    let endpoint: Endpoint
    var engine: NodeEngine
    var batch: OutputBatch
    var delivered = 0

    init(
        _ endpoint: Endpoint, _ settings: NodeConfiguration, seed: Seed, recorder: InputRecorder? = nil
    ) throws(ConfigurationError) {
        let engine = try NodeEngine(settings, seed: seed, startingAt: .zero, recorder: recorder)
        self.endpoint = endpoint
        self.engine = engine
        batch = OutputBatch(for: settings.seal, capacity: 8192)
    }

    /// Takes a frame from the device.
    mutating func send(_ frame: [UInt8]) {
        let staged = batch.stageFrame { span in
            for index in frame.indices { span[index] = frame[index] }
            return frame.count
        }
        if let staged { engine.send(staged, at: now, into: &batch) }
    }

    /// Brings everything that waits here to the other side, over a wire of bare memory.
    mutating func flush(to other: inout Side, over wire: inout [UInt8]) {
        engine.seal(&batch)
        for transmit in batch.transmits {
            for segment in transmit.segments {
                for index in segment { wire[index - segment.lowerBound] = batch.bytes[index] }
                other.receive(&wire, byteCount: segment.count, from: endpoint)
            }
        }
        engine.endRound(batch)
        batch.reset()
    }

    private mutating func receive(_ wire: inout [UInt8], byteCount: Int, from source: Endpoint) {
        var span = wire.mutableSpan
        var datagram = span._mutatingExtracting(first: byteCount)
        let reception = engine.receive(&datagram, from: source, at: now, into: &batch)
        if reception.disposition == .deliver { delivered += 1 }
    }
}

@Suite("Memory")
struct AllocationTests {
    struct Case: CustomStringConvertible {
        let seal: PacketSeal
        let device: DeviceType
        let mode: ForwardingMode
        var isRecorded = false
        var description: String { "\(device) \(mode) \(seal.method)\(isRecorded ? ", recorded" : "")" }
    }

    static let cases: [Case] = [
        Case(seal: plain, device: .tun, mode: .router), Case(seal: encrypted, device: .tun, mode: .router),
        Case(seal: encrypted, device: .tap, mode: .switch), Case(seal: encrypted, device: .tap, mode: .hub),
        Case(seal: encrypted, device: .tun, mode: .switch),
        Case(seal: encrypted, device: .tun, mode: .router, isRecorded: true),
        Case(seal: plain, device: .tap, mode: .hub, isRecorded: true),
    ]

    /// Whether the program is optimised. Without optimisation the standard library's generic code allocates by itself.
    static var isOptimised: Bool {
        var assertionsRun = false
        assert({ assertionsRun = true }() == ())
        return !assertionsRun
    }

    @Test(
        "a data packet allocates nothing, in either direction, once the nodes are warm",
        .enabled(if: isOptimised, "allocations are counted in optimised builds; run with -c release"), arguments: cases)
    func noAllocations(of given: Case) throws {
        var wire = [UInt8](repeating: 0, count: 2048)
        let settings = configuration(given.seal, device: given.device) { $0.mode = given.mode }
        var leftSettings = settings
        leftSettings.peers = [peerName(endpoint(2))]
        leftSettings.subnets = [subnet("10.0.1.0/24")]
        var rightSettings = settings
        rightSettings.subnets = [subnet("10.0.2.0/24")]
        var recorded = 0
        let recorder = InputRecorder(program: "a test") { records in
            recorded += records.count
            return true
        }
        var one = try Side(
            endpoint(1), leftSettings, seed: seed(1), recorder: given.isRecorded ? recorder : nil)
        var two = try Side(endpoint(2), rightSettings, seed: seed(2))
        one.engine.advance(to: now, into: &one.batch)
        for _ in 0..<8 {
            one.flush(to: &two, over: &wire)
            two.flush(to: &one, over: &wire)
        }
        let (left, right) = (UInt64(0x0200_0000_0001), UInt64(0x0200_0000_0002))
        let there =
            given.device == .tap
            ? ethernet(to: right, from: left) : ipv4(from: .init(10, 0, 1, 1), to: .init(10, 0, 2, 1))
        let back =
            given.device == .tap
            ? ethernet(to: left, from: right) : ipv4(from: .init(10, 0, 2, 1), to: .init(10, 0, 1, 1))
        for _ in 0..<10 {
            one.send(there)
            one.flush(to: &two, over: &wire)
            two.send(back)
            two.flush(to: &one, over: &wire)
        }
        let warm = one.delivered + two.delivered
        let before = allocations_of_this_thread()
        for _ in 0..<1000 {
            one.send(there)
            one.flush(to: &two, over: &wire)
            two.send(back)
            two.flush(to: &one, over: &wire)
        }
        let allocated = allocations_of_this_thread() - before
        let deliveredFrames = one.delivered + two.delivered - warm
        #expect(deliveredFrames == 2000)
        #expect(given.isRecorded ? recorded > 2000 * there.count : recorded == 0)
        #expect(allocated == 0)
    }

    /// The bytes that a node holds which so many others have joined, less those of one without peers.
    private func bytesOfPeers(_ count: Int, _ settings: NodeConfiguration) throws -> Int {
        // What is allocated once for all nodes is there already.
        _ = try nodeWithPeers(1, settings).peerCount
        let before = held_bytes_of_this_thread()
        let empty = try nodeWithPeers(0, settings)
        let between = held_bytes_of_this_thread()
        let node = try nodeWithPeers(count, settings)
        let after = held_bytes_of_this_thread()
        #expect(empty.peerCount == 0)
        #expect(node.peerCount == count)
        return Int((after - between) - (between - before))
    }

    @Test(
        "an idle peer takes less than 150 bytes, with all room that the tables have beyond it",
        .enabled(if: isOptimised, "in optimised builds, as the other tests of memory; run with -c release"),
        arguments: [700, 769, 1_000, 1_537, 5_000])
    func bytesPerPeer(count: Int) throws {
        for seal in [plain, encrypted] {
            let bytes = try bytesOfPeers(count, configuration(seal))
            #expect(bytes < 150 * count, "\(Double(bytes) / Double(count)) bytes per peer")
        }
    }

    @Test("the counters count")
    func counterCounts() {
        let before = allocations_of_this_thread()
        let held = held_bytes_of_this_thread()
        let array = [UInt8](repeating: 1, count: 100_000)
        #expect(array.count == 100_000)
        withExtendedLifetime(array) { #expect(held_bytes_of_this_thread() >= held + 100_000) }
        #expect(allocations_of_this_thread() > before)
    }

    @Test("a peer is 96 bytes, and an entry of the agenda 24")
    func layout() {
        #expect(MemoryLayout<Peer>.stride == 96)
        #expect(MemoryLayout<Agenda.Entry>.stride == 24)
    }
}
