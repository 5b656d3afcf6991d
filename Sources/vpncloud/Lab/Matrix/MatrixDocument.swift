import VPNNode
import VPNProtocol
import VPNSimulator

/// A matrix for machines: JSON in the layout of docs/lab.md, and JUnit.
struct MatrixDocument {
    /// The version of the layout. Members may be added within a version; what changes or goes makes a new one.
    static let version = 1

    let report: MatrixReport

    /// The JSON, with a line break at the end.
    var json: String {
        func number(_ value: Int) -> JSONValue { .number(Int64(clamping: value)) }
        let document = JSONValue.object([
            ("format", .text("vpncloud-matrix")),
            ("version", number(Self.version)),
            ("passed", .flag(report.isGood)),
            (
                "counts",
                .object([
                    ("cells", number(report.results.count)), ("failed", number(report.failed)),
                    ("not_judged", number(report.notJudged)),
                ])
            ),
            ("cells", .array(report.results.map(value))),
        ])
        return document.text(indentation: 0) + "\n"
    }

    private func value(_ result: CellResult) -> JSONValue {
        .object([
            ("connecting", .text(report.axes.programs[result.cell.connecting].name)),
            ("listening", .text(report.axes.programs[result.cell.listening].name)),
            ("device", .text(result.cell.device.rawValue)),
            ("mode", .text(result.cell.mode.rawValue)),
            ("crypto", .text("\(result.cell.cipher)")),
            ("dialect", .text(result.cell.dialect.rawValue)),
            ("verdict", .text(result.verdict.name)),
            (
                "steps",
                .object(
                    MatrixStep.allCases.map { step in
                        (step.rawValue, result.outcome(of: step).map(JSONValue.flag) ?? .null)
                    })
            ),
            ("second_try", .flag(result.isSecondTry)),
            ("reasons", .array(result.reasons.map(JSONValue.text))),
            ("parting", result.parting.map(value) ?? .null),
        ])
    }

    private func value(_ parting: Parting) -> JSONValue {
        .object([
            ("at_nanoseconds", .number(Int64(clamping: parting.time.nanoseconds))),
            ("from", .text(parting.side.rawValue)),
            ("said", JSONValue(parting.said)),
            ("expected", JSONValue(parting.expected)),
            ("bytes", JSONValue(parting.bytes)),
        ])
    }

    /// JUnit XML: a test suite for each two programs, a test case for each cell.
    var junit: String {
        JUnitReport(suites: report.tables.map { ($0.title, $0.results.map(testCase)) }).text
    }

    private func testCase(_ result: CellResult) -> ScenarioReport {
        var report = result.report
        report.file = nil
        report.scenario = result.cell.settings
        report.notes += result.parting?.lines ?? []
        return report
    }
}
