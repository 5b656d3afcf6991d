import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

/// A network behind another.
func network(_ name: String, behind outer: String? = nil, _ nat: NATModel? = nil, firewall: Bool = false) -> NetworkPlan
{
    var plan = NetworkPlan(name)
    if let outer {
        var gateway = GatewayPlan(to: outer, nat: nat)
        gateway.isFirewall = firewall
        plan.gateway = gateway
    }
    return plan
}

@Suite("A topology")
struct TopologyTests {
    @Test("gives addresses that read well, and the same each time")
    func addresses() throws {
        let plans = [
            network("internet"), network("provider", behind: "internet", NATModel(.carrier)),
            network("home", behind: "provider", NATModel(.home)), network("office", behind: "internet"),
        ]
        var topology = try Topology(plans, seed: seed(1))
        #expect(try topology.attach("hub", to: "internet") == [IPAddress(203, 0, 113, 5)])
        #expect(try topology.attach("customer", to: "provider") == [IPAddress(100, 64, 0, 2)])
        #expect(try topology.attach("a", to: "home") == [IPAddress(192, 168, 0, 1)])
        #expect(try topology.attach("a", to: "home") == [IPAddress(192, 168, 0, 1)])
        #expect(try topology.attach("clerk", to: "office") == [IPAddress(198, 51, 100, 1)])
        #expect(try topology.nat(of: "home")?.externalAddresses == [IPAddress(100, 64, 0, 1)])
        var seen: Set<IPAddress> = []
        for number in 0..<3000 {
            seen.formUnion(try topology.attach("n\(number)", to: "home"))
        }
        #expect(seen.count == 3000)
    }

