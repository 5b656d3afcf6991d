import VPNNode

/// Judges an expectation about the frames of a window, once the run is over.
struct FrameJudge {
    private let expectation: Expectation
    private let senders: [Bool]
    private let targets: [Bool]
    private let window: ClosedRange<Instant>

    /// A judge; nil where the expectation is about something else.
    init?(_ expectation: Expectation, _ roster: Roster, end: Instant) throws(ScenarioError) {
        switch expectation.claim {
        case .delivery(let from, let to, _), .latency(let from, let to, _, _):
            senders = roster.mask(try roster.numbers(of: from))
            targets = roster.mask(try roster.numbers(of: to ?? Scenario.allNodes))
        default: return nil
        }
        self.expectation = expectation
        window = expectation.time.span(end: end)
    }

    func result(_ ledger: FrameLedger, _ places: (NetworkPlace) -> String) -> ExpectationResult {
        // A frame at the very end of the run has no time to arrive; the last instant does not count.
        let tally = ledger.tally(from: senders, to: targets, window.lowerBound..<window.upperBound)
        let expected = expectation.time.words + expectation.claim.words
        func result(_ passed: Bool, _ seen: String) -> ExpectationResult {
            ExpectationResult(
                expectation.text, passed: passed, expected: expected, seen: seen, at: window.upperBound - .zero)
        }
        guard tally.sent > 0 else {
            let seen =
                tally.underway > 0
                ? "all \(tally.underway) frames are on the way at the end" : "no frame was sent in that time"
            return result(false, seen)
        }
        switch expectation.claim {
        case .delivery(_, _, let bounds):
            let share = tally.arrived * 10_000 / tally.sent
            // Rounded down, 99.999% is not 100%; a bound from above is not met by rounding either.
            let isAbove = bounds.most.map { tally.arrived * 10_000 > $0 * tally.sent } ?? false
            let isBelow = bounds.least.map { tally.arrived * 10_000 < $0 * tally.sent } ?? false
            return result(
                !isAbove && !isBelow,
                "\(tally.arrived) of \(tally.sent) arrived, \(hundredths(share))\(tally.lossText(places))")
        case .latency(_, _, let percentile, let most):
            guard tally.arrived > 0 else {
                return result(false, "none of \(tally.sent) frames arrived\(tally.lossText(places))")
            }
            let sorted = tally.latencies.sorted()
            let rank = max(1, (sorted.count * percentile + 9_999) / 10_000)
            let value = Duration.nanoseconds(Int64(clamping: sorted[min(rank, sorted.count) - 1]))
            return result(
                value <= most, "\(hundredths(percentile)) of \(sorted.count) took at most \(seconds(value)) s")
        default: return result(false, "nothing")
        }
    }
}

extension FrameLedger.Tally {
    /// Where and why frames got lost, the most frequent first.
    func lossText(_ places: (NetworkPlace) -> String) -> String {
        var parts = losses.prefix(4).map { "\($0.1) \($0.0.words(places))" }
        if losses.count > 4 { parts.append("\(losses.dropFirst(4).reduce(0) { $0 + $1.1 }) elsewhere") }
        if underway > 0 { parts.append("\(underway) on the way at the end, not counted") }
        return parts.isEmpty ? "" : "; " + parts.joined(separator: ", ")
    }
}

extension FrameLoss {
    func words(_ places: (NetworkPlace) -> String) -> String {
        switch self {
        case .notSent(let reason): "not sent (\(reason.explanation))"
        case .dropped(let reason): "dropped by a node (\(reason.explanation))"
        case .network(let loss, let place): "lost at \(place.map(places) ?? "the network") (\(loss.words))"
        }
    }
}

extension NetworkLoss {
    /// Why, as a few words.
    var words: String {
        switch self {
        case .link(let loss): loss.rawValue
        case .nat(let refusal): refusal.rawValue
        case .firewall: "firewall"
        case .noRoute: "no way to its destination"
        case .noReceiver: "nobody has that address and port"
        case .partitioned: "partition"
        case .tooManyHops: "too many gateways"
        case .refused(let code): "refused by the sender's system, error \(code)"
        case .onTheWay: "lost"
        case .suspended: "the receiver sleeps"
        }
    }
}
