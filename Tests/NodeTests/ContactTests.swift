import Testing
import VPNProtocol
import VPNSimulator

@testable import VPNNode

@Suite("The queue of contacts")
struct ContactQueueTests {
    private static let nonce = Nonce(bits: 5)

    private func at(_ seconds: Double) -> Instant { .zero + .seconds(seconds) }

    @Test("takes an address up once, and as many as it has room for")
    func admission() {
        var queue = ContactQueue(capacity: 2, perSecond: 10, key: placeKey)
        let admissions = [1, 1, 2, 3].map { queue.admit(endpoint($0), at: .zero) }
        #expect(admissions == [.new, .waiting, .new, .full])
        #expect(queue.count == 2)
        queue.remove(endpoint(1))
        let later = queue.admit(endpoint(3), at: .zero)
        #expect(later == .new)
        #expect(!queue.contains(endpoint(1)))
    }

    @Test("lets an address have three turns: at once, after 1 s and after 3 s more")
    func turns() {
        var queue = ContactQueue(capacity: 2, perSecond: 10, key: placeKey)
        _ = queue.admit(endpoint(1), at: .zero)
        let first = queue.takeTurn(endpoint(1), nonce: Self.nonce, at: .zero)
        #expect(first == .contact(again: at(1)))
        #expect(queue.mark(of: endpoint(1)) == Self.nonce)
        #expect(!queue.isDue(endpoint(1), at: at(0.999)))
        #expect(queue.isDue(endpoint(1), at: at(1)))
        let second = queue.takeTurn(endpoint(1), nonce: Self.nonce, at: at(1))
        #expect(second == .contact(again: at(4)))
        let third = queue.takeTurn(endpoint(1), nonce: Self.nonce, at: at(4))
        #expect(third == .contact(again: nil))
        #expect(!queue.contains(endpoint(1)))
        #expect(!queue.isDue(endpoint(1), at: at(1000)))
    }

    @Test("lets no more than its number have their turn within a second")
    func pace() {
        var queue = ContactQueue(capacity: 10, perSecond: 2, key: placeKey)
        for number in 0..<5 { _ = queue.admit(endpoint(number), at: .zero) }
        let turns = (0..<5).map { queue.takeTurn(endpoint($0), nonce: Self.nonce, at: at(0.5)) }
        #expect(
            turns == [.contact(again: at(1.5)), .contact(again: at(1.5))] + (0..<3).map { _ in .wait(until: at(1.5)) })
        #expect(!queue.isDue(endpoint(4), at: at(1.499)))
        let next = [2, 3, 4].map { queue.takeTurn(endpoint($0), nonce: Self.nonce, at: at(1.5)) }
        #expect(next == [.contact(again: at(2.5)), .contact(again: at(2.5)), .wait(until: at(2.5))])
    }

    @Test("of an engine sends a bounded number of Inits in every second, and three to each address in all")
    func engine() throws {
        let network = VirtualNetwork()
        let node = try network.start(
            "node", configuration { $0.limits.contactsPerSecond = 7 }, at: [endpoint(1)], seed: seed(1))
        network.inject(packet(.initial, initial(.request, id: 9)), from: endpoint(2), to: endpoint(1))
        var inits: [(Instant, Endpoint)] = []
        network.tap = { datagram in
            if open(datagram.bytes)?.type == .initial { inits.append((datagram.sent, datagram.destination)) }
        }
        let strangers = (0..<50).map { endpoint(1000 + $0) }
        network.inject(packet(.peers, list(strangers), nonce: 2), from: endpoint(2), to: endpoint(1))
        network.run(for: .seconds(100))
        #expect(inits.count == 150)
        for stranger in strangers { #expect(inits.filter { $0.1 == stranger }.count == 3) }
        for second in 0..<100 {
            let window = inits.filter { $0.0 >= .zero + .seconds(second) && $0.0 < .zero + .seconds(second + 1) }
            #expect(window.count <= 7)
        }
        #expect(node.peers.count == 1)
    }
}

@Suite("A configured peer")
struct ConfiguredPeerTests {
    /// When a node sends Inits to a peer that never answers, in whole seconds.
    private func tries(of peer: PeerName, for duration: Duration) throws -> [Int] {
        let network = VirtualNetwork()
        try network.start("node", configuration { $0.peers = [peer] }, at: [endpoint(1)], seed: seed(1))
        var times: [Int] = []
        network.tap = { times.append(Int($0.sent.nanoseconds / 1_000_000_000)) }
        network.run(for: duration)
        return times
    }