    @Test("refuses what makes no sense")
    func errors() {
        #expect(throws: TopologyError.duplicateNetwork("a")) {
            try Topology([network("a"), network("a")], seed: seed(1))
        }
        #expect(throws: TopologyError.unknownNetwork("b")) { try Topology([network("a", behind: "b")], seed: seed(1)) }
        #expect(throws: TopologyError.cycle("a")) {
            try Topology([network("a", behind: "b"), network("b", behind: "a")], seed: seed(1))
        }
        #expect(throws: TopologyError.unusableNAT("a")) {
            try Topology([network("i"), network("a", behind: "i", nat { $0.limit = 0 })], seed: seed(1))
        }
        #expect(throws: TopologyError.unknownNode("x")) {
            var topology = try Topology([network("a")], seed: seed(1))
            try topology.partition([["x"]])
        }
    }

    @Test("brings datagrams through nested NATs with all delays, and the answers back")
    func nested() throws {
        let world = try World([
            network("internet"), network("provider", behind: "internet", NATModel(.carrier)),
            network("home", behind: "provider", NATModel(.home)),
        ])
        let (hub, a) = (try world.attach("hub", to: "internet"), try world.attach("a", to: "home"))
        world.send(from: a, to: hub)
        let seen = try #require(world.arrived.last)
        #expect(world.now == at(3))
        #expect(seen.received.source.address != a.address)
        #expect(try world.topology.nat(of: "provider")?.externalAddresses.contains(seen.source.address) == true)
        world.send(from: hub, to: seen.source)
        #expect(world.arrived.last?.destination == a)
        #expect(world.arrived.last?.source == hub)
        #expect(world.now == at(6))
    }

    @Test("lets two homes of one provider meet where its NAT sends back inside", arguments: [true, false])
    func hairpin(hairpinning: Bool) throws {
        var carrier = NATModel(.carrier)
        carrier.hairpinning = hairpinning
        let world = try World([
            network("internet"), network("provider", behind: "internet", carrier),
            network("home-a", behind: "provider", NATModel(.open)),
            network("home-b", behind: "provider", NATModel(.open)),
        ])
        let hub = try world.attach("hub", to: "internet")
        let (a, b) = (try world.attach("a", to: "home-a"), try world.attach("b", to: "home-b"))
        world.send(from: b, to: hub)
        let external = try #require(world.arrived.last).source
        world.send(from: a, to: external)
        #expect((world.arrived.last?.destination == b) == hairpinning)
        if !hairpinning {
            #expect(world.losses.last?.loss == .nat(.noHairpinning))
            #expect(world.losses.last?.place == .gateway(1))
        }
    }

    @Test("says why and where a datagram ends")
    func losses() throws {
        var dead = network("dead")
        dead.link.loss = .independent(Probability(millionths: 1_000_000))
        let world = try World([
            network("internet"), network("home", behind: "internet", NATModel(.home)),
            network("office", behind: "internet", firewall: true), dead,
        ])
        let hub = try world.attach("hub", to: "internet")
        let (a, clerk) = (try world.attach("a", to: "home"), try world.attach("clerk", to: "office"))
        let (lone, other) = (try world.attach("lone", to: "dead"), try world.attach("other", to: "dead"))
        let external = Endpoint(try #require(try world.topology.nat(of: "home")?.externalAddresses.first), port: 3210)
        let cases: [(Endpoint, Endpoint, NetworkLoss, NetworkPlace)] = [
            (hub, external, .nat(.noMapping), .gateway(1)),
            (hub, clerk, .firewall, .gateway(2)),
            (hub, a, .noRoute, .network(0)),
            (a, endpoint("10.1.2.3:1"), .noRoute, .network(0)),
            (lone, hub, .noRoute, .network(3)),
            (lone, other, .link(.lost), .link(LinkIdentity(network: 3, sender: .node(3)))),
        ]
        for (source, destination, loss, place) in cases {
            world.send(from: source, to: destination)
            #expect(world.losses.last?.loss == loss)
            #expect(world.losses.last?.place == place)
        }
        #expect(world.arrived.isEmpty)
        world.send(from: clerk, to: hub)
        world.send(from: hub, to: clerk)
        #expect(world.arrived.map(\.destination) == [hub, clerk])
    }

    @Test("cuts groups of nodes off from each other, one way or both, until it is healed", arguments: [true, false])
    func partition(oneWay: Bool) throws {
        let world = try World([network("internet")])
        let nodes = try ["a", "b", "c"].map { try world.attach($0, to: "internet") }
        try world.topology.partition([["a"], ["b"]], oneWay: oneWay)
        for (from, to, arrives) in [(0, 1, false), (1, 0, oneWay), (0, 2, true), (2, 1, true)] {
            let before = world.arrived.count
            world.send(from: nodes[from], to: nodes[to])
            #expect((world.arrived.count > before) == arrives)
        }
        world.topology.heal()
        world.send(from: nodes[0], to: nodes[1])
        #expect(world.arrived.last?.destination == nodes[1])
    }

    @Test("leads IPv6 past a NAT, where no firewall is", arguments: [true, false])
    func ipv6(firewall: Bool) throws {
        var plans = [network("internet"), network("home", behind: "internet", NATModel(.home), firewall: firewall)]
        for index in plans.indices { plans[index].hasIPv6 = true }
        let world = try World(plans)
        let hub = Endpoint(try #require(try world.topology.attach("hub", to: "internet").last), port: 3210)
        let a = Endpoint(try #require(try world.topology.attach("a", to: "home").last), port: 3210)
        world.send(from: hub, to: a)
        #expect((world.arrived.last?.source == hub) == !firewall)
        world.send(from: a, to: hub)
        world.send(from: hub, to: a)
        #expect(world.arrived.last?.source == hub)
    }

    @Test("changes its links, and moves nodes and gateways to other addresses")
    func changes() throws {
        let world = try World([network("internet"), network("home", behind: "internet", NATModel(.open))])
        let (hub, a) = (try world.attach("hub", to: "internet"), try world.attach("a", to: "home"))
        var slow = LinkModel()
        slow.latency = .milliseconds(500)
        try world.topology.change("internet", to: slow)
        world.send(from: a, to: hub)
        #expect(world.now == at(501))
        let before = try #require(world.arrived.last).source
        #expect(try world.topology.changeExternalAddresses(ofNATOf: "home") != [before.address])
        world.send(from: hub, to: before)
        #expect(world.losses.last?.loss == .noRoute)
        let moved = try world.attach("a", to: "internet")
        world.send(from: moved, to: hub)
        #expect(world.arrived.last?.source == moved)
    }
}

/// A topology with a clock, and no engine.
private final class World {
    var topology: Topology
    var now = Instant.zero
    var arrived: [Transit] = []
    var losses: [(loss: NetworkLoss, place: NetworkPlace)] = []

    init(_ plans: [NetworkPlan]) throws { topology = try Topology(plans, seed: seed(1)) }

    func attach(_ name: String, to network: String) throws -> Endpoint {
        Endpoint(try #require(try topology.attach(name, to: network).first), port: 3210)
    }

    /// Sends a datagram, and lets time pass until it is at its end.
    func send(from source: Endpoint, to destination: Endpoint) {
        let datagram = VirtualDatagram(sent: now, source: source, destination: destination, bytes: [1, 2, 3])
        var passage = topology.send(datagram, at: now)
        while case .onward(let transit, _) = passage {
            now = transit.time
            passage = topology.pass(transit)
        }
        switch passage {
        case .delivered(let transit): arrived.append(transit)
        case .lost(_, let loss, let place): losses.append((loss, place))
        case .onward: break
        }
    }
}
