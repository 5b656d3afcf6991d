import HeapModule
public import VPNNode
public import VPNProtocol

/// One run of a scenario with one seed: the nodes in their networks, what happens to them, what their devices send, and
/// judges that watch all of it.
///
/// Call ``advance(to:)`` as often as wanted, then ``finish()``. Nothing depends on how the time is cut.
public final class ScenarioRun {
    /// What happens next, besides what the nodes do of themselves.
    private enum Occasion {
        case start(Int)
        case event(Int)
        case restart(Int)
        case resume(Int)
        case frame(flow: Int, number: Int)
        case edge
        case mesh
    }

    private struct Planned: Comparable {
        let time: Instant
        let number: Int
        let occasion: Occasion

        /// What is judged comes after all that happens at the same time.
        private var rank: Int {
            switch occasion {
            case .edge, .mesh: 1
            case .start, .event, .restart, .resume, .frame: 0
            }
        }

        static func < (left: Self, right: Self) -> Bool {
            (left.time, left.rank, left.number) < (right.time, right.rank, right.number)
        }
        static func == (left: Self, right: Self) -> Bool { left.number == right.number }
    }

    /// What is run.
    public let scenario: Scenario
    /// What everything random depends on.
    public let seedNumber: UInt64
    /// The networks and nodes. Observers may be added before the first call of ``advance(to:)``.
    public let network: VirtualNetwork
    /// When the run is over.
    public let end: Instant

    private let roster: Roster
    private let watch: ScenarioWatch
    private let promise: MeshPromise
    private let checker: NetworkChecker
    private let flows: [TrafficFlow]
    private let seed: Seed
    private var records: [String: RecordTarget] = [:]
    private var incarnations: [UInt64]
    /// When each sleeping node wakes up, and each dead one starts anew.
    private var resumptions: [Instant?]
    private var restarts: [Instant?]
    private var plans = Heap<Planned>()
    private var planned = 0

    /// A run that has not begun.
    ///
    /// - Parameter seed: takes the place of the scenario's own.
    public init(_ scenario: Scenario, seed: UInt64? = nil) throws(ScenarioError) {
        self.scenario = scenario
        seedNumber = seed ?? scenario.seed
        self.seed = Seed(ofScenario: seedNumber)
        end = .zero + scenario.duration
        roster = try Roster(scenario.nodes)
        flows = try TrafficFlow.flows(of: scenario, roster)
        incarnations = Array(repeating: 0, count: roster.count)
        resumptions = Array(repeating: nil, count: roster.count)
        restarts = resumptions
        let groups = KeyGroups(roster)
        promise = try MeshPromise(scenario, roster, groups)
        do {
            network = VirtualNetwork(try Topology(scenario.networks, seed: self.seed.derived("topology")))
            network.recordsHistory = false
            for member in roster.members {
                let plan = scenario.nodes[member.plan]
                try network.attach(member.name, to: plan.network, addresses: plan.addresses, link: plan.link)
            }
        } catch {
            throw .topology(error)
        }
        watch = try ScenarioWatch(scenario, roster, flows: flows, groups: groups, in: network)
        checker = NetworkChecker(scenario.networks)
        for record in scenario.records { records[record.name] = record.target }
        try checkRecords()
        connect()
        planAll()
    }

    /// How far the run is.
    public var now: Instant { network.now }

    /// Numbers of what has happened so far.
    public var counts: RunCounts { watch.judges.counts }

    /// Who met when and what came over, once the run is over.
    public var summary: RunSummary { watch.judges.tally.summary(roster, watch.judges.tracker.ledger, end: end) }

    /// The name of the node that has, or had, an id.
    public func name(of id: NodeID) -> String? { watch.judges.states.name(of: id) }

    private func checkRecords() throws(ScenarioError) {
        for case .nodes(let names) in scenario.records.map(\.target) { _ = try roster.numbers(of: names) }
        for event in scenario.events {
            guard case .record(let name, let target) = event.action else { continue }
            guard records[name] != nil else { throw .unknownRecord(name) }
            if case .nodes(let names) = target { _ = try roster.numbers(of: names) }
        }
    }

