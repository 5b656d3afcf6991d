import Testing
import VPNProtocol
import VPNSimulator

@testable import VPNNode

/// Each node's nonces are a sequence, which tells one node from another at the same address.
@Suite("Messages out of a peer's sequence")
struct SequenceTests {
    private let data = ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 0, 2))

    /// A node at address 1 with a peer at address 10, whose first nonce is 2⁶⁰.
    private func pair() throws -> (VirtualNetwork, VirtualNode) {
        let network = VirtualNetwork()
        let node = try network.start(
            "node", configuration { $0.peerTimeout = .seconds(100) }, at: [endpoint(1)], seed: seed(1))
        network.inject(
            packet(.initial, initial(.request, id: 1000), nonce: 1 << 60), from: endpoint(10), to: endpoint(1))
        return (network, node)
    }

    @Test(
        "are no message of the peer's: not delivered, and answered with an Init", arguments: [1, 1 << 90] as [UInt128])
    func foreignData(nonce: UInt128) throws {
        let (network, node) = try pair()
        var answers: [MessageType] = []
        network.tap = { answers.append(open($0.bytes)?.type ?? .close) }
        network.inject(packet(.data, data, nonce: nonce), from: endpoint(10), to: endpoint(1))
        #expect(node.delivered.isEmpty)
        #expect(node.dropped(.unknownSender) == 1)
        #expect(answers == [.initial])
    }

    @Test("do not keep the peer alive")
    func foreignDataRefreshesNobody() throws {
        let (network, node) = try pair()
        for _ in 0..<20 {
            network.run(for: .seconds(10))
            network.inject(packet(.data, data, nonce: 5), from: endpoint(10), to: endpoint(1))
        }
        #expect(node.peers.isEmpty)
    }

    @Test("that are only late are delivered")
    func lateData() throws {
        let (network, node) = try pair()
        network.inject(packet(.data, data, nonce: (1 << 60) + 9), from: endpoint(10), to: endpoint(1))
        network.inject(packet(.data, data, nonce: (1 << 60) + 5), from: endpoint(10), to: endpoint(1))
        #expect(node.delivered.count == 2)
    }

    @Test("let a node that has come to a peer's address take its place within a second")
    func newNodeAtOldAddress() throws {
        let (network, node) = try pair()
        let settings = configuration {
            $0.mode = .hub
            $0.peers = [peerName(endpoint(1))]
        }
        let other = try network.start("other", settings, at: [endpoint(11)], seed: seed(2))
        network.run(for: .seconds(2))
        #expect(node.peers.count == 2)
        network.move(other, to: [endpoint(10)])
        network.send(data, from: other)
        network.run(for: .seconds(1))
        #expect(node.peers == [other.id])
        #expect(node.knowledge(of: other)?.addresses.first == endpoint(10))
        network.send(data, from: other)
        network.run(for: .seconds(1))
        #expect(node.delivered.count == 1)
    }

    @Test(
        "an Init is answered twice a second at most, so that a forged source gets no flood",
        arguments: [encrypted, plain])
    func answerRate(seal: PacketSeal) throws {
        let network = VirtualNetwork()
        let node = try network.start("node", configuration(seal), at: [endpoint(1)], seed: seed(1))
        var answers = 0
        network.tap = { if $0.destination == endpoint(10) { answers += 1 } }
        for index in 0..<90 {
            let message = packet(.initial, initial(.request, id: 1000), nonce: UInt128(index + 1), seal: seal)
            network.inject(message, from: endpoint(10), to: endpoint(1))
            network.run(for: .milliseconds(10))
        }
        // An Init and a list each at 0 and 500 ms.
        #expect(answers == 4)
        #expect(node.engine.statistics().counters.withheldAnswers == 88)
    }

    @Test("or repeated keep no peer alive, wherever they come from", arguments: [10, 11])
    func repetitionsRefreshNobody(number: Int) throws {
        let (network, node) = try pair()
        for _ in 0..<20 {
            network.run(for: .seconds(10))
            let repeated = packet(.initial, initial(.request, id: 1000), nonce: 1 << 60)
            network.inject(repeated, from: endpoint(number), to: endpoint(1))
            network.inject(packet(.close, [], nonce: 1 << 90), from: endpoint(number), to: endpoint(1))
        }
        #expect(node.peers.isEmpty)
    }

    @Test("do not lock a peer out for ever, whatever its mark was led to")
    func markLedAstray() throws {
        let network = VirtualNetwork()
        let node = try network.start("node", configuration(), at: [endpoint(1)], seed: seed(1))
        let settings = configuration {
            $0.mode = .hub
            $0.peers = [peerName(endpoint(1))]
        }
        let other = try network.start("other", settings, at: [endpoint(10)], seed: seed(2))
        network.run(for: .seconds(2))
        // Someone with the key moves the mark on, step by step.
        for step in 1...3 {
            let nonce = other.engine.nonce.bits + UInt128(step) << 48
            network.inject(packet(.data, data, nonce: nonce), from: endpoint(10), to: endpoint(1))
        }
        let forged = node.delivered.count
        network.send(data, from: other)
        network.run(for: .seconds(2))
        network.send(data, from: other)
        network.run(for: .seconds(2))
        #expect(node.delivered.count > forged)
    }

    @Test("that a peer sent to others unseat nobody when repeated from another peer's address")
    func initForOthersRepeated() throws {
        let network = VirtualNetwork()
        var captured: [UInt8] = []
        network.tap = { if $0.source == endpoint(2), $0.destination == endpoint(99) { captured = $0.bytes } }
        let node = try network.start("node", configuration(), at: [endpoint(1)], seed: seed(1))
        let first = try network.start(
            "a", configuration { $0.peers = [peerName(endpoint(1)), peerName(endpoint(99))] }, at: [endpoint(2)],
            seed: seed(2))
        let second = try network.start(
            "d", configuration { $0.peers = [peerName(endpoint(1))] }, at: [endpoint(3)], seed: seed(3))
        network.run(for: .seconds(5))
        network.inject(captured, from: endpoint(3), to: endpoint(1))
        network.run(for: .seconds(5))
        #expect(node.isConnected(to: [first, second]))
        #expect(node.knowledge(of: first)?.addresses.first == endpoint(2))
        #expect(node.knowledge(of: second)?.addresses.first == endpoint(3))
    }
}
