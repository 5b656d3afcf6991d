import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("A run of a scenario")
struct ScenarioRunTests {
    private func recorded(_ scenario: Scenario, seed: UInt64? = nil) throws -> (ScenarioReport, TimedRecorder) {
        let run = try ScenarioRun(scenario, seed: seed)
        let recorder = TimedRecorder()
        run.network.add(recorder)
        return (try run.finish(), recorder)
    }

    /// When a node had some fate.
    private func times(_ recorder: TimedRecorder, _ name: String, _ isWanted: (Observation) -> VirtualNode?)
        -> [Duration]
    {
        recorder.seen.compactMap { isWanted($0.observation)?.name == name ? $0.time - .zero : nil }
    }

    private func starts(_ recorder: TimedRecorder, _ name: String) -> [Duration] {
        times(recorder, name) { if case .started(let node) = $0 { node } else { nil } }
    }

    @Test("does the same however the time is cut", arguments: [UInt64(1), 2])
    func slices(seed: UInt64) throws {
        var scenario = try JudgedRun.scenario()
        scenario.networks[0].link.jitter = Jitter(.normal, amount: .milliseconds(5), mayReorder: true)
        scenario.networks[0].link.loss = .independent(Probability(millionths: 50_000))
        scenario.events.append(PlannedEvent(at: .seconds(20), .kill("b", restartAfter: .seconds(3))))
        scenario.expectations = [
            Expectation(.connected(["hub", "a"]), .always(from: .seconds(30), to: nil), text: "fails"),
            Expectation(
                .dropped("all", .unknownSender, .init(least: 0)), .over(from: .seconds(20), to: nil), text: "x"),
            Expectation(
                .evicted("all", .peers, .init(least: 0)), .over(from: .seconds(20), to: .seconds(40)), text: "x"),
            Expectation(.delivery(from: "a", to: "b", .init(least: 0)), .over(from: .seconds(20), to: nil), text: "x"),
        ]
        scenario.invariants = Invariant.allCases
        var results: [String: Int] = [:]
        var reports: Set<ScenarioReport> = []
        for slices in [0, 1, 7, 1000] {
            let run = try ScenarioRun(scenario, seed: seed)
            let hash = TraceHash()
            run.network.add(hash)
            for slice in 0..<slices { try run.advance(to: .zero + scenario.duration * (slice + 1) / slices) }
            reports.insert(try run.finish())
            results[hash.text, default: 0] += 1
        }
        #expect(results.count == 1 && results.values.first == 4, "\(results)")
        #expect(reports.count == 1)
    }

    @Test("counts what happens")
    func counts() throws {
        let (report, recorder) = try recorded(JudgedRun.scenario())
        func count(_ isWanted: (Observation) -> Bool) -> UInt64 {
            UInt64(recorder.seen.count { isWanted($0.observation) })
        }
        let counts = report.counts
        #expect(counts.observations == UInt64(recorder.seen.count))
        #expect(counts.datagramsSent == count { if case .sent = $0 { true } else { false } })
        #expect(counts.datagramsArrived == count { if case .arrived = $0 { true } else { false } })
        #expect(counts.datagramsLost == count { if case .dropped = $0 { true } else { false } })
        #expect(counts.framesSent == count { if case .frameSent = $0 { true } else { false } })
        #expect(counts.framesDelivered == count { if case .frameDelivered = $0 { true } else { false } })
        // 40 frames up to the death, the first of which nobody gets, and an answer to each of the others.
        #expect(counts.framesSent == 79 && counts.framesDelivered == 78, "\(counts)")
    }

    @Test("answers an ARP request with a frame for its sender alone")
    func arp() throws {
        var scenario = try JudgedRun.scenario(.tap)
        scenario.events = []
        scenario.traffic[0].kind = .arp
        scenario.traffic[0].isEcho = false
        scenario.traffic[0].start = .seconds(5)
        scenario.traffic[0].count = 3
        let (report, recorder) = try recorded(scenario)
        let frames = recorder.seen.compactMap { seen -> String? in
            guard case .frameDelivered(let frame, let node, _) = seen.observation else { return nil }
            return "\(node.name) \(frame[21])"
        }
        // A request gets to all others, the answer to the one who asked.
        #expect(frames.sorted() == ["a 2", "a 2", "a 2", "b 1", "b 1", "b 1", "hub 1", "hub 1", "hub 1"])
        #expect(report.counts.framesSent == 6 && report.passed)
    }

    @Test("starts a node anew after its death or end, where asked to")
    func restarts() throws {
        var scenario = try JudgedRun.scenario()
        scenario.events = [
            PlannedEvent(at: .seconds(10), .kill("a", restartAfter: .seconds(5))),
            PlannedEvent(at: .seconds(30), .stop("all", restartAfter: .seconds(2))),
        ]
        let (report, recorder) = try recorded(scenario)
        #expect(starts(recorder, "a") == [.zero, .seconds(15), .seconds(32)])
        #expect(starts(recorder, "b") == [.zero, .seconds(32)])
        let ends = recorder.seen.compactMap { seen -> String? in
            if case .ended(let node, let cause) = seen.observation { "\(node.name) \(cause)" } else { nil }
        }
        #expect(ends == ["a killed", "hub stopped", "a stopped", "b stopped"])
        let ids = recorder.seen.compactMap { seen -> NodeID? in
            if case .started(let node) = seen.observation { node.id } else { nil }
        }
        #expect(ids.count == 7 && Set(ids).count == 7)
        #expect(report.passed, "\(report.failures)")
    }

