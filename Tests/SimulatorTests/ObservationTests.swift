import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

/// Nodes in a topology, each of which knows the first.
struct Mesh {
    let network: VirtualNetwork
    var nodes: [VirtualNode] = []

    init(
        _ plans: [NetworkPlan], observers: [any NetworkObserver] = [], seal: PacketSeal = encrypted
    ) throws {
        network = VirtualNetwork(try Topology(plans, seed: seed(1)))
        for observer in observers { network.add(observer) }
        self.seal = seal
    }

    private let seal: PacketSeal

    /// Starts a node; it claims 10.0.0.x as the x-th.
    @discardableResult
    mutating func start(
        _ name: String, in place: String, addresses: Int = 1, link: LinkModel? = nil, drift: Int = 0,
        change: (inout NodeConfiguration) -> Void = { _ in }
    ) throws -> VirtualNode {
        var configuration = NodeConfiguration(seal: seal)
        configuration.deviceType = .tun
        if let claim = Subnet(.ipv4, base: UInt128(0x0a00_0001 + UInt32(nodes.count)) << 96, prefixLength: 32) {
            configuration.subnets = [claim]
        }
        configuration.peers = nodes.first?.endpoints.compactMap { PeerName($0.description) } ?? []
        change(&configuration)
        let node = try network.start(
            name, configuration, in: place, addresses: addresses, link: link, seed: seed(10 + nodes.count),
            clock: VirtualClock(drift: drift))
        nodes.append(node)
        return node
    }

    /// Sends an IPv4 packet of so many bytes to the node with this index.
    func send(from node: VirtualNode, to index: Int, byteCount: Int = 60) {
        var packet = [UInt8](repeating: 0, count: byteCount)
        packet[0] = 0x45
        packet[15] = 99
        packet[12] = 10
        packet[16] = 10
        packet[19] = UInt8(1 + index)
        network.send(packet, from: node)
    }
}

@Suite("The observers of a network")
struct ObservationTests {
    @Test("see each link that a datagram takes, with translated addresses, and which datagram brought a frame")
    func crossings() throws {
        let recorder = Recorder()
        var mesh = try Mesh(
            [network("internet"), network("home", behind: "internet", NATModel(.home))], observers: [recorder])
        let hub = try mesh.start("hub", in: "internet")
        let a = try mesh.start("a", in: "home")
        mesh.network.run(for: .seconds(5))
        recorder.observations.removeAll()
        mesh.send(from: a, to: 0)
        mesh.network.run(for: .seconds(1))
        var ids: [UInt64] = []
        var links: [LinkIdentity] = []
        for observation in recorder.observations {
            switch observation {
            case .sent(let datagram, let node) where node === a: ids.append(datagram.id)
            case .arrived(let datagram, let node) where node === hub: ids.append(datagram.id)
            case .frameDelivered(_, let node, let datagram) where node === hub: ids.append(datagram.id)
            case .crossed(let crossing):
                ids.append(crossing.datagram.id)
                links.append(crossing.link)
                #expect(crossing.arrival.time - crossing.sent == .milliseconds(1))
                #expect(crossing.length == crossing.arrival.bytes.count + 28)
                #expect((crossing.datagram.source == a.endpoints[0]) == (links.count == 1))
            default: break
            }
        }
        #expect(links == [LinkIdentity(network: 1, sender: .node(1)), LinkIdentity(network: 0, sender: .gateway(1))])
        #expect(ids.count == 5 && Set(ids).count == 1)
    }

    @Test("see each change of the topology, and late ones where it stands")
    func changes() throws {
        let recorder = Recorder()
        var mesh = try Mesh(
            [network("internet"), network("home", behind: "internet", NATModel(.home))], observers: [recorder])
        let hub = try mesh.start("hub", in: "internet", link: LinkModel())
        try mesh.start("a", in: "home")
        let world = mesh.network
        try world.partition([["hub"], ["a"]], oneWay: true)
        var slow = LinkModel()
        slow.latency = .seconds(1)
        try world.change("internet", to: slow)
        try world.flush(gatewayOf: "home")
        try world.reboot(gatewayOf: "home")
        let external = try world.renumber(gatewayOf: "home")
        let late = Recorder()
        world.add(late)
        try world.move(mesh.nodes[1], toNetwork: "internet")
        world.heal()
        world.suspend(hub)
        world.resume(hub)
        world.stop(hub)
        let changes = recorder.changes
        #expect(
            changes == [
                .numbered(gatewayOf: 1, [IPAddress(203, 0, 113, 1)]),
                .attached(
                    node: 0, name: "hub", network: 0, addresses: [IPAddress(203, 0, 113, 2)], link: LinkModel()),
                .attached(node: 1, name: "a", network: 1, addresses: [IPAddress(192, 168, 0, 1)], link: nil),
                .partitioned([[0], [1]], oneWay: true), .linksChanged(network: 0, slow), .flushed(gatewayOf: 1),
                .rebooted(gatewayOf: 1), .numbered(gatewayOf: 1, external),
                .attached(node: 1, name: "a", network: 0, addresses: [IPAddress(203, 0, 113, 4)], link: nil), .healed,
            ])
        #expect(
            late.changes == [
                .linksChanged(network: 0, slow), .numbered(gatewayOf: 1, external), changes[1], changes[2], changes[3],
                changes[8], .healed,
            ])
        guard case .ended(let ended, .stopped)? = recorder.observations.last else {
            Issue.record("the end is the last observation")
            return
        }
        #expect(ended === hub && !hub.isRunning)
    }

    @Test("see with its cause and place what the system refuses, a sleeping node misses, and fate loses")
    func losses() throws {
        let recorder = Recorder()
        let small = try SmallNetwork(seed: 7, observers: [recorder])
        #expect(recorder.losses.contains { $0 == .onTheWay })
        small.network.fate = { _ in .refused(errorCode: 101) }
        small.network.run(for: .seconds(900))
        #expect(recorder.losses.contains { $0 == .refused(errorCode: 101) })
        small.network.suspend(small.nodes[0])
        small.network.inject([1], from: endpoint(9), to: endpoint(1))
        #expect(recorder.losses.last == .suspended)
    }

    @Test("change nothing, and without a history nothing is kept")
    func history() throws {
        func run(observed: Bool, history: Bool) throws -> Mesh {
            var mesh = try Mesh([network("internet")], observers: observed ? [Recorder()] : [])
            mesh.network.recordsHistory = history
            for name in ["hub", "a", "b"] { try mesh.start(name, in: "internet") }
            mesh.network.run(for: .seconds(5))
            mesh.send(from: mesh.nodes[2], to: 1)
            mesh.network.run(for: .seconds(1000))
            return mesh
        }
        let (bare, full) = (try run(observed: false, history: false), try run(observed: true, history: true))
        #expect(bare.nodes.allSatisfy { $0.events.isEmpty && $0.delivered.isEmpty && $0.portMappings.isEmpty })
        #expect(full.nodes[1].delivered.count == 1 && !full.nodes[0].events.isEmpty)
        #expect(bare.nodes.map { $0.engine.statistics() } == full.nodes.map { $0.engine.statistics() })
    }
}

extension Recorder {
    var changes: [NetworkChange] {
        observations.compactMap { if case .changed(let change) = $0 { change } else { nil } }
    }

    var losses: [NetworkLoss] {
        observations.compactMap { if case .dropped(_, let loss, _) = $0 { loss } else { nil } }
    }
}
