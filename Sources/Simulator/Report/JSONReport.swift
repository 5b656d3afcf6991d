/// Reports as JSON, in the layout of docs/report.md.
public struct JSONReport: Sendable {
    /// The version of the layout. Members may be added within a version; what changes or goes makes a new one.
    public static let version = 1

    private let reports: [ScenarioReport]

    /// Reports in order.
    public init(_ reports: [ScenarioReport]) { self.reports = reports }

    /// The JSON, with a line break at the end.
    public var text: String {
        let failed = reports.count { !$0.passed }
        let document = JSONValue.object([
            ("format", .text("vpncloud-sim-report")),
            ("version", .number(Int64(Self.version))),
            ("passed", .flag(failed == 0)),
            ("counts", .object([("runs", .number(Int64(reports.count))), ("failed", .number(Int64(failed)))])),
            ("runs", .array(reports.map(value))),
        ])
        return document.text(indentation: 0) + "\n"
    }

    private func value(_ report: ScenarioReport) -> JSONValue {
        .object([
            ("scenario", .text(report.scenario)),
            ("file", JSONValue(report.file)),
            ("seed", .text(String(report.seed))),
            ("passed", .flag(report.passed)),
            ("problem", JSONValue(report.problem)),
            ("virtual_nanoseconds", .nanoseconds(report.duration)),
            ("elapsed_nanoseconds", report.elapsed.map(JSONValue.nanoseconds) ?? .null),
            ("counts", value(report.counts)),
            ("trace", JSONValue(report.trace)),
            ("expectations", .array(report.expectations.map(value))),
            ("reproduce", JSONValue(report.reproduceCommand)),
            ("world", .text(report.world.rawValue)),
            ("notes", .array(report.notes.map(JSONValue.text))),
            ("summary", report.summary.map(value) ?? .null),
        ])
    }

    private func value(_ summary: RunSummary) -> JSONValue {
        func number(_ value: Int) -> JSONValue { .number(Int64(clamping: value)) }
        return .object([
            (
                "connections",
                .array(
                    summary.connections.map { meeting in
                        .object([
                            ("node", .text(meeting.node)), ("peer", .text(meeting.peer)),
                            ("at_nanoseconds", .nanoseconds(meeting.time)),
                        ])
                    })
            ),
            (
                "deliveries",
                .array(
                    summary.deliveries.map { delivery in
                        .object([
                            ("from", .text(delivery.from)), ("to", .text(delivery.to)),
                            ("sent", number(delivery.sent)), ("arrived", number(delivery.arrived)),
                        ])
                    })
            ),
            (
                "messages",
                .array(
                    summary.messages.map { messages in
                        .object([
                            ("node", .text(messages.node)), ("data", number(messages.data)),
                            ("peers", number(messages.lists)), ("init", number(messages.initial)),
                            ("close", number(messages.close)),
                        ])
                    })
            ),
        ])
    }

    private func value(_ counts: RunCounts) -> JSONValue {
        func number(_ value: UInt64) -> JSONValue { .number(Int64(clamping: value)) }
        return .object([
            ("observations", number(counts.observations)),
            ("datagrams_sent", number(counts.datagramsSent)),
            ("datagrams_arrived", number(counts.datagramsArrived)),
            ("datagrams_lost", number(counts.datagramsLost)),
            ("frames_sent", number(counts.framesSent)),
            ("frames_delivered", number(counts.framesDelivered)),
            ("management_bytes", number(counts.managementBytes)),
        ])
    }

    private func value(_ result: ExpectationResult) -> JSONValue {
        .object([
            ("text", .text(result.text)),
            ("passed", .flag(result.passed)),
            ("expected", .text(result.expected)),
            ("seen", .text(result.seen)),
            ("at_nanoseconds", result.time.map(JSONValue.nanoseconds) ?? .null),
            ("events", .array(result.events.map(JSONValue.text))),
            ("unmet", .flag(result.isUnmet)),
            ("judged", .flag(result.isJudged)),
        ])
    }
}

/// A JSON value (RFC 8259). Members of an object keep their order.
enum JSONValue {
    case null
    case flag(Bool)
    case number(Int64)
    case text(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    init(_ text: String?) { self = text.map(JSONValue.text) ?? .null }

    /// A duration in whole nanoseconds, held within 64 bits.
    static func nanoseconds(_ duration: Duration) -> Self {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, second) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return .number(overflow || second ? (seconds < 0 ? .min : .max) : sum)
    }

    /// The value as text, what is inside of it being indented by two spaces more.
    func text(indentation: Int) -> String {
        switch self {
        case .null: return "null"
        case .flag(let flag): return flag ? "true" : "false"
        case .number(let number): return String(number)
        case .text(let text): return Self.quoted(text)
        case .array(let values):
            return Self.block("[", values.map { $0.text(indentation: indentation + 1) }, "]", indentation)
        case .object(let members):
            let lines = members.map { "\(Self.quoted($0)): \($1.text(indentation: indentation + 1))" }
            return Self.block("{", lines, "}", indentation)
        }
    }

    private static func block(_ open: String, _ lines: [String], _ close: String, _ indentation: Int) -> String {
        guard !lines.isEmpty else { return open + close }
        let margin = String(repeating: "  ", count: indentation)
        return "\(open)\n\(margin)  " + lines.joined(separator: ",\n\(margin)  ") + "\n\(margin)\(close)"
    }

    /// A quoted text. Besides what must be escaped, so are the line ends that JavaScript has and JSON has not.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}", "\u{7f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
