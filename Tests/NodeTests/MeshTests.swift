import Testing
import VPNProtocol
import VPNSimulator

@testable import VPNNode

/// What several nodes do together.
@Suite("Nodes together")
struct MeshTests {
    /// Nodes of which all but the first know only the first.
    private func star(
        _ count: Int, _ network: VirtualNetwork, dialects: [Dialect] = [.manual], seal: PacketSeal = encrypted,
        change: (inout NodeConfiguration, Int) -> Void = { _, _ in }
    ) throws -> [VirtualNode] {
        try (0..<count).map { index in
            let settings = configuration(seal) {
                $0.dialect = dialects[index % dialects.count]
                if index > 0 { $0.peers = [peerName(endpoint(1))] }
                $0.subnets = [subnet("10.0.\(index).0/24")]
                change(&$0, index)
            }
            return try network.start("n\(index)", settings, at: [endpoint(1 + index)], seed: seed(1 + index))
        }
    }

    private func isFullMesh(_ nodes: [VirtualNode]) -> Bool {
        nodes.allSatisfy { node in node.isConnected(to: nodes.filter { $0 !== node }) }
    }

    @Test("that know only one of them become a full mesh", arguments: [2, 3, 10, 60])
    func fullMesh(count: Int) throws {
        let network = VirtualNetwork()
        let nodes = try star(count, network)
        network.run(for: .seconds(5))
        #expect(isFullMesh(nodes))
    }

    @Test("become a full mesh over a network that loses every third datagram")
    func lossyMesh() throws {
        let network = VirtualNetwork()
        var numbers = seed(99).numbers(for: "loss")
        network.fate = { _ in numbers.next(below: 3) == 0 ? .lost : .arrives(after: .milliseconds(20)) }
        let nodes = try star(8, network) { settings, _ in settings.peerTimeout = .seconds(120) }
        network.run(for: .seconds(600))
        network.fate = { _ in .arrives(after: .milliseconds(20)) }
        network.run(for: .seconds(120))
        #expect(isFullMesh(nodes))
    }

    @Test("of all dialects mix where there is no key")
    func mixedDialects() throws {
        let network = VirtualNetwork()
        let nodes = try star(8, network, dialects: Dialect.allCases, seal: plain)
        network.run(for: .seconds(3600))
        #expect(isFullMesh(nodes))
    }

    @Test("exchange nothing but lists when nobody has anything to say")
    func quiet() throws {
        let network = VirtualNetwork()
        _ = try star(3, network)
        network.run(for: .seconds(10))
        var types: [MessageType: Int] = [:]
        network.tap = { types[open($0.bytes)?.type ?? .data, default: 0] += 1 }
        network.run(for: .seconds(3600))
        // Every 840 s each of three sends a list to two others.
        #expect(types == [.peers: 24])
    }

