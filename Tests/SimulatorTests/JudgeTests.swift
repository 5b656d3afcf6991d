import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

/// A claim about the run of ``JudgedRun``, and whether it is true.
struct JudgedClaim: CustomTestStringConvertible, Sendable {
    let claim: Expectation.Claim
    let time: Expectation.Time
    let passes: Bool
    /// When it is seen that it does not hold; nil where that is not looked at.
    var at: Duration?
    /// What is seen.
    var seen: String?

    var testDescription: String { "\(time.words)\(claim.words): \(passes)" }

    init(
        _ claim: Expectation.Claim, _ time: Expectation.Time, _ passes: Bool, at: Duration? = nil, seen: String? = nil
    ) {
        self.claim = claim
        self.time = time
        self.passes = passes
        self.at = at
        self.seen = seen
    }

    func check(_ scenario: Scenario) throws {
        let result = try JudgedRun.result(of: claim, time, scenario)
        #expect(result.passed == passes, "\(result)")
        #expect(result.expected == time.words + claim.words)
        if let at { #expect(result.time == at) }
        if let seen { #expect(result.seen == seen) }
    }
}

private func exactly(_ number: Int) -> Expectation.Bounds { Expectation.Bounds(least: number, most: number) }
private func least(_ number: Int) -> Expectation.Bounds { Expectation.Bounds(least: number) }
private func most(_ number: Int) -> Expectation.Bounds { Expectation.Bounds(most: number) }

/// The last instant before the death.
private let before = Duration.seconds(40) - .nanoseconds(1)

@Suite("A claim about an instant")
struct StateJudgeTests {
    @Test(
        "holds or not by its time form, whose windows include both ends",
        arguments: [
            JudgedClaim(.connected([]), .within(.seconds(5)), true, seen: "it held"),
            // There and back is 40 ms, to the node behind the NAT 42.
            JudgedClaim(.connected(["hub", "a"]), .within(.milliseconds(40)), true),
            JudgedClaim(.connected(["hub", "a"]), .within(.milliseconds(39)), false, at: .milliseconds(39)),
            JudgedClaim(.connected([]), .always(from: .seconds(5), to: before), true),
            JudgedClaim(.connected([]), .always(from: .seconds(5), to: .seconds(40)), false, at: .seconds(40)),
            JudgedClaim(.connected([]), .always(from: .seconds(5), to: nil), false, at: .seconds(40)),
            JudgedClaim(.connected([]), .always(from: .seconds(45), to: nil), false, at: .seconds(45)),
            JudgedClaim(.connected([]), .never(from: .seconds(40), to: nil), true),
            JudgedClaim(.connected([]), .never(from: before, to: nil), false, at: before),
            JudgedClaim(.connected([]), .never(from: .seconds(5), to: .seconds(6)), false, at: .seconds(5)),
            JudgedClaim(.connected([]), .eventually(from: before, to: nil), true),
            JudgedClaim(.connected([]), .eventually(from: .seconds(40), to: nil), false, at: .seconds(60)),
            JudgedClaim(.connected([]), .eventually(from: .zero, to: .milliseconds(9)), false, at: .milliseconds(9)),
            JudgedClaim(
                .connected([]), .atEnd, false, at: .seconds(60),
                seen: "hub does not have a as a peer, a does not run, and 3 more missing"),
            JudgedClaim(.connected(["hub", "b"]), .atEnd, true),
        ])
    func times(_ claim: JudgedClaim) throws { try claim.check(JudgedRun.scenario()) }

    @Test(
        "holds or not by what nodes know",
        arguments: [
            // Who is dead knows nobody, and is known for as long as the peer timeout.
            JudgedClaim(.disconnected(["a"], ["hub", "b"]), .atEnd, true),
            JudgedClaim(.disconnected(["hub"], ["a"]), .atEnd, false, seen: "hub has a as a peer"),
            JudgedClaim(.disconnected(["a"], ["hub"]), .always(from: .zero, to: .milliseconds(19)), true),
            JudgedClaim(.disconnected(["a"], ["hub"]), .always(from: .zero, to: .seconds(1)), false),
            JudgedClaim(.peers(of: "hub", exactly(2)), .atEnd, true),
            JudgedClaim(.peers(of: "all", least(2)), .atEnd, false, seen: "hub: 2 peers, a: 0 peers, b: 2 peers"),
            JudgedClaim(.peers(of: "all", most(1)), .always(from: .zero, to: nil), false),
            JudgedClaim(.path(from: "hub", to: "b", network: "internet"), .atEnd, true),
            JudgedClaim(.path(from: "b", to: "hub", network: "internet"), .atEnd, true),
            JudgedClaim(.path(from: "hub", to: "b", network: "home"), .eventually(from: .zero, to: nil), false),
            JudgedClaim(.path(from: "a", to: "b", network: "internet"), .atEnd, false, seen: "b is no peer of a"),
            JudgedClaim(.table(.peers, of: "hub", exactly(2)), .atEnd, true),
            JudgedClaim(.table(.claims, of: "hub", most(1)), .atEnd, false, seen: "hub: 2 claims"),
            JudgedClaim(.memory(of: "all", atMost: 1 << 20), .always(from: .zero, to: nil), true),
            JudgedClaim(.memory(of: "hub", atMost: 1), .always(from: .seconds(1), to: nil), false),
        ])
    func subjects(_ claim: JudgedClaim) throws { try claim.check(JudgedRun.scenario()) }

    @Test(
        "holds or not by the stations that a switch has learned",
        arguments: [
            JudgedClaim(.station(of: "b", at: "b", knownBy: "a"), .eventually(from: .seconds(5), to: before), true),
            JudgedClaim(.station(of: "b", at: "hub", knownBy: "a"), .eventually(from: .zero, to: nil), false),
            JudgedClaim(.station(of: "b", at: "b", knownBy: "a"), .atEnd, false),
            JudgedClaim(.station(of: "a", at: "a", knownBy: "b"), .always(from: .seconds(5), to: before), true),
            JudgedClaim(.station(of: "hub", at: "hub", knownBy: "b"), .eventually(from: .zero, to: nil), false),
        ])
    func stations(_ claim: JudgedClaim) throws { try claim.check(JudgedRun.scenario(.tap)) }

    @Test("with 'sometimes' fails only where no run of a sweep meets it")
    func sweep() throws {
        var scenario = try JudgedRun.scenario()
        scenario.expectations = [
            Expectation(.connected([]), .sometimes(from: .seconds(40), to: nil), text: "never so"),
            Expectation(.connected([]), .sometimes(from: .seconds(5), to: .seconds(6)), text: "always so"),
        ]
        var reports = try [1, 2, 3].map { try ScenarioRun(scenario, seed: $0).finish() }
        #expect(reports.allSatisfy { $0.passed && $0.expectations[0].isUnmet && !$0.expectations[1].isUnmet })
        var met = reports
        met[1].expectations[0].isUnmet = false
        met.judgeSweep()
        #expect(met.allSatisfy { $0.passed })
        reports.judgeSweep()
        #expect(reports.map(\.passed) == [true, true, false])
        #expect(reports[2].failures.map(\.text) == ["never so"])
        #expect(reports[2].failures[0].seen.hasPrefix("in none of 3 runs; in this one: hub does not have a"))
    }
}

@Suite("A claim about a window")
struct WindowJudgeTests {
    private static func percent(_ value: Int) -> Expectation.Bounds { least(value * 100) }

    @Test(
        "counts frames sent from its beginning up to, and not at, its end",
        arguments: [
            JudgedClaim(
                .delivery(from: "a", to: "b", percent(100)), .over(from: .seconds(12), to: .seconds(14)), true,
                seen: "2 of 2 arrived, 100%"),
            JudgedClaim(
                .delivery(from: "b", to: "a", percent(100)), .over(from: .seconds(12), to: .seconds(14)), true),
            // The one of 39 s is answered just after 39 s, when the sender still lives; the dead sends nothing.
            JudgedClaim(.delivery(from: "a", to: "b", percent(100)), .over(from: .seconds(1), to: nil), true),
            JudgedClaim(
                .delivery(from: "a", to: "b", percent(100)), .over(from: .zero, to: .seconds(10)), false,
                at: .seconds(10), seen: "9 of 10 arrived, 90%; 1 not sent (there are no peers)"),
            JudgedClaim(
                .delivery(from: "a", to: "b", most(0)), .over(from: .zero, to: .milliseconds(1)), true),
            JudgedClaim(
                .delivery(from: "a", to: "b", percent(1)), .over(from: .seconds(41), to: nil), false,
                seen: "no frame was sent in that time"),
            JudgedClaim(.delivery(from: "hub", to: nil, most(10_000)), .over(from: .zero, to: nil), false),
            JudgedClaim(
                .latency(from: "a", to: "b", percentile: 10_000, atMost: .milliseconds(21)),
                .over(from: .seconds(5), to: nil), true),
            JudgedClaim(
                .latency(from: "a", to: "b", percentile: 10_000, atMost: .nanoseconds(20_999_999)),
                .over(from: .seconds(5), to: nil), false),
            JudgedClaim(
                .latency(from: "a", to: "b", percentile: 10_000, atMost: .seconds(9)),
                .over(from: .zero, to: .milliseconds(1)), false),
        ])
    func frames(_ claim: JudgedClaim) throws { try claim.check(JudgedRun.scenario()) }

    @Test(
        "counts drops, evictions and management traffic",
        arguments: [
            JudgedClaim(.dropped("a", .noPeers, exactly(1)), .over(from: .zero, to: nil), true, seen: "1"),
            JudgedClaim(.dropped("a", .noPeers, exactly(0)), .over(from: .nanoseconds(1), to: nil), true),
            JudgedClaim(.dropped("a", .noPeers, least(2)), .over(from: .zero, to: nil), false, seen: "a: 1"),
            JudgedClaim(.dropped("all", .noPeers, least(1)), .over(from: .zero, to: nil), false, seen: "hub: 0"),
            JudgedClaim(.dropped("hub", .noPeers, most(0)), .over(from: .zero, to: nil), true),
            JudgedClaim(.evicted("hub", .peers, exactly(0)), .over(from: .zero, to: nil), true),
            JudgedClaim(.management(of: "hub", least(1)), .over(from: .zero, to: nil), true),
            JudgedClaim(.management(of: "hub", most(0)), .over(from: .zero, to: .seconds(1)), false),
            JudgedClaim(.management(of: "a", exactly(0)), .over(from: .seconds(40), to: nil), true),
        ])
    func counts(_ claim: JudgedClaim) throws { try claim.check(JudgedRun.scenario()) }

    @Test("counts what happens where two windows meet in the second one, and at the end of the run in the last")
    func edges() throws {
        var scenario = try JudgedRun.scenario()
        scenario.duration = .seconds(30)
        // Nobody claims the destination: a drop on every second, the last one when the run ends is not sent any more.
        scenario.events = []
        scenario.nodes[2].configuration.subnets = []
        scenario.nodes[0].configuration.subnets = []
        func drops(_ from: Int, _ to: Int?) throws -> String {
            let time = Expectation.Time.over(from: .seconds(from), to: to.map { .seconds($0) })
            return try JudgedRun.result(of: .dropped("a", .unknownDestination, least(0)), time, scenario).seen
        }
        #expect(try drops(10, 20) == "10")
        #expect(try drops(20, nil) == "10")
        #expect(try drops(10, nil) == "20")
    }

    @Test("counts evictions at a bound, of every life of a node, within the window only")
    func evictions() throws {
        var scenario = try JudgedRun.scenario()
        scenario.nodes[0].configuration.limits.peers = 1
        scenario.events = [PlannedEvent(at: .seconds(20), .kill("hub", restartAfter: .seconds(1)))]
        scenario.invariants.removeAll { $0 == .fullMesh }
        func count(_ from: Int, _ to: Int?) throws -> Int {
            let time = Expectation.Time.over(from: .seconds(from), to: to.map { .seconds($0) })
            return try Int(JudgedRun.result(of: .evicted("hub", .peers, least(0)), time, scenario).seen) ?? -1
        }
        let (first, second, all) = (try count(0, 20), try count(20, nil), try count(0, nil))
        #expect(first > 0 && second > 0 && first + second == all, "\(first) \(second) \(all)")
        #expect(
            try JudgedRun.result(of: .evicted("hub", .peers, most(0)), .over(from: .zero, to: nil), scenario).passed
                == false)
    }
}
