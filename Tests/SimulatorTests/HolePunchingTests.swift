import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@Suite("Two nodes behind NATs and a public one")
struct HolePunchingTests {
    private func world(_ a: NATModel, _ b: NATModel, upnp: Bool = false) throws -> (VirtualNetwork, [VirtualNode]) {
        let topology = try Topology(
            [network("internet"), network("home-a", behind: "internet", a), network("home-b", behind: "internet", b)],
            seed: seed(1))
        return try world(topology, upnp: upnp)
    }

    private func world(
        _ topology: Topology, upnp: Bool = false, peerTimeout: Duration = .seconds(1800)
    ) throws -> (VirtualNetwork, [VirtualNode]) {
        let world = VirtualNetwork(topology)
        var nodes: [VirtualNode] = []
        for (name, place) in [("hub", "internet"), ("a", "home-a"), ("b", "home-b")] {
            var configuration = NodeConfiguration(seal: PacketSeal(unencrypted: .standard))
            configuration.deviceType = .tun
            configuration.portForwarding = upnp
            configuration.peerTimeout = peerTimeout
            if let hub = nodes.first?.endpoints.first, let peer = PeerName(hub.description) {
                configuration.peers = [peer]
            }
            nodes.append(try world.start(name, configuration, in: place, seed: seed(10 + nodes.count)))
        }
        return (world, nodes)
    }

    /// Pairs that cannot meet: of a NAT with a port for each other end nobody knows the port that it will have, so that
    /// the other one must not filter by port, and it must let strangers in itself where the other one cannot come first.
    static let impossible: Set<[NATModel.Preset]> = [
        [.home, .symmetric], [.symmetric, .home], [.symmetric, .symmetric],
    ]

    @Test(
        "become a full mesh where it can work, and only there", arguments: NATModel.Preset.allCases,
        NATModel.Preset.allCases)
    func pairs(a: NATModel.Preset, b: NATModel.Preset) throws {
        let (world, nodes) = try world(NATModel(a), NATModel(b))
        world.run(for: .seconds(10))
        let isFullMesh = nodes.allSatisfy { $0.peers.count == 2 }
        #expect(isFullMesh == !Self.impossible.contains([a, b]))
        #expect(nodes[0].peers.count == 2)
    }

    @Test("become a full mesh, symmetric or not, where one has its port forwarded")
    func portForwarding() throws {
        let granting = nat {
            $0 = NATModel(.symmetric)
            $0.grantsPortMappings = true
        }
        let (world, nodes) = try world(NATModel(.symmetric), granting, upnp: true)
        // The first Inits leave before the router has answered, and must not be what the public node goes by.
        try world.partition([["hub"], ["a", "b"]])
        world.run(for: .milliseconds(500))
        world.heal()
        world.run(for: .seconds(10))
        #expect(nodes.allSatisfy { $0.peers.count == 2 })
        #expect(nodes[2].events.contains { if case .portMapped = $0.event { true } else { false } })
        #expect(!nodes[1].events.contains { if case .portMapped = $0.event { true } else { false } })
        world.stop(nodes[2])
        world.run(for: .seconds(1))
        #expect(nodes[0].peers == [nodes[1].id])
    }

    @Test("talk to each other through the holes, each from its translated address")
    func translatedSources() throws {
        let (world, nodes) = try world(NATModel(.home), NATModel(.home))
        var losses: [NetworkLoss] = []
        world.lossTap = { _, loss, _ in losses.append(loss) }
        world.run(for: .seconds(10))
        // The first Inits find no hole yet, and each node tries the address of its own in the public node's list.
        let refusals: Set<NetworkLoss> = [.nat(.noMapping), .nat(.filtered), .nat(.noHairpinning)]
        #expect(!losses.isEmpty && refusals.isSuperset(of: losses))
        var sources: Set<Endpoint> = []
        world.arrivalTap = { sources.insert($0.source) }
        world.run(for: .seconds(900))
        let inner = nodes[1...].flatMap(\.endpoints)
        #expect(!sources.isEmpty && sources.isDisjoint(with: inner))
    }

    @Test(
        "meet behind two NATs each, of which they share the outer one, if it sends back inside",
        arguments: [true, false])
    func nested(hairpinning: Bool) throws {
        let carrier = nat {
            $0 = NATModel(.carrier)
            $0.hairpinning = hairpinning
        }
        let plans = [
            network("internet"), network("provider", behind: "internet", carrier),
            network("home-a", behind: "provider", NATModel(.home)),
            network("home-b", behind: "provider", NATModel(.home)),
        ]
        let (world, nodes) = try world(try Topology(plans, seed: seed(1)))
        world.run(for: .seconds(10))
        #expect(nodes[0].peers.count == 2)
        #expect(nodes.allSatisfy { $0.peers.count == 2 } == hairpinning)
    }

    @Test(
        "become a full mesh over lossy links that double, delay and cut, with lists often enough for the mappings to live"
    )
    func badLinks() throws {
        var plans = [
            network("internet"), network("home-a", behind: "internet", NATModel(.home)),
            network("home-b", behind: "internet", NATModel(.restricted)),
        ]
        for index in plans.indices {
            plans[index].link.loss = .independent(Probability(millionths: 20_000))
            plans[index].link.jitter = Jitter(.pareto, amount: .milliseconds(20), mayReorder: true)
            plans[index].link.duplication = Probability(millionths: 100_000)
            plans[index].link.truncation = Probability(millionths: 10_000)
        }
        let (world, nodes) = try world(try Topology(plans, seed: seed(1)), peerTimeout: .seconds(200))
        world.run(for: .seconds(600))
        #expect(nodes.allSatisfy { $0.peers.count == 2 })
    }

    @Test("do the same with the same seed")
    func determinism() throws {
        func trace() throws -> [VirtualDatagram] {
            let (world, _) = try world(NATModel(.carrier), NATModel(.symmetric))
            var datagrams: [VirtualDatagram] = []
            world.arrivalTap = { datagrams.append($0.received) }
            world.run(for: .seconds(2000))
            return datagrams
        }
        let first = try trace()
        #expect(first.count > 20)
        #expect(try trace() == first)
    }

    @Test("come back together after the NATs were rebooted and a node moved")
    func rebootAndMove() throws {
        let (world, nodes) = try world(NATModel(.home), NATModel(.home))
        world.run(for: .seconds(10))
        try world.reboot(gatewayOf: "home-a")
        try world.move(nodes[2], toNetwork: "internet")
        world.run(for: .seconds(4000))
        #expect(nodes.allSatisfy { $0.peers.count == 2 })
    }
}
