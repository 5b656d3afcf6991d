import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("The checker of the network model")
struct CheckerTests {
    @Test("finds nothing in a network of all kinds in which much happens")
    func clean() throws {
        var world = try CheckerWorld()
        var kinds: [String: Int] = [:]
        world.doctor.treat = { observation, _ in
            switch observation {
            case .dropped(_, let loss, _): kinds["\(loss)", default: 0] += 1
            case .crossed(let crossing):
                if crossing.again != nil { kinds["again", default: 0] += 1 }
                if crossing.arrival.bytes != crossing.datagram.bytes { kinds["damage", default: 0] += 1 }
            case .changed(.portForwarded): kinds["port", default: 0] += 1
            case .arrived: kinds["arrived", default: 0] += 1
            default: break
            }
            return [observation]
        }
        try world.live()
        #expect(world.doctor.checker.violations.map(\.text) == [])
        #expect(world.doctor.checker.violationCount == 0 && world.doctor.checker.unfollowed == 0)
        // The network has to show what the checker is to judge.
        let seen = [
            "again", "damage", "port", "arrived", "partitioned", "suspended", "firewall", "noReceiver",
            "link(VPNSimulator.LinkLoss.lost)", "link(VPNSimulator.LinkLoss.queueFull)",
            "link(VPNSimulator.LinkLoss.tooLong)", "refused(errorCode: 90)",
            "nat(VPNSimulator.NATRefusal.noMapping)", "nat(VPNSimulator.NATRefusal.filtered)",
        ]
        for kind in seen { #expect(kinds[kind, default: 0] > 0, "\(kind)") }
    }

    /// A checker that was told another model than the network has.
    struct Misinformed: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let kind: NetworkViolation.Kind
        /// Makes the network's plans.
        let real: @Sendable (inout [NetworkPlan]) -> Void
        /// Makes what the checker is told, of the network's plans or of the simple ones.
        let told: @Sendable (inout [NetworkPlan]) -> Void

        let buildsOnReal: Bool

        init(
            _ text: String, _ kind: NetworkViolation.Kind, buildsOnReal: Bool = false,
            real: @escaping @Sendable (inout [NetworkPlan]) -> Void,
            told: @escaping @Sendable (inout [NetworkPlan]) -> Void
        ) {
            testDescription = text
            self.kind = kind
            self.buildsOnReal = buildsOnReal
            self.real = real
            self.told = told
        }
    }

    /// The internet, a home with two nodes, and an office.
    static func simplePlans() -> [NetworkPlan] {
        [
            network("internet"), network("home", behind: "internet", NATModel(.home)),
            network("office", behind: "internet"),
        ]
    }

