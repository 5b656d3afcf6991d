import ArgumentParser
import VPNSimulator

/// Where reports of scenarios go.
struct RunReportOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write a JUnit report to this file.", valueName: "file"), completion: .file())
    var junit: String?

    @Option(
        help: ArgumentHelp("Write a report in JSON to this file (docs/report.md).", valueName: "file"),
        completion: .file())
    var json: String?

    /// Writes those that are wanted.
    func write(_ reports: [ScenarioReport]) throws(Failure) {
        if let junit { try writeReport(JUnitReport(reports).text, to: junit) }
        if let json { try writeReport(JSONReport(reports).text, to: json) }
    }
}

/// Writes a report to a file that somebody asked for.
func writeReport(_ text: String, to path: String) throws(Failure) {
    do { try FileBytes.write(Array(text.utf8), to: path) } catch {
        throw .runTime("cannot write the report '\(path)': \(error)")
    }
}
