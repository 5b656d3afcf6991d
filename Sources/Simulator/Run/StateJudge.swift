import VPNNode

/// Judges one expectation about instants while the run goes on.
struct StateJudge {
    private enum Verdict {
        /// It held at an instant, which is all that was asked.
        case met
        case failed(seen: String, Instant, events: [String])
    }

    let expectation: Expectation
    /// The instants that count, both included.
    let window: ClosedRange<Instant>
    private(set) var claim: StateClaim
    private var verdict: Verdict?

    /// A judge; nil where the expectation is not about instants.
    init?(_ expectation: Expectation, _ roster: Roster, end: Instant) throws(ScenarioError) {
        guard let claim = try StateClaim(expectation.claim, roster) else { return nil }
        self.expectation = expectation
        self.claim = claim
        let (first, last): (Duration, Duration?) =
            switch expectation.time {
            case .always(let from, let to), .never(let from, let to), .eventually(let from, let to),
                .sometimes(let from, let to), .over(let from, let to):
                (from, to)
            case .within(let deadline): (.zero, deadline)
            case .atEnd: (end - .zero, nil)
            }
        let from = min(.zero + first, end)
        window = from...max(from, min(last.map { .zero + $0 } ?? end, end))
    }

    mutating func note(_ change: PeerMatrix.Change) { if verdict == nil { claim.note(change) } }

    mutating func note(activityOf node: Int) { if verdict == nil { claim.note(activityOf: node) } }

    /// Looks at the nodes as they are at the end of an instant.
    ///
    /// - Parameter isEdge: whether the window begins or ends with it, so that it counts even where nothing changed.
    mutating func look(at states: NodeStates, _ recent: RecentEvents, _ now: Instant, isEdge: Bool = false) {
        guard verdict == nil, claim.isDue || isEdge, window.contains(now) else { return }
        claim.isDue = false
        let holds = states.holds(&claim)
        switch expectation.time {
        case .always, .atEnd, .over: if !holds { fail(states, recent, now) }
        // Of a group, none of its nodes may.
        case .never: if holds || claim.holdsForSome { fail(states, recent, now) }
        case .eventually, .sometimes, .within:
            if holds {
                verdict = .met
            } else if now == window.upperBound, isEdge {
                fail(states, recent, now)
            }
        }
    }

    private mutating func fail(_ states: NodeStates, _ recent: RecentEvents, _ now: Instant) {
        let nodes = claim.nodes
        let lines = recent.lines(
            concerning: nodes.count > 16 ? [] : nodes, names: { states.roster.members[$0].name },
            naming: states.name(of:))
        verdict = .failed(seen: states.description(of: claim), now, events: lines)
    }

    /// The result, once the run is over.
    var result: ExpectationResult {
        let expected = expectation.time.words + expectation.claim.words
        guard case .failed(let seen, let time, let events)? = verdict else {
            return ExpectationResult(expectation.text, passed: true, expected: expected, seen: "it held")
        }
        // What has to be so with some seed is no failure of this one.
        var isForSweep = false
        if case .sometimes = expectation.time { isForSweep = true }
        var result = ExpectationResult(
            expectation.text, passed: isForSweep, expected: expected, seen: seen, at: time - .zero, events: events)
        result.isUnmet = isForSweep
        return result
    }
}

extension Expectation.Time {
    /// When, as the beginning of a sentence.
    var words: String {
        func span(_ from: Duration, _ to: Duration?) -> String {
            "from \(seconds(from)) s to \(to.map { "\(seconds($0)) s" } ?? "the end")"
        }
        return switch self {
        case .always(let from, let to): "always \(span(from, to)): "
        case .never(let from, let to): "never \(span(from, to)): "
        case .eventually(let from, let to): "at some time \(span(from, to)): "
        case .sometimes(let from, let to): "with some seed, at some time \(span(from, to)): "
        case .within(let deadline): "within \(seconds(deadline)) s: "
        case .atEnd: "at the end: "
        case .over(let from, let to): "\(span(from, to)): "
        }
    }
}

extension Expectation.Claim {
    /// What has to hold, in words.
    var words: String {
        func list(_ names: [String]) -> String { names.isEmpty ? "all nodes" : names.joined(separator: ", ") }
        return switch self {
        case .connected(let names): "\(list(names)) have each other as peers"
        case .disconnected(let first, let second): "none of \(list(first)) has one of \(list(second)) as a peer"
        case .peers(let name, let bounds): "\(name) has \(bounds.words) peers"
        case .path(let from, let to, let network): "\(from) sends to \(to) at an address in network '\(network)'"
        case .station(let of, let at, let knownBy): "\(knownBy) knows the station of \(of) at \(at)"
        case .table(let table, let name, let bounds): "the table '\(table.name)' of \(name) has \(bounds.words) entries"
        case .memory(let name, let most): "the tables of \(name) hold at most \(most) bytes"
        case .delivery(let from, let to, let bounds):
            "of the frames from \(from) to \(to ?? "all"), \(bounds.percentWords) arrive"
        case .latency(let from, let to, let percentile, let most):
            "\(hundredths(percentile)) of the frames from \(from) to \(to ?? "all") take at most \(seconds(most)) s"
        case .dropped(let name, let reason, let bounds):
            "\(name) drops \(bounds.words) packets for the reason '\(reason.name)'"
        case .evicted(let name, let table, let bounds):
            "the table '\(table.name)' of \(name) gives up \(bounds.words) entries"
        case .management(let name, let bounds): "\(name) sends \(bounds.words) bytes of management traffic a second"
        case .invariant(let invariant): invariant.words
        }
    }
}

extension Invariant {
    /// The promise in words.
    var words: String {
        switch self {
        case .noSelfPeers: "no node has itself as a peer"
        case .noExtraFrames: "no frame is delivered more often than it arrived"
        case .noDuplicateFrames: "no frame is delivered twice"
        case .noMisdeliveredFrames: "no frame is delivered to a node that does not claim its destination"
        case .noCorruptedFrames: "every frame that is delivered is as it was sent"
        case .noPlaintext: "nothing that a node with a key sends can be read"
        case .noNonceReuse: "no two messages are sealed with one key under one nonce"
        case .noRelayedFrames: "no node sends on what came over UDP"
        case .boundedTables: "no table of a node is larger than its bound"
        case .fullMesh: "all nodes that can reach each other become peers"
        case .networkModel: "the network does what its links, NAT boxes and partitions allow"
        }
    }
}

extension Expectation.Bounds {
    private func words(_ text: (Int) -> String) -> String {
        switch (least, most) {
        case (let least?, let most?): least == most ? "exactly \(text(least))" : "\(text(least)) to \(text(most))"
        case (let least?, nil): "at least \(text(least))"
        case (nil, let most?): "at most \(text(most))"
        case (nil, nil): "any number of"
        }
    }

    var words: String { words { "\($0)" } }
    var percentWords: String { words(hundredths) }
}

/// Hundredths of a percent as a percentage: `99.5%`.
func hundredths(_ value: Int) -> String {
    let (whole, rest) = value.quotientAndRemainder(dividingBy: 100)
    guard rest != 0 else { return "\(whole)%" }
    let digits = rest < 10 ? "0\(rest)" : rest % 10 == 0 ? "\(rest / 10)" : "\(rest)"
    return "\(whole).\(digits)%"
}
