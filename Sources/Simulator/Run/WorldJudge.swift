package import VPNNode
package import VPNProtocol

/// The judges of the simulator for a world outside of it: who plays a scenario in the lab tells of what happens there, and
/// gets the same report.
///
/// Nodes are told by their numbers, and times are those of the scenario. They never go back.
package final class WorldJudge {
    /// A node of the scenario, groups expanded.
    package struct Member {
        package let name: String
        /// The index of its plan in the scenario.
        package let plan: Int
        package let configuration: NodeConfiguration
    }

    /// A frame that a device is to send.
    package struct DueFrame: Hashable, Sendable {
        package let flow: Int
        package let number: Int
        package let sender: Int
        package let time: Instant
    }

    package let scenario: Scenario
    package let members: [Member]
    package let end: Instant
    private let roster: Roster
    private let flows: [TrafficFlow]
    private let judges: ScenarioJudges
    private let promise: MeshPromise
    private var edges: [Instant]
    private var isMeshDue: Bool

    /// - Parameter networkOf: the name of the network that an address is in.
    package init(_ scenario: Scenario, networkOf: @escaping (IPAddress) -> String?) throws(ScenarioError) {
        self.scenario = scenario
        end = .zero + scenario.duration
        roster = try Roster(scenario.nodes)
        members = roster.members.map { Member(name: $0.name, plan: $0.plan, configuration: $0.configuration) }
        flows = try TrafficFlow.flows(of: scenario, roster)
        let groups = KeyGroups(roster)
        judges = try ScenarioJudges(
            scenario, roster, flows: flows, groups: groups, networkOf: networkOf, places: { _ in "the network" },
            seesSealingOrder: false)
        promise = try MeshPromise(scenario, roster, groups)
        edges = judges.edges.filter { [end] edge in edge < end }
        isMeshDue = promise.deadline != nil
    }

    /// The nodes that a name stands for: one, a group, or all.
    package func numbers(of name: String) throws(ScenarioError) -> [Int] { try roster.numbers(of: name) }
    package func numbers(of names: [String]) throws(ScenarioError) -> [Int] { try roster.numbers(of: names) }

    /// The first frame of each flow.
    package var firstFrames: [DueFrame] { flows.indices.compactMap { frame(0, of: $0) } }

    /// The frame of the same flow that follows; nil where it was the last.
    package func frame(after frame: DueFrame) -> DueFrame? { self.frame(frame.number + 1, of: frame.flow) }

    private func frame(_ number: Int, of index: Int) -> DueFrame? {
        let flow = flows[index]
        guard number < flow.frames else { return nil }
        return DueFrame(flow: index, number: number, sender: flow.sender, time: flow.time(ofFrame: number))
    }

    /// The bytes of a frame.
    package func bytes(of frame: DueFrame) -> [UInt8] {
        let identity = FrameIdentity(flow: frame.flow, number: frame.number, direction: .request)
        return flows[frame.flow].frame(identity, roster).bytes
    }

    /// Whether this is a frame of the traffic, and none that a system sends of itself.
    package func isTraffic(_ frame: [UInt8], at number: Int) -> Bool {
        TrafficFrame.readIdentity(in: frame, of: members[number].configuration.deviceType) != nil
    }

    /// What the device of a node answers to a frame; nil for nothing.
    package func answer(to frame: [UInt8], at number: Int) -> [UInt8]? {
        guard let identity = TrafficFrame.readIdentity(in: frame, of: members[number].configuration.deviceType),
            flows.indices.contains(identity.flow), flows[identity.flow].frame(identity, roster).bytes == frame
        else { return nil }
        return flows[identity.flow].answer(to: identity, at: number, roster)
    }

    /// The length of the longest frame.
    package var longestFrame: Int { flows.map(\.plan.size).max() ?? 0 }
}

