import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@Suite("A repeated message")
struct FreshnessTests {
    private static let timeout: Duration = .seconds(100)
    private let network = VirtualNetwork()
    private let node: VirtualNode

    init() throws {
        node = try network.start(
            "node", configuration { $0.peerTimeout = Self.timeout }, at: [endpoint(1)], seed: seed(1))
    }

    /// A packet that a peer with id 9 seals.
    private func send(_ type: MessageType, _ message: [UInt8] = [], nonce: UInt128, from source: Endpoint) {
        network.inject(packet(type, message, nonce: nonce), from: source, to: endpoint(1))
    }

    private var joined: Int {
        node.events.count { if case .peerJoined = $0.event { true } else { false } }
    }

    @Test(
        "from an address that is not the peer's does not keep the peer alive",
        arguments: [InitMessage.Stage.request, .response])
    func keepsNobodyAlive(stage: InitMessage.Stage) {
        send(.initial, initial(stage, id: 9), nonce: 100, from: endpoint(2))
        #expect(node.peers == [NodeID(bits: 9)])
        for _ in 0..<5 {
            network.run(for: .seconds(30))
            send(.initial, initial(stage, id: 9), nonce: 100, from: endpoint(66))
        }
        #expect(node.peers.isEmpty)
        #expect(node.dropped(.notFresh) == 5)
    }

    @Test("of a node that left does not bring it back; a later one does", arguments: [true, false])
    func departed(byClose: Bool) {
        send(.initial, initial(.request, id: 9), nonce: 100, from: endpoint(2))
        if byClose { send(.close, nonce: 101, from: endpoint(2)) }
        network.run(for: Self.timeout)
        #expect(node.peers.isEmpty)
        for nonce in [100, 99, byClose ? 101 : 100] as [UInt128] {
            send(.initial, initial(.request, id: 9), nonce: nonce, from: endpoint(2))
        }
        #expect(node.peers.isEmpty)
        #expect(joined == 1)
        send(.initial, initial(.request, id: 9), nonce: 102, from: endpoint(2))
        #expect(node.peers == [NodeID(bits: 9)])
    }

    @Test("neither moves the peer's address nor takes it from another peer")
    func movesNothing() {
        send(.initial, initial(.request, id: 9), nonce: 100, from: endpoint(2))
        send(.initial, initial(.request, id: 10), nonce: 1 << 80, from: endpoint(3))
        send(.initial, initial(.request, id: 9), nonce: 100, from: endpoint(3))
        send(.initial, initial(.request, id: 9), nonce: 100, from: endpoint(4))
        let peers = node.engine.statistics().peers
        #expect(peers.map(\.addresses) == [[endpoint(2)], [endpoint(3)]])
        // A fresh one that asks may have been meant for others, and be repeated here; one that answers does both.
        send(.initial, initial(.request, id: 9), nonce: 101, from: endpoint(3))
        #expect(node.engine.statistics().peers.map(\.addresses) == [[endpoint(2)], [endpoint(3)]])
        send(.initial, initial(.response, id: 9), nonce: 102, from: endpoint(3))
        #expect(node.engine.statistics().peers.map(\.addresses) == [[endpoint(3), endpoint(2)]])
        #expect(node.events.contains { $0.event == .peerLost(NodeID(bits: 10), endpoint(3), .replaced) })
    }

    @Test("from an older address of the peer refreshes it and moves nothing; a fresh one moves the address")
    func olderAddress() {
        send(.initial, initial(.request, id: 9), nonce: 100, from: endpoint(2))
        send(.initial, initial(.request, id: 9), nonce: 101, from: endpoint(3))
        #expect(node.engine.statistics().peers.first?.addresses == [endpoint(3), endpoint(2)])
        let data = ipv4(from: IPAddress(10, 0, 0, 1), to: IPAddress(10, 0, 0, 2))
        network.run(for: .seconds(60))
        send(.data, data, nonce: 90, from: endpoint(2))
        network.run(for: .seconds(60))
        #expect(node.engine.statistics().peers.first?.addresses == [endpoint(3), endpoint(2)])
        send(.data, data, nonce: 102, from: endpoint(2))
        #expect(node.engine.statistics().peers.first?.addresses == [endpoint(2), endpoint(3)])
        #expect(node.delivered == [data, data])
    }
}