    private func connect() {
        network.nameService = { [unowned self] name in addresses(of: name) }
        network.answering = { [unowned self] node, frame in answer(to: frame, at: node) }
        network.add(watch)
        if watch.judges.invariants.watches(.networkModel) { network.add(checker) }
    }

    private func planAll() {
        for (number, member) in roster.members.enumerated() {
            plan(.start(number), at: .zero + scenario.nodes[member.plan].start)
        }
        for (index, event) in scenario.events.enumerated() { plan(.event(index), at: .zero + event.time) }
        for (index, flow) in flows.enumerated() where flow.frames > 0 {
            plan(.frame(flow: index, number: 0), at: flow.time(ofFrame: 0))
        }
        for edge in watch.judges.edges where edge < end { plan(.edge, at: edge) }
        if let deadline = promise.deadline, deadline < end { plan(.mesh, at: deadline) }
    }

    private func plan(_ occasion: Occasion, at time: Instant) {
        plans.insert(Planned(time: time, number: planned, occasion: occasion))
        planned += 1
    }
}

extension ScenarioRun {
    /// Lets everything happen up to an instant, at most ``end``.
    public func advance(to time: Instant) throws(ScenarioError) {
        let time = min(time, end)
        while let next = plans.min, next.time <= time {
            plans.removeMin()
            network.run(until: next.time)
            try perform(next.occasion)
        }
        network.run(until: time)
    }

    /// Runs to the end, and says what became of it.
    ///
    /// - Parameter file: where the scenario comes from, for the report.
    public func finish(file: String? = nil) throws(ScenarioError) -> ScenarioReport {
        try advance(to: end)
        watch.judges.passEdge(at: end)
        if promise.deadline == end { watch.judges.check(promise, at: end) }
        watch.judges.finish(at: end)
        checker.finish(at: end)
        if let first = checker.violations.first {
            watch.judges.note(networkViolation: first.text, count: checker.violationCount, at: first.time)
        }
        var report = ScenarioReport(
            scenario.name, file: file, seed: seedNumber, duration: scenario.duration, expectations: try results())
        report.counts = counts
        return report
    }

    private func results() throws(ScenarioError) -> [ExpectationResult] {
        var results: [ExpectationResult] = []
        for (index, expectation) in scenario.expectations.enumerated() {
            var result = try watch.judges.result(of: expectation, index: index, end: end)
            if expectation.claim == .invariant(.fullMesh), let reason = promise.reasonForNoJudgement {
                (result.passed, result.seen) = (false, "not judged: \(reason)")
            }
            results.append(result)
        }
        for invariant in scenario.invariants {
            var result = watch.judges.invariants.result(of: invariant, text: "invariant \(invariant.rawValue)")
            if invariant == .fullMesh, let reason = promise.reasonForNoJudgement, result.passed {
                result.seen = "not judged: \(reason)"
            }
            results.append(result)
        }
        return results
    }

    private func perform(_ occasion: Occasion) throws(ScenarioError) {
        switch occasion {
        case .start(let number): if watch.running[number] == nil { try start(number) }
        case .restart(let number):
            guard restarts[number] == now else { return }
            restarts[number] = nil
            if watch.running[number] == nil { try start(number) }
        case .resume(let number):
            guard resumptions[number] == now else { return }
            resumptions[number] = nil
            if let node = watch.running[number] { network.resume(node) }
        case .event(let index): try perform(scenario.events[index])
        case .frame(let flow, let number): send(flow, number)
        case .edge: watch.judges.passEdge(at: now)
        case .mesh: watch.judges.check(promise, at: now)
        }
    }

    private func start(_ number: Int) throws(ScenarioError) {
        let member = roster.members[number]
        let plan = scenario.nodes[member.plan]
        let incarnation = incarnations[number]
        incarnations[number] += 1
        // It has its addresses already, which moved with it if it was moved.
        let addresses = network.topology?.addresses(of: member.name) ?? []
        do throws(ConfigurationError) {
            try network.start(
                member.name, member.configuration,
                at: addresses.map { Endpoint($0, port: member.configuration.port) },
                seed: seed.derived("node \(member.name)", incarnation: incarnation),
                clock: VirtualClock(drift: plan.clockDrift))
        } catch {
            throw .configuration(node: member.name, error)
        }
    }

