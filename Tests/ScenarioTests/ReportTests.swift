import Foundation
import Testing

/// Programs that others read JUnit reports with.
private enum Readers {
    static let packages = ["junitparser==5.0.3", "junit2html==31.1.4"]

    /// Puts them into a folder, from wherever pip takes its packages.
    static func install(into folder: Folder) throws {
        let pip = ["python3", "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"]
        let outcome = try Tool.run(pip + ["install", "--quiet", "--target", folder.path] + packages)
        if outcome.status != 0 {
            try Test.cancel("pip cannot get junitparser and junit2html: \(outcome.errors.suffix(200))")
        }
    }
}

@Suite("The reports of 'sim run'")
struct ReportTests {
    /// A run of a scenario that passes, one that fails, and one that does not come to its end, since its captures do not fit.
    private func threeRuns(in folder: Folder, _ options: [String]) throws -> Outcome {
        let files = [
            try folder.file("good.yaml", Texts.passing), try folder.file("bad.yaml", Texts.failing),
            try folder.file("error.yaml", Texts.passing),
        ]
        let captures = "\(folder.path)/captures/error-seed-7"
        try FileManager.default.createDirectory(atPath: captures, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(captures)/a.outer.pcap", withDestinationPath: "/dev/full")
        return try Tool.sim(["run", "--pcap", "\(folder.path)/captures"] + options + files)
    }

    @Test("are JUnit XML that junitparser and junit2html read, with the counts and texts of all runs")
    func junit() throws {
        let (folder, modules) = (try Folder(), try Folder())
        try Readers.install(into: modules)
        let report = "\(folder.path)/report.xml"
        #expect(try threeRuns(in: folder, ["--junit", report]).status == 1)
        let script = """
            import sys
            sys.path.insert(0, sys.argv[1])
            from junitparser import Error, Failure, JUnitXml
            xml = JUnitXml.fromfile(sys.argv[2])
            print(xml.tests, xml.failures, xml.errors, xml.skipped, xml.time > 0)
            for suite in xml:
                cases = list(suite)
                print(suite.name, suite.tests, suite.failures, suite.errors, len(cases))
                for case in cases:
                    print(case.classname, "|", case.name, "|", [type(result).__name__ for result in case.result])
                    for result in case.result:
                        assert isinstance(result, (Error, Failure))
                        print(result.type, "|", result.message)
                        print(result.text)
            """
        let lines = try Tool.python(script, [modules.path, report])
        #expect(lines.first == "3 1 1 0 True")
        #expect(lines.contains("two nodes meet 1 0 0 1") && lines.contains("two nodes meet 1 0 1 1"), "\(lines)")
        #expect(lines.contains("one & <two> \"three\" é 1 1 0 1"))
        #expect(lines.contains("\(folder.path)/good.yaml | two nodes meet, seed 7 | []"))
        #expect(lines.contains("\(folder.path)/bad.yaml | one & <two> \"three\" é, seed 7 | ['Failure']"))
        #expect(lines.contains("\(folder.path)/error.yaml | two nodes meet, seed 7 | ['Error']"))
        #expect(lines.contains("FAILED: { always: { connected: all }, from: 5s }"))
        #expect(lines.contains("    30 s  b: killed"))
        #expect(lines.contains("To reproduce: vpncloud sim run \(folder.path)/bad.yaml --seed 7"))
        #expect(lines.contains { $0.hasPrefix("problem | ") && $0.hasSuffix("No space left on device") })

        let page = "\(folder.path)/report.html"
        let python = ["env", "PYTHONPATH=\(modules.path)", "python3", "-m", "junit2htmlreport", report, page]
        let outcome = try Tool.run(python)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let html = try folder.text(of: "report.html")
        #expect(html.contains("one &amp; &lt;two&gt;") && html.contains("30 s  b: killed"))
        #expect(html.contains("two nodes meet, seed 7") && html.contains("No space left on device"))
    }

    @Test(
        "are JSON whose members are those that docs/report.md has, in its order",
        .enabled(if: Repository.exists, "the sources that the tests were built from are not here"))
    func json() throws {
        let folder = try Folder()
        let report = "\(folder.path)/report.json"
        #expect(try threeRuns(in: folder, ["--json", report]).status == 1)
        let script = """
            import json, sys
            tables, rows = [], []
            for line in open(sys.argv[2], encoding="utf-8"):
                if line.startswith("| `"): rows.append(line.split("`")[1])
                elif rows: tables.append(rows); rows = []
            top, run, expectation, counts, summary = tables
            assert summary == ["connections", "deliveries", "messages"], summary
            report = json.load(open(sys.argv[1], encoding="utf-8"))
            assert list(report) == top, list(report)
            assert report["format"] == "vpncloud-sim-report" and report["version"] == 1 and report["passed"] is False
            assert report["counts"] == {"runs": 3, "failed": 2}, report["counts"]
            for each in report["runs"]:
                assert list(each) == run, list(each)
                assert list(each["counts"]) == counts, each["counts"]
                assert each["world"] == "simulator" and each["notes"] == [] and each["summary"] is None
                assert all(type(value) is int for value in each["counts"].values())
                for one in each["expectations"]: assert list(one) == expectation, list(one)
            good, bad, error = report["runs"]
            print(good["passed"], good["problem"], good["seed"], good["virtual_nanoseconds"], len(good["trace"]))
            failed = [one for one in bad["expectations"] if not one["passed"]]
            print(bad["passed"], bad["scenario"], [(one["text"], one["at_nanoseconds"]) for one in failed])
            print(failed[0]["events"][-1], "|", bad["reproduce"])
            print(error["passed"], error["trace"], error["problem"])
            sums = bad["counts"]
            print(sums["frames_sent"], sums["frames_delivered"], sums["datagrams_sent"] >= sums["datagrams_arrived"])
            """
        let lines = try Tool.python(script, [report, Repository.root.appending(path: "docs/report.md").path])
        try #require(lines.count == 5, "\(lines)")
        #expect(lines[0] == "True None 7 60000000000 32")
        #expect(lines[1] == "False one & <two> \"three\" é [('{ always: { connected: all }, from: 5s }', 30000000000)]")
        #expect(lines[2] == "30 s  b: killed | vpncloud sim run \(folder.path)/bad.yaml --seed 7")
        #expect(lines[3].hasPrefix("False None ") && lines[3].hasSuffix("No space left on device"))
        // A frame a second from the first to the 59th, of which those up to the death arrive.
        #expect(lines[4] == "59 29 True")
    }
}