@Suite("An engine")
struct EngineTests {
    @Test("wants to be called later than now once it did what was due, whatever came in", arguments: 0..<8)
    func deadlines(row: Int) throws {
        let configuration = configuration(row.isMultiple(of: 2) ? encrypted : plain, device: .tap) {
            $0.peers = [peerName(endpoint(2)), peerName(endpoint(3)), PeerName("host.example:1")].compactMap(\.self)
            $0.portForwarding = true
            $0.peerTimeout = .seconds(1 + row * row)
            $0.stationTimeout = .seconds(1 + row)
            $0.dialect = Dialect.allCases[row % 4]
            $0.limits.peers = 5
        }
        var engine = try NodeEngine(configuration, seed: seed(row), startingAt: .zero)
        var batch = OutputBatch(for: configuration.seal, capacity: 1000)
        var numbers = seed(row).numbers(for: "inputs")
        var now = Instant.zero
        for nonce in 1..<1_000 as Range<UInt128> {
            now = now + .milliseconds(numbers.next(below: 400))
            if numbers.next(below: 100) == 0 { now = now + .seconds(numbers.next(below: 1000)) }
            let who = numbers.next(below: 12)
            var bytes: [UInt8] =
                switch numbers.next(below: 6) {
                case 0: packet(.initial, initial(.request, id: UInt128(who)), nonce: nonce, seal: configuration.seal)
                case 1: packet(.initial, initial(.response, id: engine.id.bits), nonce: nonce, seal: configuration.seal)
                case 2: packet(.close, [], nonce: nonce, seal: configuration.seal)
                case 3: packet(.peers, list((1..<30).map { endpoint($0) }), nonce: nonce, seal: configuration.seal)
                default:
                    packet(
                        .data, ethernet(to: 0x0200_0000_0000, from: 0x0200_0000_0000 + UInt64(who)), nonce: nonce,
                        seal: configuration.seal)
                }
            var span = bytes.mutableSpan
            _ = engine.receive(&span, from: endpoint(2 + who), at: now, into: &batch)
            engine.advance(to: now, into: &batch)
            for name in batch.names {
                engine.resolved(name, to: numbers.next(below: 2) == 0 ? [] : [endpoint(who)], at: now, into: &batch)
            }
            for _ in batch.portMappings { engine.portMappingFailed(at: now, into: &batch) }
            engine.advance(to: now, into: &batch)
            let deadline = engine.nextDeadline
            #expect(deadline.map { $0 > now } == true)
            engine.seal(&batch)
            batch.reset()
        }
        let peers = engine.statistics().peers.count
        #expect(peers <= 5)
    }

    @Test("does nothing after it was shut down")
    func shutDown() throws {
        let network = VirtualNetwork()
        let first = try network.start(
            "first", configuration { $0.peers = [peerName(endpoint(2))] }, at: [endpoint(1)], seed: seed(1))
        let second = try network.start("second", configuration(), at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(3))
        var engine = try NodeEngine(configuration(), seed: seed(3), startingAt: .zero)
        var batch = OutputBatch(for: encrypted, capacity: 1000)
        engine.shutDown(at: .zero, into: &batch)
        engine.advance(to: .zero + .seconds(1), into: &batch)
        engine.resolved(peerName(endpoint(1)), to: [endpoint(1)], at: .zero + .seconds(1), into: &batch)
        #expect(batch.transmits.isEmpty)
        let deadline = engine.nextDeadline
        #expect(deadline == nil)
        network.stop(first)
        network.run(for: .seconds(1))
        #expect(second.peers.isEmpty)
        #expect(second.events.contains { $0.event == .peerLost(first.id, endpoint(1), .closed) })
    }
}