    @Test("that does not answer is tried each second ten times, then with a pause that doubles each ten tries")
    func pauses() throws {
        // The first try, at time zero, comes before anyone can look.
        var expected: [Int] = []
        var time = 0
        for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600] {
            for _ in 0..<10 {
                time += pause
                expected.append(time)
            }
        }
        let found = try tries(of: peerName(endpoint(2)), for: .seconds(expected[expected.count - 1]))
        #expect(found == expected)
    }

    @Test("begins with short pauses again once it was connected")
    func restart() throws {
        let network = VirtualNetwork()
        let first = try network.start(
            "first", configuration { $0.peers = [peerName(endpoint(2))] }, at: [endpoint(1)], seed: seed(1))
        network.run(for: .seconds(1000))
        let second = try network.start("second", configuration(), at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(300))
        #expect(first.isConnected(to: [second]))
        network.stop(second)
        var times: [Instant] = []
        let stopped = network.now
        network.tap = { times.append($0.sent) }
        network.run(for: .seconds(30))
        let pauses = zip([stopped] + times, times).map { $1 - $0 }
        #expect(pauses.count == 20)
        #expect(pauses.prefix(10).allSatisfy { $0 <= .milliseconds(1001) })
        #expect(pauses.dropFirst(11).allSatisfy { $0 == .seconds(2) })
    }

    @Test("is not tried while it is connected")
    func connected() throws {
        let network = VirtualNetwork()
        let first = try network.start(
            "first", configuration { $0.peers = [peerName(endpoint(2))] }, at: [endpoint(1)], seed: seed(1))
        let second = try network.start("second", configuration(), at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(5))
        var inits = 0
        network.tap = { datagram in
            // The lists of the other node hold this node's own address, too, which it then tries; that is another matter.
            guard datagram.source != datagram.destination else { return }
            if open(datagram.bytes)?.type == .initial { inits += 1 }
        }
        network.run(for: .seconds(10_000))
        #expect(inits == 0)
        #expect(first.isConnected(to: [second]))
    }

    @Test("is resolved at start and every 300 s, and tried at every address, IPv4 first")
    func resolution() throws {
        let network = VirtualNetwork()
        var asked: [Instant] = []
        network.nameService = { _ in
            asked.append(network.now)
            return [endpoint6(7), endpoint(8), endpoint(7), endpoint(9, port: 0)]
        }
        let name = try #require(PeerName("host.example:3210"))
        var targets: [Endpoint] = []
        network.tap = { targets.append($0.destination) }
        try network.start(
            "node", configuration { $0.peers = [name] }, at: [endpoint(1), endpoint6(1)], seed: seed(1))
        network.run(for: .seconds(0.5))
        #expect(targets == [endpoint(8), endpoint(7), endpoint6(7)])
        network.run(for: .seconds(1000))
        #expect(asked == [0, 300, 600, 900].map { .zero + .seconds($0) })
    }

    @Test("whose name begins to mean other addresses is tried there at once")
    func newAddresses() throws {
        let network = VirtualNetwork()
        network.nameService = { _ in [endpoint(network.now < .zero + .seconds(600) ? 7 : 8)] }
        let name = try #require(PeerName("host.example:3210"))
        try network.start("node", configuration { $0.peers = [name] }, at: [endpoint(1)], seed: seed(1))
        network.run(for: .seconds(599))
        var targets: [(Instant, Endpoint)] = []
        network.tap = { targets.append(($0.sent, $0.destination)) }
        network.run(for: .seconds(6))
        #expect(targets.first { $0.1 == endpoint(8) }?.0 == .zero + .seconds(600))
        #expect(targets.filter { $0.1 == endpoint(8) }.count == 6)
    }

    @Test("whose name resolves no more keeps its addresses")
    func lostName() {
        var peer = ConfiguredPeer(peerName(endpoint(1)), startingAt: .zero)
        peer.resolve(to: [], at: .zero)
        #expect(peer.endpoints == [endpoint(1)])
        peer.resolve(to: [endpoint(1, port: 0), Endpoint(IPAddress(224, 0, 0, 1), port: 1)], at: .zero)
        #expect(peer.endpoints == [endpoint(1)])
    }

    @Test("with a name of many addresses is tried at a bounded number of them")
    func manyAddresses() {
        var peer = ConfiguredPeer(peerName(endpoint(1)), startingAt: .zero)
        peer.resolve(to: (0..<1000).map { endpoint($0) }, at: .zero)
        #expect(peer.endpoints.count == ConfiguredPeer.maximumEndpoints)
    }

    @Test("with a name that stands for the node itself, too, is still tried at the other addresses")
    func sharedName() throws {
        let network = VirtualNetwork()
        network.nameService = { _ in [endpoint(1), endpoint(2)] }
        let name = try #require(PeerName("all.example:3210"))
        let first = try network.start("first", configuration { $0.peers = [name] }, at: [endpoint(1)], seed: seed(1))
        network.run(for: .seconds(20))
        let second = try network.start("second", configuration(), at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(10))
        #expect(first.isConnected(to: [second]))
    }
}
