import VPNNode
import VPNSimulator

/// What is printed of a run in the lab.
struct LabText {
    let report: ScenarioReport

    var lines: [String] {
        var lines = ["\(report.file ?? "scenario"): \(report.scenario)"]
        let judged = report.expectations.filter(\.isJudged)
        let verdict = report.passed ? (judged.isEmpty ? "NOT JUDGED" : "ok") : "FAILED"
        let elapsed = report.elapsed.map { ", in \(seconds($0)) s" } ?? ""
        lines.append("  lab: \(verdict), \(report.duration.inWords)\(elapsed)")
        if !judged.isEmpty {
            let counts = report.counts
            lines.append(
                "  \(counts.datagramsSent) datagrams sent, \(counts.framesDelivered) of \(counts.framesSent) frames delivered"
            )
        }
        let (invariants, claims) = (
            report.expectations.filter { $0.text.hasPrefix("invariant ") },
            report.expectations.filter { !$0.text.hasPrefix("invariant ") }
        )
        if !judged.isEmpty { lines += claims.map(line) }
        lines += list("ok", invariants.filter { $0.isJudged && $0.passed })
        if !judged.isEmpty { lines += list("not judged", invariants.filter { !$0.isJudged }) }
        lines += report.notes.map { "  note: \($0)" }
        if !report.passed { lines += report.failureText.split(separator: "\n").map { "    \($0)" } }
        return lines
    }

    private func line(_ result: ExpectationResult) -> String {
        if !result.isJudged { return "  not judged: \(result.text) (\(result.seen.dropFirst(12)))" }
        if result.isUnmet { return "  not met: \(result.text) (\(result.seen))" }
        return "  \(result.passed ? "ok" : "FAILED"): \(result.text) (\(result.seen))"
    }

    private func list(_ verdict: String, _ results: [ExpectationResult]) -> [String] {
        guard !results.isEmpty else { return [] }
        return ["  \(verdict): invariants \(results.map { $0.text.dropFirst(10) }.joined(separator: ", "))"]
    }

    private func seconds(_ duration: Duration) -> String {
        let tenths = duration.nanoseconds / 100_000_000
        return "\(tenths / 10).\(tenths % 10)"
    }
}