    @Test("lets a sleeping node do nothing and hear nothing, and wakes it")
    func suspends() throws {
        var scenario = try JudgedRun.scenario()
        scenario.events = [PlannedEvent(at: .milliseconds(10_500), .suspend("b", duration: .seconds(10)))]
        let time = Expectation.Time.over(from: .seconds(11), to: .seconds(20))
        let during = try JudgedRun.result(of: .delivery(from: "a", to: "b", .init(most: 0)), time, scenario)
        #expect(during.passed && during.seen.contains("the receiver sleeps"), "\(during.seen)")
        let after = Expectation.Time.over(from: .seconds(22), to: nil)
        #expect(try JudgedRun.result(of: .delivery(from: "a", to: "b", .init(least: 10_000)), after, scenario).passed)
        let (_, recorder) = try recorded(scenario)
        let busy = recorder.seen.filter { seen in
            guard case .sent(_, let node) = seen.observation else { return false }
            return node.name == "b" && seen.time > .zero + .milliseconds(10_500)
                && seen.time < .zero + .milliseconds(20_500)
        }
        #expect(busy.isEmpty)
        #expect(
            times(recorder, "b") { if case .resumed(let node) = $0 { node } else { nil } } == [.milliseconds(20_500)])
    }

    @Test("moves a node to another network, where it is met again")
    func moves() throws {
        var scenario = try JudgedRun.scenario()
        scenario.events = [PlannedEvent(at: .seconds(20), .move("a", to: "home"))]
        let path = Expectation.Claim.path(from: "b", to: "a", network: "home")
        #expect(
            try JudgedRun.result(of: path, .never(from: .zero, to: .seconds(20) - .nanoseconds(1)), scenario).passed)
        let (_, recorder) = try recorded(scenario)
        #expect(times(recorder, "a") { if case .moved(let node) = $0 { node } else { nil } } == [.seconds(20)])
        let last = recorder.seen.compactMap { seen -> Endpoint? in
            if case .sent(let datagram, let node) = seen.observation, node.name == "a" { datagram.source } else { nil }
        }.last
        #expect(last?.address == IPAddress(192, 168, 0, 2))
    }

    @Test("cuts groups off from each other until it heals")
    func partitions() throws {
        var scenario = try JudgedRun.scenario()
        scenario.events = [
            PlannedEvent(at: .milliseconds(10_500), .partition([["a"], ["hub", "b"]], oneWay: false)),
            PlannedEvent(at: .milliseconds(20_500), .heal),
        ]
        let claim = Expectation.Claim.delivery(from: "a", to: "b", .init(least: 10_000))
        #expect(try JudgedRun.result(of: claim, .over(from: .seconds(5), to: .milliseconds(10_400)), scenario).passed)
        let cut = try JudgedRun.result(of: claim, .over(from: .seconds(11), to: .seconds(20)), scenario)
        #expect(cut.seen.hasPrefix("0 of 9 arrived, 0%; 9 lost at") && cut.seen.contains("partition"), "\(cut.seen)")
        #expect(try JudgedRun.result(of: claim, .over(from: .seconds(21), to: nil), scenario).passed)
    }

    @Test("resolves a name to what its record says at the time")
    func records() throws {
        var scenario = try JudgedRun.scenario()
        scenario.events = [PlannedEvent(at: .seconds(20), .record("door", .nodes(["hub"])))]
        scenario.records = [RecordPlan("door", .failure)]
        scenario.nodes[1].configuration.peers = [try #require(PeerName("door:3210"))]
        scenario.traffic = []
        let claim = Expectation.Claim.connected(["hub", "a"])
        #expect(try JudgedRun.result(of: claim, .never(from: .zero, to: .seconds(20)), scenario).passed)
        #expect(try JudgedRun.result(of: claim, .atEnd, scenario).passed)
        scenario.events = []
        #expect(try JudgedRun.result(of: claim, .never(from: .zero, to: nil), scenario).passed)
    }

    @Test("tells of what is wrong with a scenario instead of running it")
    func errors() throws {
        var twice = try JudgedRun.scenario()
        twice.nodes.append(twice.nodes[0])
        #expect(throws: ScenarioError.duplicateNode("hub")) { _ = try ScenarioRun(twice) }
        var unknown = try JudgedRun.scenario()
        unknown.traffic[0].to = "nobody"
        #expect(throws: ScenarioError.unknownNode("nobody")) { _ = try ScenarioRun(unknown) }
        var record = try JudgedRun.scenario()
        record.events = [PlannedEvent(at: .zero, .record("door", .failure))]
        #expect(throws: ScenarioError.unknownRecord("door")) { _ = try ScenarioRun(record) }
        var busy = try JudgedRun.scenario()
        busy.traffic[0].interval = .nanoseconds(1)
        #expect(throws: ScenarioError.self) { _ = try ScenarioRun(busy) }
        var claim = try JudgedRun.scenario()
        claim.expectations = [Expectation(.peers(of: "nobody", .init()), .atEnd, text: "")]
        #expect(throws: ScenarioError.unknownNode("nobody")) { _ = try ScenarioRun(claim) }
    }
}