extension WorldJudge {
    /// Lets judges look at all instants before this one. To be called before anything is told that happened then.
    package func advance(to now: Instant) {
        while let edge = edges.first, edge < now {
            edges.removeFirst()
            checkMesh(before: edge)
            judges.passEdge(at: edge)
        }
        checkMesh(before: now)
        judges.pass(to: now)
    }

    private func checkMesh(before now: Instant) {
        guard isMeshDue, let deadline = promise.deadline, deadline < now else { return }
        isMeshDue = false
        judges.pass(to: deadline)
        judges.check(promise, at: deadline)
    }

    package func started(_ number: Int, _ node: any JudgedNode, at now: Instant) {
        judges.start(number, node, at: now)
    }

    package func ended(_ number: Int, _ cause: EndCause, at now: Instant) { judges.end(number, cause, at: now) }

    /// Notes what befell a node, or all of them.
    package func befell(_ number: Int?, _ fate: String, at now: Instant) { judges.befall(number, fate, at: now) }

    /// Notes what a node told of.
    package func happened(_ event: Event, in number: Int, at now: Instant) { judges.note(event, in: number, at: now) }

    /// Notes that there is news of what a node writes of itself.
    package func looked(at number: Int) { judges.touch(number) }

    package func frameSent(_ frame: [UInt8], by number: Int, at now: Instant) {
        judges.note(frameSent: frame, by: number, at: now)
    }

    package func frameDelivered(_ frame: [UInt8], at number: Int, at now: Instant) {
        judges.note(delivered: frame, at: number, isArrivalKnown: false, now)
    }

    package func datagramSent(_ bytes: [UInt8], to destination: Endpoint, onWire: Int, by number: Int, at now: Instant)
    {
        judges.note(sent: bytes, to: destination, onWire: onWire, by: number, at: now)
    }

    package func datagramArrived() { judges.counts.datagramsArrived += 1 }

    /// Notes drops that happened between two instants.
    package func dropped(
        _ reason: DropReason, _ count: Int, in number: Int, after first: Instant, notAfter last: Instant
    ) {
        judges.note(reason, count, in: number, after: first, notAfter: last)
    }

    /// The name of whoever has, or had, an id.
    package func name(of id: NodeID) -> String? { judges.states.name(of: id) }
}

extension WorldJudge {
    /// Judges the run, which is over.
    ///
    /// - Parameter reason: why an expectation, or an invariant, is not judged in this world; nil where it is.
    package func finish(
        file: String?, _ reason: (Expectation.Claim, Expectation.Time) -> String?
    ) throws(ScenarioError) -> ScenarioReport {
        advance(to: end)
        judges.passEdge(at: end)
        if isMeshDue, promise.deadline == end { judges.check(promise, at: end) }
        judges.finish(at: end)
        var results: [ExpectationResult] = []
        for (index, expectation) in scenario.expectations.enumerated() {
            let words = expectation.time.words + expectation.claim.words
            if let reason = reason(expectation.claim, expectation.time) ?? doubt(of: expectation.claim) {
                results.append(ExpectationResult(notJudged: expectation.text, expected: words, reason: reason))
            } else {
                results.append(try judges.result(of: expectation, index: index, end: end))
            }
        }
        for invariant in scenario.invariants {
            let text = "invariant \(invariant.rawValue)"
            let claim = Expectation.Claim.invariant(invariant)
            if let reason = reason(claim, .always(from: .zero, to: nil)) ?? doubt(of: claim) {
                results.append(ExpectationResult(notJudged: text, expected: invariant.words, reason: reason))
            } else {
                results.append(judges.invariants.result(of: invariant, text: text))
            }
        }
        var report = ScenarioReport(
            scenario.name, file: file, seed: scenario.seed, duration: scenario.duration, expectations: results)
        report.counts = judges.counts
        report.summary = judges.tally.summary(roster, judges.tracker.ledger, end: end)
        return report
    }

    private func doubt(of claim: Expectation.Claim) -> String? {
        claim == .invariant(.fullMesh) ? promise.reasonForNoJudgement : nil
    }
}