    private func perform(_ event: PlannedEvent) throws(ScenarioError) {
        do {
            switch event.action {
            case .partition(let groups, let oneWay):
                let members = try groups.map { names in
                    try roster.numbers(of: names).map { roster.members[$0].name }
                }
                try network.partition(members, oneWay: oneWay)
            case .heal: network.heal()
            case .kill(let name, let pause): try end(name, restartAfter: pause) { network.kill($0) }
            case .stop(let name, let pause): try end(name, restartAfter: pause) { network.stop($0) }
            case .suspend(let name, let duration):
                for number in try roster.numbers(of: name) {
                    guard let node = watch.running[number] else { continue }
                    network.suspend(node)
                    let end = max(now + duration, resumptions[number] ?? .zero)
                    resumptions[number] = end
                    plan(.resume(number), at: end)
                }
            case .move(let name, let place):
                for number in try roster.numbers(of: name) {
                    if let node = watch.running[number] {
                        try network.move(node, toNetwork: place)
                    } else {
                        try network.attach(roster.members[number].name, to: place)
                    }
                }
            case .change(let place, let link): try network.change(place, to: link)
            case .flush(let place): try network.flush(gatewayOf: place)
            case .reboot(let place): try network.reboot(gatewayOf: place)
            case .renumber(let place): try network.renumber(gatewayOf: place)
            case .record(let name, let target): records[name] = target
            }
        } catch let error as TopologyError {
            throw .topology(error)
        } catch let error as ScenarioError {
            throw error
        } catch {
            preconditionFailure("an event fails with one of these errors, not with \(error)")
        }
    }

    private func end(_ name: String, restartAfter pause: Duration?, _ end: (VirtualNode) -> Void) throws(ScenarioError)
    {
        for number in try roster.numbers(of: name) {
            if let node = watch.running[number] { end(node) }
            // What was planned for the life that is over does not hold for the next one.
            resumptions[number] = nil
            restarts[number] = pause.map { now + $0 }
            if let pause { plan(.restart(number), at: now + pause) }
        }
    }

    private func send(_ index: Int, _ number: Int) {
        let flow = flows[index]
        if number + 1 < flow.frames {
            plan(.frame(flow: index, number: number + 1), at: flow.time(ofFrame: number + 1))
        }
        guard let node = watch.running[flow.sender], !node.isSuspended else { return }
        let identity = FrameIdentity(flow: index, number: number, direction: .request)
        network.send(flow.frame(identity, roster).bytes, from: node)
    }

    private func answer(to frame: [UInt8], at node: VirtualNode) -> [UInt8]? {
        guard let number = watch.number(of: node),
            let identity = TrafficFrame.readIdentity(in: frame, of: node.configuration.deviceType),
            flows.indices.contains(identity.flow), flows[identity.flow].frame(identity, roster).bytes == frame
        else { return nil }
        return flows[identity.flow].answer(to: identity, at: number, roster)
    }

    /// What the name service answers: the present addresses of a node, or of those that a record names.
    private func addresses(of name: PeerName) -> [Endpoint] {
        let numbers: [Int]
        switch records[name.host] {
        case .nodes(let names)?: numbers = (try? roster.numbers(of: names)) ?? []
        case .failure?: numbers = []
        case nil: numbers = (try? roster.numbers(of: name.host)) ?? []
        }
        return numbers.flatMap { number in
            (network.topology?.addresses(of: roster.members[number].name) ?? []).map { Endpoint($0, port: name.port) }
        }
    }
}

extension Seed {
    /// The seed of a whole scenario: its number, and three constants, which are the first 192 bits of pi's fraction.
    package init(ofScenario number: UInt64) {
        self.init(number, 0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0)
    }
}
