import VPNNode
import VPNProtocol

@testable import VPNSimulator

/// Stands between a network and a checker, and gives it what a closure makes of each observation.
final class Doctor: NetworkObserver {
    let checker: NetworkChecker
    /// What the checker sees instead; by default the same.
    var treat: (Observation, Instant) -> [Observation] = { observation, _ in [observation] }

    init(_ plans: [NetworkPlan]) { checker = NetworkChecker(plans) }

    func observe(_ observation: Observation, at now: Instant) {
        for seen in treat(observation, now) { checker.observe(seen, at: now) }
    }

    var kinds: Set<NetworkViolation.Kind> { Set(checker.violations.map(\.kind)) }
}

/// A network with links, NATs and a firewall of many kinds, in which much happens.
struct CheckerWorld {
    static func plans() -> [NetworkPlan] {
        var plans = [
            network("internet"), network("home", behind: "internet", NATModel(.home)),
            network("mobile", behind: "provider", NATModel(.restricted)),
            network("provider", behind: "internet", NATModel(.carrier)),
            network("symmetric", behind: "internet", NATModel(.symmetric)),
            network("office", behind: "internet", firewall: true),
            network("open", behind: "provider", NATModel(.open)),
        ]
        plans[0].hasIPv6 = true
        plans[5].hasIPv6 = true
        plans[0].link.jitter = Jitter(.pareto, amount: .milliseconds(5), mayReorder: true)
        plans[0].link.duplication = Probability(millionths: 20_000)
        plans[1].link.loss = .bursts(
            toBad: Probability(millionths: 20_000), toGood: Probability(millionths: 200_000), lossInGood: .never,
            lossInBad: Probability(millionths: 500_000))
        plans[2].link.jitter = Jitter(.normal, amount: .milliseconds(3))
        plans[2].link.corruption = Probability(millionths: 30_000)
        plans[3].link.truncation = Probability(millionths: 30_000)
        plans[4].link.loss = .independent(Probability(millionths: 50_000))
        plans[4].link.mtu = 1000
        plans[4].link.reportsTooLong = true
        plans[5].link.rate = 200_000
        plans[5].link.queueBytes = 3_000
        plans[6].link.loss = .messages(.peers, numbered: [2, 5])
        plans[6].inwardLink = LinkModel()
        plans[6].inwardLink?.latency = .milliseconds(9)
        plans[6].inwardLink?.jitter = Jitter(.uniform, amount: .milliseconds(4))
        return plans
    }

    let doctor: Doctor
    var mesh: Mesh
    var world: VirtualNetwork { mesh.network }

    /// - Parameter plans: the networks, of which the checker may be told something else.
    init(_ plans: [NetworkPlan] = Self.plans(), told: [NetworkPlan]? = nil) throws {
        doctor = Doctor(told ?? plans)
        mesh = try Mesh(plans, observers: [doctor])
    }

    /// Starts a node in each network, and two in the internet.
    mutating func start() throws {
        let places = ["internet", "internet", "home", "mobile", "symmetric", "office", "open", "home", "open"]
        for (index, place) in places.enumerated() {
            var own: LinkModel?
            if index == 1 {
                own = LinkModel()
                own?.latency = .milliseconds(80)
            }
            try mesh.start(
                "n\(index)", in: place, addresses: index == 0 ? 2 : 1, link: own, drift: index == 3 ? 200_000 : 0
            ) {
                $0.portForwarding = place == "home"
                $0.peerTimeout = .seconds(120)
            }
            world.run(for: .milliseconds(300))
        }
    }

    /// Lets every node send to every other one, so many times.
    func talk(_ rounds: Int = 20) {
        for round in 0..<rounds {
            for node in mesh.nodes where node.isRunning {
                for index in mesh.nodes.indices {
                    mesh.send(from: node, to: index, byteCount: 60 + (round * 531) % 1300)
                }
            }
            world.run(for: .milliseconds(700))
        }
    }

    /// All that may happen from outside.
    mutating func live() throws {
        try start()
        talk()
        try world.partition([["n0", "n2"], ["n1", "n3"]])
        talk(5)
        try world.partition([["n4"], ["n0"]], oneWay: true)
        talk(5)
        world.heal()
        world.suspend(mesh.nodes[3])
        talk(5)
        world.run(for: .seconds(150))
        world.resume(mesh.nodes[3])
        talk()
        try world.flush(gatewayOf: "home")
        try world.reboot(gatewayOf: "provider")
        try world.renumber(gatewayOf: "symmetric")
        try world.flush(gatewayOf: "office")
        talk()
        try world.move(mesh.nodes[4], toNetwork: "home")
        talk()
        var slow = LinkModel()
        slow.latency = .milliseconds(200)
        slow.rate = 1_000_000
        try world.change("internet", to: slow)
        talk(5)
        world.kill(mesh.nodes[1])
        world.stop(mesh.nodes[2])
        talk()
        try world.move(mesh.nodes[4], toNetwork: "symmetric")
        try mesh.start("n1", in: "internet")
        world.inject([1, 2, 3], from: endpoint(77), to: mesh.nodes[0].endpoints[0])
        world.inject([1, 2, 3], from: endpoint(77), to: endpoint(78))
        world.run(for: .seconds(400))
        talk()
        world.run(for: .seconds(20))
        doctor.checker.finish(at: world.now)
    }
}
