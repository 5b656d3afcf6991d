import VPNNode
import VPNProtocol

/// The judges of a run: they are told what happens to nodes, frames and datagrams in whichever world it is, and in the end
/// say what became of each expectation.
///
/// Nodes are told by their numbers in the roster. Times never go back.
final class ScenarioJudges {
    let roster: Roster
    /// When the run is over.
    let end: Instant
    let states: NodeStates
    var counts = RunCounts()
    private(set) var tally: RunTally
    private(set) var recent = RecentEvents()
    var tracker: FrameTracker
    private(set) var invariants: InvariantWatch
    var stateJudges: [(index: Int, judge: StateJudge)] = []
    var countJudges: [(index: Int, judge: CountJudge)] = []

    private let groups: KeyGroups
    private let places: (NetworkPlace) -> String
    private var nonces: NonceLedger
    private var eventCounts: [Int]
    /// The instant of the last observation, which judges look at once it is over.
    private var instant = Instant.zero
    private var isChanged = true

    init(
        _ scenario: Scenario, _ roster: Roster, flows: [TrafficFlow], groups: KeyGroups,
        networkOf: @escaping (IPAddress) -> String?, places: @escaping (NetworkPlace) -> String,
        seesSealingOrder: Bool = true
    ) throws(ScenarioError) {
        self.roster = roster
        self.groups = groups
        self.places = places
        states = NodeStates(roster, networkOf: networkOf)
        tally = RunTally(nodes: roster.count)
        tracker = FrameTracker(FrameLedger(flows), roster)
        nonces = NonceLedger(nodes: roster.count, isOrdered: seesSealingOrder)
        eventCounts = Array(repeating: 0, count: roster.count)
        var watched = scenario.invariants
        let end = Instant.zero + scenario.duration
        self.end = end
        for (index, expectation) in scenario.expectations.enumerated() {
            if case .invariant(let invariant) = expectation.claim {
                if !watched.contains(invariant) { watched.append(invariant) }
            } else if let judge = try StateJudge(expectation, roster, end: end) {
                stateJudges.append((index, judge))
            } else if let judge = try CountJudge(expectation, roster, end: end) {
                countJudges.append((index, judge))
            }
        }
        invariants = InvariantWatch(watched)
    }

    /// Notes that a node runs, anew perhaps.
    func start(_ number: Int, _ node: any JudgedNode, at now: Instant) {
        recent.append("started", of: number, at: now)
        states.start(number, node) { note($0, at: now) }
        nonces.start(number)
        tracker.forget(number)
        touch(number)
    }

    /// Notes that a node is gone.
    func end(_ number: Int, _ cause: EndCause, at now: Instant) {
        guard let node = states.running[number] else { return }
        recent.append(cause == .killed ? "killed" : "stopped", of: number, at: now)
        for index in countJudges.indices { countJudges[index].judge.take(from: number, node, at: now) }
        checkTables(of: number, node, now)
        states.end(number) { note($0, at: now) }
        touch(number)
    }

    /// Notes what befell a node from outside, or all of them, for the reports of what went wrong.
    func befall(_ number: Int?, _ fate: String, at now: Instant) {
        recent.append(fate, of: number, at: now)
        if let number { touch(number) }
    }

    /// Lets judges look at the instant that is over.
    func pass(to next: Instant) {
        if isChanged { look(at: instant) }
        isChanged = false
        instant = next
    }

    private func look(at time: Instant, isEdge: Bool = false) {
        for index in stateJudges.indices {
            stateJudges[index].judge.look(at: states, recent, time, isEdge: isEdge)
        }
    }

    /// Notes that a node did something, so that claims about it are asked again.
    func touch(_ number: Int) {
        isChanged = true
        for index in stateJudges.indices { stateJudges[index].judge.note(activityOf: number) }
    }

    private func note(_ change: PeerMatrix.Change, at now: Instant) {
        isChanged = true
        tally.note(change, at: now)
        for index in stateJudges.indices { stateJudges[index].judge.note(change) }
    }

    /// The last events of some nodes.
    private func lines(_ nodes: [Int]) -> [String] {
        recent.lines(concerning: nodes, names: { self.roster.members[$0].name }, naming: states.name(of:))
    }

