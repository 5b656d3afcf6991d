import Foundation
import Testing

@testable import VPNSimulator

/// A text with all that needs care.
private let awkward = "a\"b'c<d>&e]]>f\\g\th\ni\rj\u{0}k\u{1b}l\u{7f}m\u{2028}n\u{fffe}o\u{1f600}ü"

private func report(_ name: String = "meet", seed: UInt64 = 7, passed: Bool = false) -> ScenarioReport {
    ScenarioReport(
        name, file: "scenarios/meet.yaml", seed: seed, duration: .seconds(300),
        expectations: [
            ExpectationResult("always: no_duplicate_frames", passed: true, expected: "none", seen: "none"),
            ExpectationResult(
                "within 5s, connected: all", passed: passed, expected: "a, b", seen: "b", at: .milliseconds(5_020),
                events: ["4.2 s  a  dropped", "4.9 s  b  connecting"]),
        ],
        trace: "00ff", elapsed: .microseconds(2_500))
}

@Suite("A scenario's report")
struct ScenarioReportTests {
    @Test("says what was expected, seen, when, the last events, and the command")
    func failureText() {
        #expect(
            report().failureText == """
                FAILED: within 5s, connected: all
                  expected: a, b
                  seen:     b
                  at:       5.02 s
                  the last events:
                    4.2 s  a  dropped
                    4.9 s  b  connecting
                To reproduce: vpncloud sim run scenarios/meet.yaml --seed 7
                """)
    }

    @Test("says nothing of what passed")
    func passed() {
        #expect(report(passed: true).passed && report(passed: true).failureText.isEmpty)
        #expect(!report().passed && report().failures.count == 1)
    }

    @Test("did not pass where there was a problem")
    func problem() {
        let report = ScenarioReport("x", seed: 1, duration: .zero, problem: "no such node")
        #expect(!report.passed)
        #expect(report.failureText == "The scenario did not run to its end: no such node")
    }

    @Test(
        "quotes the file for a shell",
        arguments: [
            ("a.yaml", "a.yaml"), ("-a.yaml", "./-a.yaml"), ("two words", "'two words'"), ("it's", #"'it'\''s'"#),
            ("$(x)", "'$(x)'"), ("", "''"), ("~x", "'~x'"),
        ])
    func quoting(file: String, word: String) {
        let report = ScenarioReport("x", file: file, seed: .max, duration: .zero)
        #expect(report.reproduceCommand == "vpncloud sim run \(word) --seed 18446744073709551615")
    }

    @Test(
        "writes durations as decimal seconds",
        arguments: [
            (Duration.zero, "0"), (.seconds(300), "300"), (.milliseconds(20), "0.02"), (.nanoseconds(1), "0.000000001"),
            (.milliseconds(-1_500), "-1.5"), (.milliseconds(-500), "-0.5"),
        ])
    func decimalSeconds(duration: Duration, text: String) { #expect(seconds(duration) == text) }
}

@Suite("The JUnit report")
struct JUnitReportTests {
    @Test("has a suite for a scenario and a case for a seed")
    func layout() {
        let reports = [report(seed: 1, passed: true), report("other", passed: true), report(seed: 2)]
        #expect(
            JUnitReport(reports).text == """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuites name="vpncloud sim" tests="3" failures="1" errors="0" skipped="0" time="0.0075">
                  <testsuite name="meet" tests="2" failures="1" errors="0" skipped="0" time="0.005">
                    <testcase classname="scenarios/meet.yaml" name="meet, seed 1" time="0.0025">
                      <system-out>virtual time: 300 s
                trace: 00ff</system-out>
                    </testcase>
                    <testcase classname="scenarios/meet.yaml" name="meet, seed 2" time="0.0025">
                      <failure type="expectation" message="within 5s, connected: all: expected a, b, seen b">FAILED: within 5s, connected: all
                  expected: a, b
                  seen:     b
                  at:       5.02 s
                  the last events:
                    4.2 s  a  dropped
                    4.9 s  b  connecting
                To reproduce: vpncloud sim run scenarios/meet.yaml --seed 2</failure>
                      <system-out>virtual time: 300 s
                trace: 00ff</system-out>
                    </testcase>
                  </testsuite>
                  <testsuite name="other" tests="1" failures="0" errors="0" skipped="0" time="0.0025">
                    <testcase classname="scenarios/meet.yaml" name="other, seed 7" time="0.0025">
                      <system-out>virtual time: 300 s
                trace: 00ff</system-out>
                    </testcase>
                  </testsuite>
                </testsuites>

                """)
    }

    @Test("calls a scenario that did not run to its end an error")
    func problem() {
        let text = JUnitReport([ScenarioReport("x", seed: 1, duration: .zero, problem: "a < b")]).text
        #expect(text.contains(#"failures="0" errors="1""#))
        #expect(text.contains(#"<error type="problem" message="a &lt; b">"#))
    }

    @Test("is well formed without any report")
    func empty() {
        #expect(JUnitReport([]).text.contains(#"tests="0" failures="0" errors="0""#))
    }

    @Test("escapes what XML cannot hold or would change")
    func escaping() {
        let rest = #"\u{0}k\u{1b}l"# + "\u{7f}m\u{2028}n" + #"\u{fffe}o"# + "\u{1f600}ü"
        #expect(xmlText(awkward) == "a\"b'c&lt;d&gt;&amp;e]]&gt;f\\g\th\ni&#13;j" + rest)
        #expect(xmlAttribute(awkward) == "\"a&quot;b'c&lt;d&gt;&amp;e]]&gt;f\\g&#9;h&#10;i&#13;j" + rest + "\"")
    }

    @Test("keeps a carriage return together with a line feed")
    func lineEnds() {
        #expect(xmlAttribute("a\r\nb") == "\"a&#13;&#10;b\"")
        #expect(JSONValue.quoted("a\r\nb") == #""a\r\nb""#)
    }
}

