/// Reports as JUnit XML, which CI systems show: a test suite a scenario, a test case a seed.
///
/// Failed expectations are one `failure` of their test case, with all that ``ScenarioReport/failureText`` says. A scenario
/// that did not run to its end is an `error`.
public struct JUnitReport: Sendable {
    private let suites: [(name: String, reports: [ScenarioReport])]

    /// Reports in suites that have names.
    public init(suites: [(name: String, reports: [ScenarioReport])]) { self.suites = suites }

    /// Reports in order. Those of one scenario, by its file and name, become one suite where the first of them stands.
    public init(_ reports: [ScenarioReport]) {
        var suites: [[ScenarioReport]] = []
        var places: [[String?]: Int] = [:]
        for report in reports {
            let key = [report.file, report.scenario]
            if let place = places[key] {
                suites[place].append(report)
            } else {
                places[key] = suites.count
                suites.append([report])
            }
        }
        self.init(suites: suites.map { ($0[0].scenario, $0) })
    }

    /// The XML, in UTF-8 with a line break at the end.
    public var text: String {
        var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#]
        let all = suites.flatMap(\.reports)
        let world = all.first?.world == .lab ? "lab" : "sim"
        lines.append("<testsuites name=\"vpncloud \(world)\"\(totals(all))>")
        for (name, reports) in suites {
            lines.append("  <testsuite name=\(xmlAttribute(name))\(totals(reports))>")
            for report in reports { lines += testCase(report) }
            lines.append("  </testsuite>")
        }
        lines.append("</testsuites>")
        return lines.joined(separator: "\n") + "\n"
    }

    private func totals(_ reports: [ScenarioReport]) -> String {
        let errors = reports.count { $0.problem != nil }
        let failures = reports.count { $0.problem == nil && !$0.passed }
        let skipped = reports.count { $0.passed && !$0.expectations.contains { $0.isJudged } && !$0.notJudged.isEmpty }
        let time = reports.reduce(Duration.zero) { $0 + ($1.elapsed ?? .zero) }
        return #" tests="\#(reports.count)" failures="\#(failures)" errors="\#(errors)" skipped="\#(skipped)""#
            + #" time="\#(seconds(time))""#
    }

    private func testCase(_ report: ScenarioReport) -> [String] {
        let className = report.file ?? report.scenario
        let name = "\(report.scenario), \(report.world == .lab ? "in the lab" : "seed \(report.seed)")"
        var lines = [
            "    <testcase classname=\(xmlAttribute(className)) name=\(xmlAttribute(name))"
                + " time=\"\(seconds(report.elapsed ?? .zero))\">"
        ]
        if let problem = report.problem {
            lines.append(outcome("error", type: "problem", message: problem, report))
        } else if let first = report.failures.first {
            let count = report.failures.count
            let others = count > 1 ? " (and \(count - 1) more)" : ""
            let message = "\(first.text): expected \(first.expected), seen \(first.seen)\(others)"
            lines.append(outcome("failure", type: "expectation", message: message, report))
        } else if !report.notJudged.isEmpty, !report.expectations.contains(where: \.isJudged) {
            lines.append("      <skipped message=\(xmlAttribute(report.notJudged[0].seen))/>")
        }
        var output = "virtual time: \(seconds(report.duration)) s"
        for note in report.notes { output += "\nnote: \(note)" }
        for result in report.notJudged { output += "\n\(result.text): \(result.seen)" }
        if let trace = report.trace { output += "\ntrace: \(trace)" }
        lines.append("      <system-out>\(xmlText(output))</system-out>")
        lines.append("    </testcase>")
        return lines
    }

    private func outcome(_ element: String, type: String, message: String, _ report: ScenarioReport) -> String {
        "      <\(element) type=\"\(type)\" message=\(xmlAttribute(message))>\(xmlText(report.failureText))</\(element)>"
    }
}

/// A text as the content of an XML element. What XML 1.0 has no way to say (section 2.2) is written as `\u{1b}`.
package func xmlText(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        // A reader makes a line feed of a plain one (section 2.11).
        case "\r": result += "&#13;"
        case "\t", "\n": result.unicodeScalars.append(scalar)
        case "\u{0}"..<"\u{20}", "\u{fffe}", "\u{ffff}": result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// A text as a quoted XML attribute.
package func xmlAttribute(_ text: String) -> String {
    var result = "\""
    for scalar in xmlText(text).unicodeScalars {
        switch scalar {
        case "\"": result += "&quot;"
        // A reader makes spaces of plain ones (section 3.3.3).
        case "\t": result += "&#9;"
        case "\n": result += "&#10;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
