import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("A virtual node")
struct NodeLifeTests {
    @Test("that sleeps does nothing and hears nothing, and on waking does what became due by a clock that went on")
    func suspend() throws {
        let recorder = Recorder()
        var mesh = try Mesh([network("internet")], observers: [recorder])
        let hub = try mesh.start("hub", in: "internet") { $0.peerTimeout = .seconds(100) }
        let a = try mesh.start("a", in: "internet") { $0.peerTimeout = .seconds(100) }
        let world = mesh.network
        world.run(for: .seconds(10))
        #expect(hub.peers.count == 1 && a.peers.count == 1)
        world.suspend(a)
        recorder.observations.removeAll()
        mesh.send(from: hub, to: 1)
        mesh.send(from: a, to: 0)
        world.run(for: .seconds(200))
        #expect(recorder.losses.contains(.suspended))
        #expect(
            !recorder.observations.contains {
                switch $0 {
                case .sent(_, let node), .arrived(_, let node), .event(_, let node): node === a
                case .frameSent(_, let node): node === a
                default: false
                }
            })
        #expect(hub.peers.isEmpty && a.peers.count == 1)
        world.resume(a)
        #expect(a.peers.isEmpty, "the peer's time ran out while the node slept")
        world.run(for: .seconds(10))
        #expect(hub.peers.count == 1 && a.peers.count == 1)
    }

    @Test("that sleeps can be killed, and says nothing when it is stopped")
    func endAsleep() throws {
        let recorder = Recorder()
        var mesh = try Mesh([network("internet")], observers: [recorder])
        let nodes = try [mesh.start("hub", in: "internet"), mesh.start("a", in: "internet")]
        mesh.network.run(for: .seconds(5))
        recorder.observations.removeAll()
        for node in nodes { mesh.network.suspend(node) }
        mesh.network.kill(nodes[0])
        mesh.network.stop(nodes[1])
        mesh.network.resume(nodes[1])
        mesh.network.run(for: .seconds(100))
        let ends = recorder.observations.count { if case .ended(_, .killed) = $0 { true } else { false } }
        #expect(ends == 2)
        #expect(!recorder.observations.contains { if case .sent = $0 { true } else { false } })
    }

    static let drifts = [-500_000, -100, -1, 0, 1, 77, 1_000, 333_333, 500_000]

    @Test("has a clock that never goes back, and deadlines that are never early", arguments: drifts)
    func clock(drift: Int) {
        let clock = VirtualClock(drift: drift)
        var numbers = seed(3).numbers(for: "times")
        var last = Instant.zero
        for step in 0..<2000 as Range<UInt64> {
            let time = Instant(nanoseconds: step < 1000 ? step : numbers.next() >> (step % 40))
            let local = clock.local(time)
            if step < 1000 {
                #expect(local >= last)
                last = local
            }
            let again = clock.firstTime(showing: local)
            #expect(again <= time && clock.local(again) >= local)
            #expect(again == .zero || clock.local(again - .nanoseconds(1)) < local)
        }
        #expect(clock.local(at(1_000_000_000)) == at((1_000_000 + drift) * 1000))
    }

    @Test("with a fast clock waits less, and with a slow one longer", arguments: [-200_000, 0, 200_000])
    func driftingNode(drift: Int) throws {
        var mesh = try Mesh([network("internet")])
        let hub = try mesh.start("hub", in: "internet", drift: drift) { $0.peerTimeout = .seconds(1000) }
        let a = try mesh.start("a", in: "internet") { $0.peerTimeout = .seconds(1000) }
        mesh.network.run(for: .seconds(10))
        mesh.network.kill(a)
        mesh.network.run(for: .seconds(3000))
        let lost = try #require(
            hub.events.last { if case .peerLost(_, _, .timedOut) = $0.event { true } else { false } })
        // The thousand seconds begin with the last message, a few seconds after the start.
        let expected = 1000 * 1_000_000 / (1_000_000 + drift)
        #expect(lost.time > at(expected * 1000) && lost.time < at((expected + 300) * 1000))
    }

    @Test("has as many addresses of each family as it is told to, and answers at each")
    func addresses() throws {
        var internet = network("internet")
        internet.hasIPv6 = true
        var mesh = try Mesh([internet, network("other")])
        let hub = try mesh.start("hub", in: "internet", addresses: 3)
        #expect(hub.endpoints.count == 6 && hub.endpoints.count { $0.address.isIPv4 } == 3)
        #expect(Set(hub.endpoints).count == 6)
        for (index, endpoint) in hub.endpoints.enumerated() {
            let node = try mesh.start("n\(index)", in: "internet") {
                $0.peers = [PeerName(endpoint.description)].compactMap { $0 }
            }
            mesh.network.run(for: .seconds(2))
            #expect(node.peers.contains(hub.id), "\(endpoint)")
        }
        try mesh.network.move(hub, toNetwork: "other")
        #expect(hub.endpoints.count == 3)
        #expect(throws: TopologyError.addressCount("x")) { try mesh.network.attach("x", to: "internet", addresses: 0) }
        #expect(throws: TopologyError.addressCount("x")) { try mesh.network.attach("x", to: "internet", addresses: 17) }
    }
}
