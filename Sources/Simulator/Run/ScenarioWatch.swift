import VPNNode
import VPNProtocol

/// Sees all that happens in a run, and judges it.
final class ScenarioWatch: NetworkObserver {
    let roster: Roster
    let states: NodeStates
    private(set) var counts = RunCounts()
    private(set) var recent = RecentEvents()
    private(set) var tracker: FrameTracker
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
        in network: VirtualNetwork
    ) throws(ScenarioError) {
        self.roster = roster
        self.groups = groups
        places = { [unowned network] place in network.topology?.text(of: place) ?? "network" }
        states = NodeStates(roster) { [unowned network] address in network.topology?.networkName(of: address) }
        tracker = FrameTracker(FrameLedger(flows), roster)
        nonces = NonceLedger(nodes: roster.count)
        eventCounts = Array(repeating: 0, count: roster.count)
        var watched = scenario.invariants
        let end = Instant.zero + scenario.duration
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

    /// Takes note of an observation.
    func observe(_ observation: Observation, at now: Instant) {
        counts.observations += 1
        switch observation {
        case .started(let node):
            guard let number = roster.number(of: node.name) else { return }
            recent.append("started", of: number, at: now)
            states.start(number, node) { note($0) }
            nonces.start(number)
            tracker.forget(number)
            touch(number)
        case .ended(let node, let cause):
            guard let number = states.number(of: node) else { return }
            recent.append(cause == .killed ? "killed" : "stopped", of: number, at: now)
            for index in countJudges.indices { countJudges[index].judge.take(from: number, node, at: now) }
            checkTables(of: number, node, now)
            states.end(node) { note($0) }
            touch(number)
        case .moved(let node): befall(node, "moved to \(node.endpoints.map { "\($0)" }.joined(separator: ", "))", now)
        case .suspended(let node): befall(node, "falls asleep", now)
        case .resumed(let node): befall(node, "wakes up", now)
        case .event(let event, let node): note(event, in: node, now)
        case .frameSent(let frame, let node):
            counts.framesSent += 1
            if let number = states.number(of: node) { tracker.note(frameSent: frame, by: number, at: now) }
        case .frameDelivered(let frame, let node, _):
            counts.framesDelivered += 1
            if let number = states.number(of: node) { note(delivered: frame, at: number, node, now) }
        case .sent(let datagram, let node):
            counts.datagramsSent += 1
            if let number = states.number(of: node) { note(sent: datagram, by: number, node, now) }
        case .crossed(let crossing):
            if crossing.again != nil { tracker.note(doubled: crossing.datagram.id) }
        case .arrived(let datagram, let node):
            counts.datagramsArrived += 1
            if let number = states.number(of: node) {
                tracker.note(arrived: datagram, at: number)
                touch(number)
            }
        case .dropped(let datagram, let loss, let place):
            counts.datagramsLost += 1
            tracker.note(lost: datagram, loss, place)
        case .changed(let change):
            if now > .zero { recent.append(change.words(places), of: nil, at: now) }
        case .injected: break
        }
    }

    private func befall(_ node: VirtualNode, _ fate: String, _ now: Instant) {
        guard let number = states.number(of: node) else { return }
        recent.append(fate, of: number, at: now)
        touch(number)
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

    private func touch(_ number: Int) {
        isChanged = true
        for index in stateJudges.indices { stateJudges[index].judge.note(activityOf: number) }
    }

    private func note(_ change: PeerMatrix.Change) {
        isChanged = true
        for index in stateJudges.indices { stateJudges[index].judge.note(change) }
    }

    private func lines(_ nodes: [Int]) -> [String] {
        recent.lines(concerning: nodes, names: { self.roster.members[$0].name }, naming: states.name(of:))
    }

    private func breach(_ invariant: Invariant, _ node: Int, _ now: Instant, _ seen: @autoclosure () -> String) {
        invariants.note(invariant, at: now, seen(), events: lines([node]))
    }
}

extension ScenarioWatch {
    private func note(_ event: Event, in node: VirtualNode, _ now: Instant) {
        guard let number = states.number(of: node) else { return }
        recent.append(event, in: number, at: now)
        states.note(event, in: number) { note($0) }
        touch(number)
        for index in countJudges.indices { countJudges[index].judge.note(event, in: number, at: now) }
        switch event {
        case .peerJoined(let id, _, _) where id == node.id:
            breach(.noSelfPeers, number, now, "\(node.name) has itself as a peer")
        case .dropped(let reason, _): tracker.note(reason, at: number)
        default: break
        }
        eventCounts[number] += 1
        if eventCounts[number].isMultiple(of: 64) { checkTables(of: number, node, now) }
    }

    private func checkTables(of number: Int, _ node: VirtualNode, _ now: Instant) {
        note(node.engine.tableSizes, of: number, node, now)
    }

    /// Notes how full the tables of a node are.
    func note(_ sizes: [TableSize], of number: Int, _ node: VirtualNode, _ now: Instant) {
        for size in sizes where size.count > size.bound {
            breach(
                .boundedTables, number, now,
                "the table '\(size.table.name)' of \(node.name) has \(size.count) entries, more than \(size.bound)")
        }
    }

    private func note(delivered frame: [UInt8], at number: Int, _ node: VirtualNode, _ now: Instant) {
        let (delivery, identity) = tracker.note(delivered: frame, at: number, now: now)
        func what() -> String {
            // A frame that was changed on the way may name what was never sent.
            guard let identity, tracker.ledger.knows(identity) else { return "a frame of \(frame.count) bytes" }
            let flow = tracker.ledger.flows[identity.flow]
            let sender = identity.direction == .request ? flow.sender : flow.receivers.first ?? flow.sender
            return "frame \(identity.number + 1) from \(roster.members[sender].name)"
        }
        switch delivery {
        case .fine: break
        case .extra: breach(.noExtraFrames, number, now, "\(node.name) delivers \(what()) and no datagram brought it")
        case .corrupted:
            breach(.noCorruptedFrames, number, now, "\(node.name) delivers \(what()), which was not sent so")
        case .again(let times):
            breach(.noDuplicateFrames, number, now, "\(node.name) delivers \(what()) \(times) times")
        }
        guard invariants.watches(.noMisdeliveredFrames), node.configuration.forwardsByClaims,
            let destination = TrafficFrame.readDestination(of: frame, node.configuration.deviceType)
        else { return }
        let claims = node.configuration.subnets.map(\.range)
        if !claims.contains(where: {
            $0.first.family == destination.family && destination.prefix($0.prefixLength) == $0.first
        }) {
            breach(
                .noMisdeliveredFrames, number, now,
                "\(node.name) delivers \(what()) to \(destination), which it does not claim")
        }
    }

    private func note(sent datagram: VirtualDatagram, by number: Int, _ node: VirtualNode, _ now: Instant) {
        let bytes = datagram.bytes
        guard bytes.count >= PacketHeader.byteCount else { return }
        if bytes[PacketHeader.typeOffset] == MessageType.data.rawValue {
            if !tracker.note(dataSent: datagram, by: number) {
                breach(
                    .noRelayedFrames, number, now,
                    "\(node.name) sends data to \(datagram.destination) that its device did not give it")
            }
        } else {
            let onWire = datagram.packetBytes
            counts.managementBytes += UInt64(onWire)
            for index in countJudges.indices {
                countJudges[index].judge.note(management: onWire, by: number, at: now)
            }
        }
        guard node.configuration.seal.method != .none else { return }
        if invariants.watches(.noPlaintext), isReadable(bytes, node.id) {
            breach(
                .noPlaintext, number, now, "\(node.name) sends something to \(datagram.destination) that can be read")
        }
        if invariants.watches(.noNonceReuse), !nonces.use(bytes, by: number, group: groups.groupOf[number]) {
            breach(.noNonceReuse, number, now, "\(node.name) seals a second message under a nonce that it used before")
        }
    }

    /// Whether a packet of a node with a key is not sealed, or holds its id or the mark of a frame in the clear.
    private func isReadable(_ bytes: [UInt8], _ id: NodeID) -> Bool {
        bytes[PacketHeader.methodOffset] == CryptoMethod.none.rawValue || FrameIdentity.occurs(in: bytes)
            || bytes.holds(id.bits.bytesHighestFirst)
    }
}

extension ScenarioWatch {
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
