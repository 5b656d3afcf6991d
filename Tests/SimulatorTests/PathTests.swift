import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("On its way a datagram")
struct PathTests {
    @Test("leaves on its node's own link, which no change of the network touches")
    func ownLink() throws {
        let recorder = Recorder()
        var slow = LinkModel()
        slow.latency = .milliseconds(300)
        var mesh = try Mesh([network("internet")], observers: [recorder])
        let hub = try mesh.start("hub", in: "internet", link: slow)
        let a = try mesh.start("a", in: "internet")
        mesh.network.run(for: .seconds(5))
        var other = LinkModel()
        other.latency = .milliseconds(7)
        try mesh.network.change("internet", to: other)
        recorder.observations.removeAll()
        mesh.send(from: hub, to: 1)
        mesh.send(from: a, to: 0)
        let delays = recorder.crossings.map { $0.arrival.time - $0.sent }
        #expect(delays == [.milliseconds(300), .milliseconds(7)])
    }

    @Test("is lost where the link loses its type, each type counted for itself")
    func messageLoss() throws {
        func lost(_ loss: Loss) -> [Int] {
            var model = LinkModel()
            model.loss = loss
            var link = Link(model, seed: seed(1))
            return (0..<12).filter { number in
                // Magic, method and reserved bytes, then a type: data, peers and Inits in turn.
                let packet = [0x76, 0x70, 0x6e, 1, 0, 0, 0, UInt8(number % 3)]
                return if case .lost(.lost) = link.send(packet, at: at(number)) { true } else { false }
            }
        }
        #expect(lost(.messages(.initial, numbered: [])) == [2, 5, 8, 11])
        #expect(lost(.messages(.initial, numbered: [1, 3])) == [2, 8])
        #expect(lost(.messages(.data, numbered: [2, 9])) == [3])
        #expect(lost(.messages(.close, numbered: [])) == [])
    }

    @Test("keeps nodes apart as long as their Inits are lost, and no longer")
    func lostInits() throws {
        var plan = network("internet")
        plan.link.loss = .messages(.initial, numbered: [])
        var mesh = try Mesh([plan])
        let nodes = try [mesh.start("hub", in: "internet"), mesh.start("a", in: "internet")]
        mesh.network.run(for: .seconds(20))
        #expect(nodes.allSatisfy { $0.peers.isEmpty })
        try mesh.network.change("internet", to: LinkModel())
        mesh.network.run(for: .seconds(60))
        #expect(nodes.allSatisfy { $0.peers.count == 1 })
    }

    @Test(
        "that is too long is reported to its system, which refuses others so long for ten minutes",
        arguments: [true, false])
    func pathMTU(reports: Bool) throws {
        let recorder = Recorder()
        var plans = [network("internet"), network("office", behind: "internet")]
        plans[0].link.mtu = 1000
        plans[0].link.reportsTooLong = reports
        plans[0].link.latency = .milliseconds(20)
        plans[1].link.latency = .milliseconds(30)
        var mesh = try Mesh(plans, observers: [recorder])
        try mesh.start("hub", in: "internet")
        let a = try mesh.start("a", in: "office")
        let world = mesh.network
        world.run(for: .seconds(5))
        // The first reaches the gateway after 30 ms, and its answer the sender after as long.
        func loss(after pause: Duration, byteCount: Int = 1400) -> NetworkLoss? {
            world.run(for: pause)
            recorder.observations.removeAll()
            mesh.send(from: a, to: 0, byteCount: byteCount)
            world.run(for: .milliseconds(31))
            return recorder.losses.first
        }
        #expect(loss(after: .seconds(1)) == .link(.tooLong))
        #expect(loss(after: .milliseconds(28)) == .link(.tooLong))
        #expect(loss(after: .milliseconds(1)) == (reports ? .refused(errorCode: 90) : .link(.tooLong)))
        #expect(a.engine.statistics().peers.first?.failedSends == (reports ? 1 : 0))
        #expect(loss(after: .zero, byteCount: 900) == nil)
        #expect(loss(after: .seconds(590)) == (reports ? .refused(errorCode: 90) : .link(.tooLong)))
        #expect(loss(after: .seconds(15)) == .link(.tooLong))
    }

    @Test("stays in its family: nodes with both meet nodes with either, and none passes a network without it")
    func families() throws {
        var plans = [network("internet"), network("old", behind: "internet"), network("new", behind: "internet")]
        plans[0].hasIPv6 = true
        plans[2].hasIPv4 = false
        plans[2].hasIPv6 = true
        var mesh = try Mesh(plans)
        let both = try mesh.start("both", in: "internet")
        let old = try mesh.start("old", in: "old")
        let new = try mesh.start("new", in: "new")
        let other = try mesh.start("other", in: "new")
        #expect(both.endpoints.count == 2 && old.endpoints.count == 1 && new.endpoints.count == 1)
        mesh.network.run(for: .seconds(30))
        #expect(both.peers.count == 3)
        #expect(old.peers == [both.id])
        #expect(Set(new.peers) == [both.id, other.id])
        mesh.send(from: old, to: 0)
        mesh.send(from: new, to: 0)
        mesh.send(from: both, to: 1)
        mesh.send(from: both, to: 2)
        mesh.network.run(for: .seconds(1))
        #expect(both.delivered.count == 2 && old.delivered.count == 1 && new.delivered.count == 1)
    }

    @Test("of IPv6 does not pass a network that has IPv4 only")
    func noFamily() throws {
        var plans = [network("internet"), network("left", behind: "internet"), network("right", behind: "internet")]
        for index in 1...2 {
            plans[index].hasIPv4 = false
            plans[index].hasIPv6 = true
        }
        let recorder = Recorder()
        var mesh = try Mesh(plans, observers: [recorder])
        let (left, right) = (try mesh.start("left", in: "left"), try mesh.start("right", in: "right"))
        mesh.network.run(for: .seconds(30))
        #expect(left.peers.isEmpty && right.peers.isEmpty)
        #expect(!recorder.losses.isEmpty && recorder.losses.allSatisfy { $0 == .noRoute })
    }
}

extension Recorder {
    var crossings: [LinkCrossing] {
        observations.compactMap { if case .crossed(let crossing) = $0 { crossing } else { nil } }
    }
}
