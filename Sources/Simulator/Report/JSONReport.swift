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
            ("judged", .flag(report.expectations.contains(where: \.isJudged))),
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