    private func breach(_ invariant: Invariant, _ node: Int, _ now: Instant, _ seen: @autoclosure () -> String) {
        invariants.note(invariant, at: now, seen(), events: lines([node]))
    }
}

extension ScenarioJudges {
    /// Notes what a node told of.
    func note(_ event: Event, in number: Int, at now: Instant) {
        guard let node = states.running[number] else { return }
        recent.append(event, in: number, at: now)
        states.note(event, in: number) { note($0, at: now) }
        touch(number)
        for index in countJudges.indices { countJudges[index].judge.note(event, in: number, at: now) }
        switch event {
        case .peerJoined(let id, _, _) where id == node.id:
            breach(.noSelfPeers, number, now, "\(name(number)) has itself as a peer")
        case .dropped(let reason, _): tracker.note(reason, at: number)
        default: break
        }
        eventCounts[number] += 1
        if eventCounts[number].isMultiple(of: 64) { checkTables(of: number, node, now) }
    }

    private func checkTables(of number: Int, _ node: any JudgedNode, _ now: Instant) {
        note(node.tableSizes, of: number, now)
    }

    /// Notes how full the tables of a node are.
    func note(_ sizes: [TableSize], of number: Int, _ now: Instant) {
        for size in sizes where size.count > size.bound {
            breach(
                .boundedTables, number, now,
                "the table '\(size.table.name)' of \(name(number)) has \(size.count) entries, more than \(size.bound)")
        }
    }

    /// Notes that a device gave a frame to its node.
    func note(frameSent frame: [UInt8], by number: Int, at now: Instant) {
        counts.framesSent += 1
        tracker.note(frameSent: frame, by: number, at: now)
    }

    /// Notes a frame that a node gave to its device.
    ///
    /// - Parameter isArrivalKnown: whether the datagram that brought it was noted before.
    func note(delivered frame: [UInt8], at number: Int, isArrivalKnown: Bool = true, _ now: Instant) {
        counts.framesDelivered += 1
        let configuration = roster.members[number].configuration
        let (delivery, identity) = tracker.note(
            delivered: frame, at: number, isArrivalKnown: isArrivalKnown, now: now)
        func what() -> String {
            // A frame that was changed on the way may name what was never sent.
            guard let identity, tracker.ledger.knows(identity) else { return "a frame of \(frame.count) bytes" }
            let flow = tracker.ledger.flows[identity.flow]
            let sender = identity.direction == .request ? flow.sender : flow.receivers.first ?? flow.sender
            return "frame \(identity.number + 1) from \(roster.members[sender].name)"
        }
        switch delivery {
        case .fine: break
        case .extra:
            breach(.noExtraFrames, number, now, "\(name(number)) delivers \(what()) and no datagram brought it")
        case .corrupted:
            breach(.noCorruptedFrames, number, now, "\(name(number)) delivers \(what()), which was not sent so")
        case .again(let times):
            breach(.noDuplicateFrames, number, now, "\(name(number)) delivers \(what()) \(times) times")
        }
        guard invariants.watches(.noMisdeliveredFrames), configuration.forwardsByClaims,
            let destination = TrafficFrame.readDestination(of: frame, configuration.deviceType)
        else { return }
        let claims = configuration.subnets.map(\.range)
        if !claims.contains(where: {
            $0.first.family == destination.family && destination.prefix($0.prefixLength) == $0.first
        }) {
            breach(
                .noMisdeliveredFrames, number, now,
                "\(name(number)) delivers \(what()) to \(destination), which it does not claim")
        }
    }

    /// Notes a datagram that a node sent.
    ///
    /// - Parameter onWire: its bytes with IP and UDP headers.
    func note(sent bytes: [UInt8], to destination: Endpoint, onWire: Int, by number: Int, at now: Instant) {
        counts.datagramsSent += 1
        guard bytes.count >= PacketHeader.byteCount else { return }
        let type = MessageType(rawValue: bytes[PacketHeader.typeOffset])
        tally.note(type, by: number)
        if type != .data {
            counts.managementBytes += UInt64(onWire)
            for index in countJudges.indices {
                countJudges[index].judge.note(management: onWire, by: number, at: now)
            }
        }
        guard roster.members[number].configuration.seal.method != .none, let node = states.running[number] else {
            return
        }
        if invariants.watches(.noPlaintext), isReadable(bytes, node.id) {
            breach(.noPlaintext, number, now, "\(name(number)) sends something to \(destination) that can be read")
        }
        if invariants.watches(.noNonceReuse), !nonces.use(bytes, by: number, group: groups.groupOf[number]) {
            breach(
                .noNonceReuse, number, now, "\(name(number)) seals a second message under a nonce that it used before")
        }
    }