    static let misinformed = [
        Misinformed("latency", .tooEarly, real: { _ in }, told: { $0[0].link.latency = .milliseconds(2) }),
        Misinformed(
            "a link inwards", .tooLate, buildsOnReal: true, real: { $0[1].inwardLink = slowLink },
            told: { $0[1].inwardLink = nil }),
        Misinformed(
            "least delay of Pareto jitter", .tooEarly,
            real: { $0[0].link.jitter = Jitter(.uniform, amount: .milliseconds(3)) },
            told: { $0[0].link.jitter = Jitter(.pareto, amount: .milliseconds(3)) }),
        Misinformed(
            "order", .overtook,
            real: { $0[0].link.jitter = Jitter(amount: .milliseconds(500), mayReorder: true) },
            told: { $0[0].link.jitter = Jitter(amount: .milliseconds(500)) }),
        Misinformed("rate", .tooEarly, real: { $0[0].link.rate = 10_000_000 }, told: { $0[0].link.rate = 9_000_000 }),
        Misinformed(
            "queue", .overQueue, real: { $0[0].link.rate = 100_000 },
            told: {
                $0[0].link.rate = 100_000
                $0[0].link.queueBytes = 2_000
            }),
        Misinformed(
            "queue that is full too early", .unexplainedLoss,
            real: {
                $0[0].link.rate = 100_000
                $0[0].link.queueBytes = 1_000
            },
            told: {
                $0[0].link.rate = 100_000
                $0[0].link.queueBytes = 4_000
            }),
        Misinformed("MTU", .overMTU, real: { _ in }, told: { $0[0].link.mtu = 600 }),
        Misinformed("MTU that is longer", .unexplainedLoss, real: { $0[0].link.mtu = 600 }, told: { _ in }),
        Misinformed("no duplication", .doubled, real: { $0[0].link.duplication = half }, told: { _ in }),
        Misinformed("no corruption", .bytesChanged, real: { $0[0].link.corruption = half }, told: { _ in }),
        Misinformed("no truncation", .bytesChanged, real: { $0[0].link.truncation = half }, told: { _ in }),
        Misinformed("no loss", .unexplainedLoss, real: { $0[0].link.loss = .independent(half) }, told: { _ in }),
        Misinformed(
            "full loss", .survived, real: { _ in },
            told: { $0[0].link.loss = .independent(Probability(millionths: 1_000_000)) }),
        Misinformed(
            "other numbers", .unexplainedLoss, real: { $0[0].link.loss = .numbered([4, 9]) },
            told: { $0[0].link.loss = .numbered([4, 10]) }),
        Misinformed(
            "more numbers", .survived, real: { $0[0].link.loss = .numbered([4, 9]) },
            told: { $0[0].link.loss = .numbered([4, 9, 11]) }),
        Misinformed(
            "another type", .unexplainedLoss, real: { $0[0].link.loss = .messages(.peers, numbered: []) },
            told: { $0[0].link.loss = .messages(.data, numbered: [3]) }),
        Misinformed(
            "other numbers of a type", .survived, real: { $0[0].link.loss = .messages(.data, numbered: [3]) },
            told: { $0[0].link.loss = .messages(.data, numbered: [3, 4]) }),
        Misinformed(
            "loss rate", .improbable, real: { $0[0].link.loss = .independent(Probability(millionths: 200_000)) },
            told: { $0[0].link.loss = .independent(Probability(millionths: 50_000)) }),
        Misinformed(
            "burst rate", .improbable, real: { $0[0].link.loss = bursts(300_000) },
            told: { $0[0].link.loss = bursts(20_000) }),
        Misinformed(
            "duplication rate", .improbable, real: { $0[0].link.duplication = half },
            told: { $0[0].link.duplication = Probability(millionths: 200_000) }),
        Misinformed(
            "corruption rate", .improbable, real: { $0[0].link.corruption = half },
            told: { $0[0].link.corruption = Probability(millionths: 900_000) }),
        Misinformed(
            "mapping", .wrongTranslation, real: { $0[1].gateway?.nat = NATModel(.symmetric) }, told: { _ in }),
        Misinformed(
            "mapping that is shared", .wrongTranslation, real: { $0[1].gateway?.nat?.filtering = .independent },
            told: { $0[1].gateway?.nat = NATModel(.symmetric) }),
        Misinformed("translation at all", .wrongTranslation, real: { _ in }, told: { $0[1].gateway?.nat = nil }),
        Misinformed(
            "pooling", .wrongTranslation, buildsOnReal: true,
            real: {
                $0[1].gateway?.nat = NATModel(.carrier)
                $0[1].gateway?.nat?.mapping = .addressAndPort
                $0[1].gateway?.nat?.pooling = .arbitrary
            }, told: { $0[1].gateway?.nat?.pooling = .paired }),
        Misinformed(
            "time of mappings", .noMapping, real: { _ in }, told: { $0[1].gateway?.nat?.timeout = .milliseconds(300) }),
        Misinformed(
            "filtering", .filtered, buildsOnReal: true, real: { $0[1].gateway?.nat?.filtering = .independent },
            told: { $0[1].gateway?.nat?.filtering = .address }),
        Misinformed(
            "hairpinning", .hairpinned, buildsOnReal: true, real: { $0[1].gateway?.nat?.hairpinning = true },
            told: { $0[1].gateway?.nat?.hairpinning = false }),
        Misinformed("firewall", .passedFirewall, real: { _ in }, told: { $0[2].gateway?.isFirewall = true }),
    ]

    private static let half = Probability(millionths: 500_000)

    private static var slowLink: LinkModel {
        var link = LinkModel()
        link.latency = .milliseconds(9)
        return link
    }

    private static func bursts(_ toBad: Int) -> Loss {
        .bursts(
            toBad: Probability(millionths: toBad), toGood: Probability(millionths: 400_000), lossInGood: .never,
            lossInBad: Probability(millionths: 900_000))
    }

    /// Nodes in the internet, at home and in the office, which meet and talk.
    static func run(_ world: inout CheckerWorld) throws {
        for place in ["internet", "home", "home", "office", "internet"] {
            try world.mesh.start("n\(world.mesh.nodes.count)", in: place)
            world.world.run(for: .seconds(1))
        }
        world.talk(40)
        // What comes to the office before it sends, and to the home at each of its ports.
        for node in world.mesh.nodes where node.number == 0 || node.number == 4 {
            let office = world.mesh.nodes[3].endpoints[0]
            world.world.nameService = { _ in [office] }
            world.world.run(for: .seconds(400))
            world.mesh.send(from: node, to: 3)
        }
        world.talk(5)
        world.world.run(for: .seconds(5))
        world.doctor.checker.finish(at: world.world.now)
    }

    @Test("finds where the network does not do what the checker was told", arguments: misinformed)
    func misinformed(_ given: Misinformed) throws {
        var plans = Self.simplePlans()
        given.real(&plans)
        var honest = try CheckerWorld(plans)
        try Self.run(&honest)
        #expect(honest.doctor.checker.violations.map(\.text) == [])
        var told = given.buildsOnReal ? plans : Self.simplePlans()
        given.told(&told)
        var world = try CheckerWorld(plans, told: told)
        try Self.run(&world)
        #expect(world.doctor.kinds.contains(given.kind), "\(world.doctor.kinds)")
    }
}
