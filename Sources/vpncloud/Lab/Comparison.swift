import VPNNode
import VPNSimulator

/// Two runs of one scenario in both worlds, side by side.
struct Comparison {
    private struct Line {
        let what: String
        let simulator: String
        let lab: String
        var differs = false
    }

    /// Shares of frames that differ by more than so many hundredths of a percent are a difference: loss by chance differs from
    /// run to run.
    private static let share = 500

    private let heading: String
    private var parts: [(title: String, lines: [Line])] = []
    private let notes: [String]
    private let problem: String?
    /// Whether the lab judged anything.
    private let isJudged: Bool

    init(simulator: ScenarioReport, lab: ScenarioReport) {
        heading = "\(simulator.file ?? "scenario"): \(simulator.scenario)"
        notes = lab.notes
        problem = lab.problem
        isJudged = lab.expectations.contains(where: \.isJudged)
        parts.append(("expectations", Self.verdicts(simulator, lab)))
        guard let left = simulator.summary, let right = lab.summary, lab.expectations.contains(where: \.isJudged) else {
            return
        }
        parts.append(("peers, first", Self.meetings(left, right)))
        parts.append(("frames", Self.deliveries(left, right)))
        parts.append(("messages sent: initial, lists, data, closing", Self.messages(left, right)))
    }

    /// How many lines differ.
    var differences: Int { parts.reduce(0) { $0 + $1.lines.count(where: \.differs) } }

    private static func verdicts(_ simulator: ScenarioReport, _ lab: ScenarioReport) -> [Line] {
        zip(simulator.expectations, lab.expectations).compactMap { left, right in
            if left.text.hasPrefix("invariant "), !right.isJudged || left.passed && right.passed { return nil }
            return Line(
                what: left.text, simulator: word(left), lab: word(right),
                differs: left.isJudged && right.isJudged && left.passed != right.passed)
        }
    }

    private static func word(_ result: ExpectationResult) -> String {
        result.isJudged ? result.passed ? "ok" : "FAILED" : "not judged"
    }

    private static func meetings(_ left: RunSummary, _ right: RunSummary) -> [Line] {
        let pairs = left.connections.map { [$0.node, $0.peer] } + right.connections.map { [$0.node, $0.peer] }
        var seen: Set<[String]> = []
        func time(_ summary: RunSummary, _ pair: [String]) -> String? {
            summary.connections.first { [$0.node, $0.peer] == pair }.map { thousandths($0.time) }
        }
        return pairs.filter { seen.insert($0).inserted }.map { pair in
            let times = (time(left, pair), time(right, pair))
            return Line(
                what: "\(pair[0]) has \(pair[1])", simulator: times.0 ?? "never", lab: times.1 ?? "never",
                differs: (times.0 == nil) != (times.1 == nil))
        }
    }

    private static func deliveries(_ left: RunSummary, _ right: RunSummary) -> [Line] {
        left.deliveries.map { simulated in
            let real = right.deliveries.first { ($0.from, $0.to) == (simulated.from, simulated.to) }
            let isOneSided = real.map { ($0.sent == 0) != (simulated.sent == 0) } ?? true
            func share(_ delivery: RunSummary.Delivery) -> Int { delivery.arrived * 10_000 / max(1, delivery.sent) }
            func words(_ delivery: RunSummary.Delivery) -> String { "\(delivery.arrived) of \(delivery.sent)" }
            return Line(
                what: "\(simulated.from) to \(simulated.to)", simulator: words(simulated),
                lab: real.map(words) ?? "none",
                differs: isOneSided || (real.map { abs(share($0) - share(simulated)) > Self.share } ?? true))
        }
    }

    private static func messages(_ left: RunSummary, _ right: RunSummary) -> [Line] {
        func words(_ messages: RunSummary.Messages) -> String {
            "\(messages.initial), \(messages.lists), \(messages.data), \(messages.close)"
        }
        return zip(left.messages, right.messages).map { simulated, real in
            Line(what: simulated.node, simulator: words(simulated), lab: words(real))
        }
    }

    /// The comparison for people. Lines that differ are marked in front.
    var text: String {
        let columns = parts.flatMap(\.lines)
        let first = min(72, columns.map(\.what.count).max() ?? 0)
        let second = max(9, columns.map(\.simulator.count).max() ?? 0)
        func shortened(_ text: String) -> String { text.count > first ? "\(text.prefix(first - 1))…" : text }
        var lines = [heading]
        for (title, items) in parts where !items.isEmpty {
            lines.append("    \(padded(title, first))  \(padded("simulator", second))  lab")
            lines += items.map { item in
                "  \(item.differs ? "!" : " ") \(padded(shortened(item.what), first))  \(padded(item.simulator, second))  \(item.lab)"
            }
        }
        lines += notes.map { "    note: \($0)" }
        if !isJudged, problem == nil { return lines.joined(separator: "\n") }
        if let problem {
            lines.append("  the lab did not play it to its end: \(problem)")
        } else {
            lines.append(differences == 0 ? "  both agree" : "  \(Count(differences, "difference")), marked with !")
        }
        return lines.joined(separator: "\n")
    }
}
