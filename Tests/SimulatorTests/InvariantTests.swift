import Testing
import VPNProtocol

@testable import VPNNode
@testable import VPNSimulator

/// A second watch over a run, which sees what a closure makes of each observation.
private final class DoctoredWatch: NetworkObserver {
    let watch: ScenarioWatch
    private let treat: (Observation) -> [Observation]

    init(_ run: ScenarioRun, treat: @escaping (Observation) -> [Observation]) throws {
        let scenario = run.scenario
        let roster = try Roster(scenario.nodes)
        watch = try ScenarioWatch(
            scenario, roster, flows: TrafficFlow.flows(of: scenario, roster), groups: KeyGroups(roster), in: run.network
        )
        self.treat = treat
        run.network.add(self)
    }

    func observe(_ observation: Observation, at now: Instant) {
        for seen in treat(observation) { watch.observe(seen, at: now) }
    }

    func pass(to now: Instant) { watch.pass(to: now) }
}

extension VirtualDatagram {
    fileprivate func with(_ change: (inout [UInt8]) -> Void) -> Self {
        var result = self
        change(&result.bytes)
        return result
    }

    fileprivate var isData: Bool { bytes[PacketHeader.typeOffset] == MessageType.data.rawValue }
}

/// A fault that is planted into what a watch sees, and the promise that it breaks.
private struct Plant: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let invariant: Invariant
    let treat: @Sendable (Observation) -> [Observation]

    init(_ text: String, _ invariant: Invariant, treat: @escaping @Sendable (Observation) -> [Observation]) {
        testDescription = text
        self.invariant = invariant
        self.treat = treat
    }

    private static func sent(
        _ observation: Observation, _ change: (inout [UInt8], _ number: UInt64) -> Void
    ) -> [Observation] {
        guard case .sent(let datagram, let node) = observation else { return [observation] }
        return [.sent(datagram.with { change(&$0, datagram.id) }, by: node)]
    }

    private static func delivered(_ observation: Observation, _ change: (inout [UInt8]) -> Void) -> [Observation] {
        guard case .frameDelivered(var frame, let node, let datagram) = observation else { return [observation] }
        change(&frame)
        return [.frameDelivered(frame, at: node, of: datagram)]
    }

    private static func setNonce(_ bytes: inout [UInt8], _ value: UInt64) {
        let start = PacketHeader.byteCount
        for index in 0..<Nonce.byteCount { bytes[start + index] = 0 }
        for index in 0..<8 { bytes[start + 4 + index] = UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * index)) }
    }

    static let all = [
        Plant("a node joins itself", .noSelfPeers) { seen in
            guard case .started(let node) = seen, let endpoint = node.endpoints.first else { return [seen] }
            return [seen, .event(.peerJoined(node.id, endpoint, claims: 0), in: node)]
        },
        Plant("a datagram brings a frame twice", .noExtraFrames) { seen in
            if case .frameDelivered = seen { [seen, seen] } else { [seen] }
        },
        Plant("a frame comes of no datagram", .noExtraFrames) { seen in
            if case .arrived(let datagram, _) = seen, datagram.isData { [] } else { [seen] }
        },
        Plant("a datagram with a frame arrives again", .noDuplicateFrames) { seen in
            guard case .frameDelivered(_, let node, let datagram) = seen else { return [seen] }
            return [seen, .arrived(datagram, at: node), seen]
        },
        Plant("a frame has another destination", .noMisdeliveredFrames) { seen in delivered(seen) { $0[18] ^= 1 } },
        Plant("the last bit of a frame is another", .noCorruptedFrames) { seen in
            delivered(seen) { $0[$0.count - 1] ^= 1 }
        },
        Plant("a frame is one byte shorter", .noCorruptedFrames) { seen in delivered(seen) { $0.removeLast() } },
        Plant("a frame is none of the traffic", .noCorruptedFrames) { seen in delivered(seen) { $0[30] ^= 1 } },
        Plant("a packet is not sealed", .noPlaintext) { seen in
            sent(seen) { bytes, _ in bytes[PacketHeader.methodOffset] = CryptoMethod.none.rawValue }
        },
        Plant("a packet holds the mark of a frame", .noPlaintext) { seen in
            sent(seen) { bytes, _ in bytes += FrameIdentity.marker }
        },
        Plant("a packet holds the id of its node", .noPlaintext) { seen in
            guard case .sent(let datagram, let node) = seen else { return [seen] }
            return [.sent(datagram.with { $0 += node.id.bits.bytesHighestFirst }, by: node)]
        },
        Plant("every packet has one nonce", .noNonceReuse) { seen in sent(seen) { bytes, _ in setNonce(&bytes, 7) } },
        Plant("nonces count down", .noNonceReuse) { seen in
            sent(seen) { bytes, number in setNonce(&bytes, 1_000_000 - number) }
        },
        Plant("all nodes count from one start", .noNonceReuse) { seen in
            sent(seen) { bytes, number in setNonce(&bytes, number) }
        },
        Plant("a node sends on what it got", .noRelayedFrames) { seen in
            guard case .arrived(let datagram, let node) = seen, datagram.isData else { return [seen] }
            return [seen, .sent(datagram, by: node)]
        },
    ]
}

