import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("The checker of the network model, given doctored observations,")
struct CheckerPlantTests {
    /// A change of what the checker sees.
    struct Plant: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let kind: NetworkViolation.Kind
        /// What is seen instead of an observation; nil for those that are not doctored.
        let treat: @Sendable (Observation) -> [Observation]?
        /// Which of those is doctored: the first ones may come before the nodes know each other.
        let turn: Int
        /// Whether all of them are.
        let all: Bool

        init(
            _ text: String, _ kind: NetworkViolation.Kind, turn: Int = 20, all: Bool = false,
            treat: @escaping @Sendable (Observation) -> [Observation]?
        ) {
            testDescription = text
            self.kind = kind
            self.turn = turn
            self.all = all
            self.treat = treat
        }
    }

    private static func crossing(
        _ observation: Observation, _ change: (LinkCrossing) -> LinkCrossing
    ) -> [Observation]? {
        if case .crossed(let crossing) = observation { [.crossed(change(crossing))] } else { nil }
    }

    private static func shifted(_ crossing: LinkCrossing, by duration: Duration) -> LinkCrossing {
        LinkCrossing(
            crossing.link, crossing.datagram, sent: crossing.sent,
            arrival: LinkArrival(time: crossing.arrival.time + duration, bytes: crossing.arrival.bytes))
    }

    private static func altered(_ datagram: VirtualDatagram, at index: Int) -> VirtualDatagram {
        var bytes = datagram.bytes
        bytes[index] ^= 0x10
        return VirtualDatagram(
            id: datagram.id, sent: datagram.sent, sender: datagram.sender, source: datagram.source,
            destination: datagram.destination, bytes: bytes)
    }

    private static func moved(_ datagram: VirtualDatagram, to destination: Endpoint) -> VirtualDatagram {
        VirtualDatagram(
            id: datagram.id, sent: datagram.sent, sender: datagram.sender, source: datagram.source,
            destination: destination, bytes: datagram.bytes)
    }

    static let plants = [
        Plant("an arrival is a nanosecond earlier", .tooEarly) { seen in
            crossing(seen) { shifted($0, by: .nanoseconds(-1)) }
        },
        Plant("an arrival is a nanosecond later", .tooLate) { seen in
            crossing(seen) { shifted($0, by: .nanoseconds(1)) }
        },
        Plant("an arrival comes an hour later, and others before it", .overtook) { seen in
            crossing(seen) { shifted($0, by: .seconds(3600)) }
        },
        Plant("a link says that it arrives twice", .doubled) { seen in
            crossing(seen) {
                LinkCrossing($0.link, $0.datagram, sent: $0.sent, arrival: $0.arrival, again: $0.arrival)
            }
        },
        Plant("the second of two never comes", .vanished) { seen in
            crossing(seen) {
                LinkCrossing($0.link, $0.datagram, sent: $0.sent, arrival: $0.arrival, again: $0.arrival)
            }
        },
        Plant("a link changes a bit", .bytesChanged) { seen in
            crossing(seen) {
                let bytes = altered($0.datagram, at: 3).bytes
                return LinkCrossing(
                    $0.link, $0.datagram, sent: $0.sent, arrival: LinkArrival(time: $0.arrival.time, bytes: bytes))
            }
        },
        Plant("a bit changes before a link", .bytesChanged) { seen in
            crossing(seen) { LinkCrossing($0.link, altered($0.datagram, at: 8), sent: $0.sent, arrival: $0.arrival) }
        },
        Plant("a bit changes at the receiver", .bytesChanged) { seen in
            if case .arrived(let datagram, let node) = seen {
                [.arrived(altered(datagram, at: 2), at: node)]
            } else {
                nil
            }
        },
        Plant("a datagram arrives twice", .unknownCopy) { seen in
            if case .arrived = seen { [seen, seen] } else { nil }
        },
        Plant("a datagram was not sent", .unknownCopy) { seen in if case .sent = seen { [] } else { nil } },
        Plant("a datagram crosses no link", .unknownCopy) { seen in if case .crossed = seen { [] } else { nil } },
        Plant("a datagram does not arrive", .vanished) { seen in if case .arrived = seen { [] } else { nil } },
        Plant("a datagram is for another port", .wrongTranslation) { seen in
            crossing(seen) {
                let destination = Endpoint($0.datagram.destination.address, port: 1)
                return LinkCrossing(
                    $0.link, moved($0.datagram, to: destination), sent: $0.sent, arrival: $0.arrival)
            }
        },
        Plant("a datagram arrives at another address", .absentReceiver) { seen in
            if case .arrived(let datagram, let node) = seen {
                [.arrived(moved(datagram, to: endpoint(200)), at: node)]
            } else {
                nil
            }
        },
        Plant("a datagram is lost on a good link", .unexplainedLoss) { seen in
            if case .crossed(let crossing) = seen {
                [.dropped(crossing.datagram, .link(.lost), .link(crossing.link))]
            } else {
                nil
            }
        },
        Plant("a datagram is lost since its receiver sleeps", .unexplainedLoss) { seen in
            if case .arrived(let datagram, let node) = seen {
                [.dropped(datagram, .suspended, node.place.map { .node($0) })]
            } else {
                nil
            }
        },
        Plant("a datagram is lost since there is no receiver", .unexplainedLoss) { seen in
            if case .arrived(let datagram, let node) = seen {
                [.dropped(datagram, .noReceiver, node.place.map { .node($0) })]
            } else {
                nil
            }
        },
        Plant("a datagram is lost since the nodes are cut off", .unexplainedLoss) { seen in
            if case .arrived(let datagram, let node) = seen {
                [.dropped(datagram, .partitioned, .node(node.place ?? 0))]
            } else {
                nil
            }
        },
        Plant("a node is not known", .sentByAbsentNode, all: true) { seen in
            if case .started(let node) = seen { node.number == 1 ? [] : [seen] } else { nil }
        },
        Plant("a node does not wake up", .absentReceiver, turn: 1) { seen in if case .resumed = seen { [] } else { nil }
        },
        Plant("a node sends in its sleep", .sentByAbsentNode, turn: 1) { seen in
            if case .resumed = seen { [] } else { nil }
        },
        Plant("a partition does not end", .crossedPartition, turn: 1) { seen in
            if case .changed(.healed) = seen { [] } else { nil }
        },
        Plant("a partition is not told", .unexplainedLoss, turn: 1) { seen in
            if case .changed(.partitioned) = seen { [] } else { nil }
        },
        Plant("a change of links is not told", .tooLate, turn: 1) { seen in
            if case .changed(.linksChanged) = seen { [] } else { nil }
        },
        Plant("a NAT has forgotten its mappings", .noMapping, turn: 1) { seen in
            if case .frameDelivered(_, let node, _) = seen, node.name == "n2" {
                [seen, .changed(.flushed(gatewayOf: 1))]
            } else {
                nil
            }
        },
        Plant("a frame comes from another datagram", .frameFromNowhere) { seen in
            if case .frameDelivered(let frame, let node, let datagram) = seen {
                [
                    .frameDelivered(
                        frame, at: node,
                        of: VirtualDatagram(
                            id: datagram.id + 1, sent: datagram.sent, source: datagram.source,
                            destination: datagram.destination, bytes: datagram.bytes))
                ]
            } else {
                nil
            }
        },
    ]

    private func run(_ treat: @escaping (Observation) -> [Observation]) throws -> Doctor {
        var world = try CheckerWorld(CheckerTests.simplePlans())
        world.doctor.treat = { observation, _ in treat(observation) }
        for place in ["internet", "home", "home", "office", "internet"] {
            try world.mesh.start("n\(world.mesh.nodes.count)", in: place)
            world.world.run(for: .seconds(1))
        }
        world.talk(5)
        try world.world.partition([["n0", "n1"], ["n2", "n3", "n4"]])
        world.talk(2)
        world.world.heal()
        world.world.suspend(world.mesh.nodes[4])
        world.talk(2)
        world.world.resume(world.mesh.nodes[4])
        world.talk(2)
        var slow = LinkModel()
        slow.latency = .milliseconds(5)
        try world.world.change("internet", to: slow)
        world.talk(2)
        world.world.run(for: .seconds(3))
        world.doctor.checker.finish(at: world.world.now)
        return world.doctor
    }

    @Test("finds nothing where nothing was doctored")
    func clean() throws { #expect(try run { [$0] }.checker.violations.map(\.text) == []) }

    @Test("finds what was planted", arguments: plants)
    func plant(_ plant: Plant) throws {
        var known = 0
        var planted = 0
        let doctor = try run { observation in
            guard let instead = plant.treat(observation) else { return [observation] }
            known += 1
            guard plant.all || known == plant.turn else { return [observation] }
            planted += 1
            return instead
        }
        #expect(planted > 0)
        #expect(doctor.kinds.contains(plant.kind), "\(doctor.checker.violations.map(\.text))")
    }

    @Test("has a test that plants it for each kind of violation")
    func complete() {
        let kinds = Set(Self.plants.map(\.kind)).union(CheckerTests.misinformed.map(\.kind))
        #expect(kinds == Set(NetworkViolation.Kind.allCases))
    }

    @Test("keeps only so many violations, and counts all")
    func bound() throws {
        let checker = NetworkChecker([network("internet")], limit: 2)
        let datagram = VirtualDatagram(sent: .zero, source: endpoint(1), destination: endpoint(2), bytes: [])
        for _ in 0..<5 { checker.observe(.dropped(datagram, .noRoute, .outside), at: .zero) }
        #expect(checker.violations.count == 2 && checker.violationCount == 5)
        #expect(checker.violations.allSatisfy { $0.kind == .unknownCopy && !$0.text.isEmpty })
    }
}
