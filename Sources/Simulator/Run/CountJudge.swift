import VPNNode
import VPNProtocol

/// Counts, over a window, what an expectation asks of some nodes: drops, evictions or management traffic.
struct CountJudge {
    private enum Subject {
        case dropped(DropReason, Expectation.Bounds)
        case evicted(BoundedTable, Expectation.Bounds)
        case management(Expectation.Bounds)
    }

    let expectation: Expectation
    /// From the first instant, and up to but not including the last; including it where the run ends then.
    let window: ClosedRange<Instant>
    private let subject: Subject
    private let nodes: [Int]
    private let isMember: [Bool]
    private let isToEnd: Bool
    /// For each node.
    private var counts: [Int]
    /// For each node, what may have happened in the window or just outside of it.
    private var uncertain: [Int]
    /// What running nodes had counted when counting began.
    private var bases: [UInt64]

    /// A judge; nil where the expectation is about something else.
    init?(_ expectation: Expectation, _ roster: Roster, end: Instant) throws(ScenarioError) {
        let name: String
        switch expectation.claim {
        case .dropped(let node, let reason, let bounds): (name, subject) = (node, .dropped(reason, bounds))
        case .evicted(let node, let table, let bounds): (name, subject) = (node, .evicted(table, bounds))
        case .management(let node, let bounds): (name, subject) = (node, .management(bounds))
        default: return nil
        }
        self.expectation = expectation
        window = expectation.time.span(end: end)
        isToEnd = window.upperBound == end
        nodes = try roster.numbers(of: name)
        isMember = roster.mask(nodes)
        counts = Array(repeating: 0, count: roster.count)
        uncertain = counts
        bases = Array(repeating: 0, count: roster.count)
    }

    private func contains(_ now: Instant) -> Bool {
        window.contains(now) && (now < window.upperBound || isToEnd)
    }

    mutating func note(_ event: Event, in node: Int, at now: Instant) {
        guard case .dropped(let wanted, _) = subject, case .dropped(let reason, _) = event, reason == wanted,
            isMember[node], contains(now)
        else { return }
        counts[node] += 1
    }

    /// Notes drops that happened after one instant and not after another one: all that is known where a node writes now and
    /// then how many there were.
    mutating func note(
        _ reason: DropReason, _ count: Int, in node: Int, after first: Instant, notAfter last: Instant
    ) {
        guard case .dropped(let wanted, _) = subject, reason == wanted, isMember[node] else { return }
        let isWithin = first >= window.lowerBound && (last <= window.upperBound || isToEnd)
        if isWithin || window.lowerBound == .zero && last <= window.upperBound {
            counts[node] += count
        } else if last > window.lowerBound, first < window.upperBound {
            uncertain[node] += count
        }
    }

    /// Notes a message for peers, with the bytes that it has on the wire.
    mutating func note(management bytes: Int, by node: Int, at now: Instant) {
        guard case .management = subject, isMember[node], contains(now) else { return }
        counts[node] += bytes
    }

    /// Takes note of what running nodes have counted so far, at the ends of the instants at both edges of the window: what
    /// is given up at the first one is not counted, unless the run begins with it, and at the last one is.
    mutating func snapshot(_ running: [(any JudgedNode)?], isStart: Bool) {
        guard case .evicted(let table, _) = subject else { return }
        for node in nodes {
            let value = running[node]?.evictions(from: table) ?? 0
            if isStart {
                // What was counted at the very first instant belongs to a window that begins with it.
                bases[node] = window.lowerBound == .zero ? 0 : value
            } else {
                add(value, node)
            }
        }
    }

    /// Takes what a node counted that ends within the window.
    mutating func take(from node: Int, _ running: any JudgedNode, at now: Instant) {
        // At the first instant of a window nothing is known yet of what was counted before it.
        guard case .evicted(let table, _) = subject, isMember[node], window.contains(now),
            now > window.lowerBound || now == .zero
        else { return }
        add(running.evictions(from: table), node)
        bases[node] = 0
    }

    private mutating func add(_ value: UInt64, _ node: Int) {
        counts[node] += Int(clamping: value - min(value, bases[node]))
    }

    /// The result, once the run is over.
    func result(names: (Int) -> String) -> ExpectationResult {
        let span = max(1, Int((window.upperBound - window.lowerBound).nanoseconds / 1_000_000))
        let (bounds, unit, values): (Expectation.Bounds, String, [Int]) =
            switch subject {
            case .dropped(_, let bounds), .evicted(_, let bounds): (bounds, "", nodes.map { counts[$0] })
            case .management(let bounds):
                (bounds, " bytes a second", nodes.map { (counts[$0] * 1000 + span - 1) / span })
            }
        let expected = expectation.time.words + expectation.claim.words
        if let doubt = doubt(bounds, names) {
            return ExpectationResult(notJudged: expectation.text, expected: expected, reason: doubt)
        }
        guard let wrong = values.firstIndex(where: { !bounds.contains($0) }) else {
            let range =
                values.min() == values.max() ? "\(values.min() ?? 0)" : "\(values.min() ?? 0) to \(values.max() ?? 0)"
            return ExpectationResult(expectation.text, passed: true, expected: expected, seen: range + unit)
        }
        return ExpectationResult(
            expectation.text, passed: false, expected: expected,
            seen: "\(names(nodes[wrong])): \(values[wrong])\(unit)",
            at: window.upperBound - .zero)
    }
}

extension CountJudge {
    /// Why it cannot be said whether the bounds were kept; nil where it can.
    private func doubt(_ bounds: Expectation.Bounds, _ names: (Int) -> String) -> String? {
        for node in nodes where uncertain[node] > 0 {
            let most = counts[node] + uncertain[node]
            guard bounds.contains(counts[node]) != bounds.contains(most) else { continue }
            return "\(names(node)): \(counts[node]) to \(most), as some were counted at an edge of the window"
        }
        return nil
    }
}

extension Expectation.Time {
    /// The first and the last instant of a window; the whole run for the other forms.
    func span(end: Instant) -> ClosedRange<Instant> {
        guard case .over(let from, let to) = self else { return .zero...end }
        let first = min(.zero + from, end)
        return first...max(first, min(to.map { .zero + $0 } ?? end, end))
    }
}