@Suite("An invariant")
struct InvariantTests {
    private func scenario() throws -> Scenario {
        var scenario = try JudgedRun.scenario()
        scenario.invariants = Invariant.allCases
        return scenario
    }

    @Test("holds in a run without faults, each of them")
    func sound() throws {
        let run = try ScenarioRun(scenario())
        let doctored = try DoctoredWatch(run) { [$0] }
        let report = try run.finish()
        #expect(report.expectations.count == Invariant.allCases.count)
        #expect(report.failures.isEmpty, "\(report.failures)")
        doctored.watch.judges.finish(at: run.end)
        for invariant in Invariant.allCases {
            #expect(doctored.watch.judges.invariants.result(of: invariant, text: "").passed)
        }
    }

    @Test("is broken by a planted fault, which is seen with its time and the last events", arguments: Plant.all)
    fileprivate func planted(_ plant: Plant) throws {
        let run = try ScenarioRun(scenario())
        let doctored = try DoctoredWatch(run, treat: plant.treat)
        let report = try run.finish()
        // What the run itself sees is sound.
        #expect(report.passed)
        doctored.watch.judges.finish(at: run.end)
        let result = doctored.watch.judges.invariants.result(of: plant.invariant, text: "")
        #expect(!result.passed && result.time != nil && !result.seen.isEmpty, "\(result)")
        #expect(result.expected == plant.invariant.words)
    }

    @Test("about duplicates is broken by a link that doubles, and by none where nobody asks")
    func duplicates() throws {
        var scenario = try scenario()
        scenario.networks[0].link.duplication = Probability(millionths: 1_000_000)
        let report = try ScenarioRun(scenario).finish()
        #expect(report.failures.map(\.text) == ["invariant no_duplicate_frames"], "\(report.failures)")
        #expect(report.failures[0].seen.hasPrefix("b delivers frame 2 from a 2 times, the first of "))
        scenario.invariants = Invariant.defaults
        #expect(try ScenarioRun(scenario).finish().passed)
        scenario.expectations = [Expectation(.invariant(.noDuplicateFrames), .always(from: .zero, to: nil), text: "x")]
        #expect(try ScenarioRun(scenario).finish().failures.map(\.text) == ["x"])
    }

    @Test("about tables is broken by one that has more entries than its bound")
    func tables() throws {
        let run = try ScenarioRun(scenario())
        let doctored = try DoctoredWatch(run) { [$0] }
        try run.advance(to: .zero + .seconds(1))
        doctored.watch.judges.note([TableSize(table: .stations, count: 5, bound: 5)], of: 0, run.now)
        #expect(doctored.watch.judges.invariants.result(of: .boundedTables, text: "").passed)
        doctored.watch.judges.note([TableSize(table: .stations, count: 6, bound: 5)], of: 0, run.now)
        let result = doctored.watch.judges.invariants.result(of: .boundedTables, text: "")
        #expect(!result.passed && result.seen == "the table 'stations' of hub has 6 entries, more than 5")
    }

    @Test("about the mesh is broken where nodes have no time to meet")
    func mesh() throws {
        var scenario = try scenario()
        scenario.events = []
        scenario.settlingTime = .milliseconds(41)
        let failures = try ScenarioRun(scenario).finish().failures
        // The one behind the NAT hears of the other after 42 ms.
        #expect(failures.map(\.text) == ["invariant full_mesh"])
        #expect(failures[0].seen == "a does not have b as a peer" && failures[0].time == .milliseconds(41))
        scenario.settlingTime = .milliseconds(100)
        #expect(try ScenarioRun(scenario).finish().passed)
    }

    @Test("about the network is broken by what its checker finds")
    func network() throws {
        let run = try ScenarioRun(scenario())
        let doctored = try DoctoredWatch(run) { [$0] }
        doctored.watch.judges.note(networkViolation: "a datagram was too early", at: .zero + .seconds(3))
        let result = doctored.watch.judges.invariants.result(of: .networkModel, text: "")
        #expect(!result.passed && result.seen == "a datagram was too early" && result.time == .seconds(3))
    }
}