    /// Notes that a node sent data to somebody though its device did not give it a frame.
    func note(relayedTo destination: Endpoint, by number: Int, at now: Instant) {
        breach(
            .noRelayedFrames, number, now,
            "\(name(number)) sends data to \(destination) that its device did not give it")
    }

    /// Notes how many packets a node dropped for a reason between two instants.
    func note(_ reason: DropReason, _ count: Int, in number: Int, after first: Instant, notAfter last: Instant) {
        for index in countJudges.indices {
            countJudges[index].judge.note(reason, count, in: number, after: first, notAfter: last)
        }
    }

    private func name(_ number: Int) -> String { roster.members[number].name }

    /// Whether a packet of a node with a key is not sealed, or holds its id or the mark of a frame in the clear.
    private func isReadable(_ bytes: [UInt8], _ id: NodeID) -> Bool {
        bytes[PacketHeader.methodOffset] == CryptoMethod.none.rawValue || FrameIdentity.occurs(in: bytes)
            || bytes.holds(id.bits.bytesHighestFirst)
    }
}

extension ScenarioJudges {
    /// Looks at an instant at which windows begin or end, once all that happens then has happened.
    func passEdge(at now: Instant) {
        pass(to: now)
        look(at: now, isEdge: true)
        for index in countJudges.indices {
            let window = countJudges[index].judge.window
            if window.lowerBound == now { countJudges[index].judge.snapshot(states.running, isStart: true) }
            if window.upperBound == now { countJudges[index].judge.snapshot(states.running, isStart: false) }
        }
    }

    /// Judges whether the promised mesh is complete.
    func check(_ promise: MeshPromise, at now: Instant) {
        guard let (node, other) = promise.missing(in: states.matrix) else { return }
        let names = (roster.members[node].name, roster.members[other].name)
        invariants.note(
            .fullMesh, at: now, "\(names.0) does not have \(names.1) as a peer", events: lines([node, other]))
    }

    /// Judges what can be judged only when all is over.
    func finish(at now: Instant) {
        for (number, node) in states.running.enumerated() {
            if let node { checkTables(of: number, node, now) }
        }
        guard let (left, right) = nonces.overlap() else { return }
        invariants.note(
            .noNonceReuse, at: now,
            "\(roster.members[left].name) and \(roster.members[right].name) used the same nonces with one key",
            events: [])
    }

    /// Notes what the checker of the network found.
    ///
    /// - Parameter count: how often the network did something like that.
    func note(networkViolation text: String, count: UInt64 = 1, at time: Instant) {
        invariants.note(.networkModel, at: time, count > 1 ? "\(text); the first of \(count)" : text, events: [])
    }

    /// The instants at which windows of expectations begin or end, each once, in order.
    var edges: [Instant] {
        let windows = stateJudges.map(\.judge.window) + countJudges.map(\.judge.window)
        return Set(windows.flatMap { [$0.lowerBound, $0.upperBound] }).sorted()
    }

    /// What became of the expectation with this index.
    func result(of expectation: Expectation, index: Int, end: Instant) throws(ScenarioError) -> ExpectationResult {
        if let judge = stateJudges.first(where: { $0.index == index })?.judge { return judge.result }
        if let judge = countJudges.first(where: { $0.index == index })?.judge {
            return judge.result { roster.members[$0].name }
        }
        if let judge = try FrameJudge(expectation, roster, end: end) { return judge.result(tracker.ledger, places) }
        guard case .invariant(let invariant) = expectation.claim else {
            preconditionFailure("every claim has a judge")
        }
        return invariants.result(of: invariant, text: expectation.text)
    }
}