    @Test("never use a nonce twice")
    func nonces() throws {
        let network = VirtualNetwork()
        var seen: [Nonce: [UInt8]] = [:]
        network.tap = { datagram in
            guard let nonce = open(datagram.bytes)?.nonce else { return }
            #expect(seen[nonce] ?? datagram.bytes == datagram.bytes, "one nonce, two messages")
            seen[nonce] = datagram.bytes
        }
        let nodes = try star(5, network) { settings, _ in settings.mode = .hub }
        network.run(for: .seconds(10))
        for index in 0..<100 {
            network.send(ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, UInt8(index), 1)), from: nodes[index % 5])
        }
        network.run(for: .seconds(2000))
        #expect(seen.count > 100)
    }

    @Test("forget one that says goodbye at once, and try a configured one again after a second")
    func goodbye() throws {
        let network = VirtualNetwork()
        let nodes = try star(3, network)
        network.run(for: .seconds(5))
        network.stop(nodes[0])
        network.run(for: .milliseconds(10))
        #expect(nodes[1].isConnected(to: [nodes[2]]))
        #expect(nodes[1].events.last?.event == .peerLost(nodes[0].id, endpoint(1), .closed))
        var tries: [Instant] = []
        let end = network.now
        network.tap = { if $0.source == endpoint(2), open($0.bytes)?.type == .initial { tries.append($0.sent) } }
        network.run(for: .seconds(3))
        #expect(tries.count == 3)
        #expect((tries.first ?? .zero) - end <= .seconds(1))
    }

    @Test("forget one that is silent for its timeout")
    func silence() throws {
        let network = VirtualNetwork()
        let nodes = try star(2, network) { settings, _ in settings.peerTimeout = .seconds(300) }
        network.run(for: .seconds(5))
        network.kill(nodes[0])
        network.run(for: .seconds(294))
        #expect(nodes[1].isConnected(to: [nodes[0]]))
        network.run(for: .seconds(120))
        #expect(nodes[1].peers.isEmpty)
        #expect(nodes[1].events.contains { $0.event == .peerLost(nodes[0].id, endpoint(1), .timedOut) })
    }

    @Test("find one that restarts without knowing anyone within a second of the next data")
    func restartWithoutPeers() throws {
        let network = VirtualNetwork()
        let nodes = try star(3, network)
        network.run(for: .seconds(5))
        network.kill(nodes[0])
        network.run(for: .seconds(2))
        let settings = configuration { $0.subnets = [subnet("10.0.0.0/24")] }
        let again = try network.start("again", settings, at: [endpoint(1)], seed: seed(77))
        network.send(ipv4(from: .init(10, 0, 1, 1), to: .init(10, 0, 0, 1)), from: nodes[1])
        network.run(for: .seconds(1))
        #expect(isFullMesh([again, nodes[1], nodes[2]]))
        network.send(ipv4(from: .init(10, 0, 1, 1), to: .init(10, 0, 0, 1)), from: nodes[1])
        network.run(for: .seconds(1))
        #expect(again.delivered.count == 1)
    }

    @Test("follow one that moves to another address, with its routes")
    func roaming() throws {
        let network = VirtualNetwork()
        let nodes = try star(2, network)
        network.run(for: .seconds(5))
        network.move(nodes[1], to: [endpoint(50)])
        network.send(ipv4(from: .init(10, 0, 1, 1), to: .init(10, 0, 0, 1)), from: nodes[1])
        network.run(for: .seconds(1))
        #expect(nodes[0].knowledge(of: nodes[1])?.addresses.first == endpoint(50))
        network.send(ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 1, 1)), from: nodes[0])
        network.run(for: .seconds(1))
        #expect(nodes[1].delivered.count == 1)
    }

    @Test("do not follow a repetition of what a node said before")
    func replayedInit() throws {
        let network = VirtualNetwork()
        var captured: [VirtualDatagram] = []
        network.tap = { captured.append($0) }
        let nodes = try star(3, network)
        network.run(for: .seconds(1000))
        network.tap = { _ in }
        let before = nodes[0].engine.statistics().peers.map(\.addresses)
        for datagram in captured where datagram.destination == endpoint(1) {
            network.inject(datagram.bytes, from: endpoint(66), to: endpoint(1))
            network.inject(datagram.bytes, from: datagram.source, to: endpoint(1))
        }
        network.run(for: .seconds(10))
        #expect(nodes[0].engine.statistics().peers.map(\.addresses) == before)
        #expect(nodes[0].dropped(.notFresh) > 2)
    }

    @Test("are not brought back by a repetition after they left")
    func revival() throws {
        let network = VirtualNetwork()
        var captured: [VirtualDatagram] = []
        network.tap = { captured.append($0) }
        let nodes = try star(2, network)
        network.run(for: .seconds(5))
        network.stop(nodes[1])
        network.run(for: .seconds(1))
        #expect(nodes[0].peers.isEmpty)
        for datagram in captured where datagram.destination == endpoint(1) {
            network.inject(datagram.bytes, from: datagram.source, to: endpoint(1))
        }
        #expect(nodes[0].peers.isEmpty)
    }

    @Test("are found again by the same process after a long silence")
    func partition() throws {
        let network = VirtualNetwork()
        let nodes = try star(3, network) { settings, _ in settings.peerTimeout = .seconds(60) }
        network.run(for: .seconds(5))
        network.fate = { _ in .lost }
        network.run(for: .seconds(200))
        #expect(nodes.flatMap(\.peers).isEmpty)
        network.fate = { _ in .arrives(after: .milliseconds(1)) }
        network.run(for: .seconds(120))
        #expect(isFullMesh(nodes))
    }

    @Test("with different keys or magics do not see each other")
    func separateNetworks() throws {
        let network = VirtualNetwork()
        let otherKey = SecretKey([UInt8](repeating: 7, count: 32).span)
        let seals = [
            encrypted, try PacketSeal(magic: .standard, method: .chacha20, key: otherKey), plain,
            try PacketSeal(magic: Magic(bits: 5), method: .chacha20, key: testKey),
        ]
        let nodes = try (0..<4).map { index in
            let settings = configuration(seals[index]) { $0.peers = (1...4).map { peerName(endpoint($0)) } }
            return try network.start("n\(index)", settings, at: [endpoint(1 + index)], seed: seed(index))
        }
        network.run(for: .seconds(5))
        #expect(nodes.flatMap(\.peers).isEmpty)
        #expect(nodes[0].dropped(.unauthentic) > 0)
        #expect(nodes[0].dropped(.foreignMethod) > 0)
        #expect(nodes[0].dropped(.foreignMagic) > 0)
    }

    @Test("more than 10,000 are peers of one, which sends its list to all of them")
    func tenThousandPeers() throws {
        let network = VirtualNetwork()
        let node = try network.start("a", configuration(), at: [endpoint(1)], seed: seed(1))
        for index in 0..<12_000 {
            let message = initial(.request, id: UInt128(100 + index))
            network.inject(packet(.initial, message), from: endpoint(1000 + index), to: endpoint(1))
        }
        #expect(node.peers.count == 12_000)
        var receivers: Set<Endpoint> = []
        network.tap = { receivers.insert($0.destination) }
        network.run(until: .zero + .seconds(850))
        #expect(receivers.count == 12_000)
    }

    @Test("at the bound the peer that was silent longest gives way")
    func peerBound() throws {
        let network = VirtualNetwork()
        let settings = configuration { $0.limits.peers = 10 }
        let node = try network.start("a", settings, at: [endpoint(1)], seed: seed(1))
        for index in 0..<11 {
            let message = initial(.request, id: UInt128(100 + index))
            network.inject(packet(.initial, message), from: endpoint(1000 + index), to: endpoint(1))
            network.run(for: .milliseconds(1))
        }
        #expect(node.peers.count == 10)
        #expect(node.events.contains { $0.event == .peerLost(NodeID(bits: 100), endpoint(1000), .evicted) })
        #expect(node.engine.statistics().counters.evictions(from: .peers) == 1)
    }

    @Test("ask the router for the port, renew it 60 s before its end, and give it back")
    func portForwarding() throws {
        let network = VirtualNetwork()
        let node = try network.start("a", configuration { $0.portForwarding = true }, at: [endpoint(1)], seed: seed(1))
        #expect(node.portMappings == [.map(port: 3210, lease: .seconds(300))])
        let external = endpoint(200, port: 3210)
        network.mapPort(of: node, to: external, lease: .seconds(300))
        network.run(for: .seconds(239))
        #expect(node.portMappings.count == 1)
        network.run(for: .seconds(1))
        #expect(node.portMappings.count == 2)
        network.mapPort(of: node, to: external, lease: nil)
        network.run(for: .seconds(100_000))
        #expect(node.portMappings.count == 2)
        network.stop(node)
        #expect(node.portMappings.last == .unmap(port: 3210))
    }

    @Test("behave the same, to the last event and byte, with the same seed, and otherwise with another")
    func determinism() throws {
        func trace(_ number: Int) throws -> [VirtualDatagram] {
            let network = VirtualNetwork()
            var datagrams: [VirtualDatagram] = []
            network.tap = { datagrams.append($0) }
            for index in 0..<30 {
                let settings = configuration { if index > 0 { $0.peers = [peerName(endpoint(1))] } }
                try network.start(
                    "n", settings, at: [endpoint(1 + index)],
                    seed: seed(number).derived("n", incarnation: UInt64(index)))
            }
            network.run(for: .seconds(2000))
            return datagrams
        }
        #expect(try trace(1) == trace(1))
        #expect(try trace(1) != trace(2))
    }
}