@Suite("The JSON report")
struct JSONReportTests {
    @Test("is the example of its documentation, letter for letter")
    func example() throws {
        let expectation = ExpectationResult(
            "within 5s, connected: all", passed: false, expected: "a and b connected within 5 s", seen: "b without a",
            at: .seconds(5), events: ["4.2 s  b  dropped: unauthentic"])
        var report = ScenarioReport(
            "two nodes meet", file: "meet.yaml", seed: 7, duration: .seconds(300), expectations: [expectation],
            trace: "a3817f04ba25a8e66df67214c7550293", elapsed: .microseconds(2_500))
        report.counts.observations = 20
        report.counts.datagramsSent = 6
        report.counts.datagramsArrived = 5
        report.counts.datagramsLost = 1
        report.counts.managementBytes = 500
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let document = try String(contentsOf: root.appending(path: "docs/report.md"), encoding: .utf8)
        let parts = document.components(separatedBy: "```")
        try #require(parts.count == 3)
        #expect("json\n" + JSONReport([report]).text == parts[1])
    }

    @Test("brings every text through a JSON reader unchanged")
    func escaping() throws {
        let quoted = JSONValue.quoted(awkward)
        #expect(quoted.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "\u{2028}" && $0 != "\u{7f}" })
        #expect(try JSONDecoder().decode([String].self, from: Data("[\(quoted)]".utf8)) == [awkward])
    }

    @Test("is read by a JSON reader, with nothing and with all members")
    func readable() throws {
        let bare = ScenarioReport("x", seed: .max, duration: .seconds(Int64.max), problem: "none")
        for reports in [[], [bare], [report(), report(passed: true)]] {
            let object = try JSONSerialization.jsonObject(with: Data(JSONReport(reports).text.utf8))
            let members = try #require(object as? [String: Any])
            #expect(members["version"] as? Int == 1)
            #expect((members["runs"] as? [Any])?.count == reports.count)
            #expect(members["passed"] as? Bool == reports.allSatisfy(\.passed))
        }
    }
}
