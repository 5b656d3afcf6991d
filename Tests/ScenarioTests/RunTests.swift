import Foundation
import Testing

@Suite("'sim run'")
struct RunTests {
    @Test("ends with 0 where all holds, and says what happened")
    func passing() throws {
        let folder = try Folder()
        let file = try folder.file("good.yaml", Texts.passing)
        let outcome = try Tool.sim(["run", file])
        #expect(outcome.status == 0 && outcome.errors.isEmpty)
        #expect(outcome.lines.first == "\(file): two nodes meet")
        #expect(outcome.lines.contains { $0.hasPrefix("  seed 7: ok, 1 min") })
        #expect(!outcome.output.contains("FAILED"))
    }

    @Test("ends with 1 where something does not hold, and says what, what was seen, when, and what happened last")
    func failing() throws {
        let folder = try Folder()
        let file = try folder.file("bad day.yaml", Texts.failing)
        let outcome = try Tool.sim(["run", file])
        #expect(outcome.status == 1 && outcome.errors.isEmpty)
        let failure = Array(outcome.lines.drop { !$0.hasPrefix("    FAILED: ") })
        #expect(failure.first == "    FAILED: { always: { connected: all }, from: 5s }")
        #expect(failure.contains("      expected: always from 5 s to the end: all nodes have each other as peers"))
        #expect(failure.contains { $0.hasPrefix("      seen:     a does not have b as a peer, b does not run") })
        #expect(failure.contains("      at:       30 s"))
        #expect(failure.contains("        30 s  b: killed"))
        #expect(failure.last == "    To reproduce: vpncloud sim run '\(file)' --seed 7")
    }

    @Test("prints a command that, given to a shell, fails again just so", arguments: ["7", "1-3"])
    func reproduces(seeds: String) throws {
        let folder = try Folder()
        let file = try folder.file("it's bad.yaml", Texts.failing)
        let report = "\(folder.path)/report.json"
        let first = try Tool.sim(["run", "--seeds", seeds, "--json", report, file])
        #expect(first.status == 1)
        let failure = first.lines.drop { !$0.hasPrefix("    FAILED: ") }.prefix {
            !$0.contains("also with") && $0.hasPrefix("    ")
        }
        let command = try #require(failure.last?.components(separatedBy: "To reproduce: ").last)
        #expect(command.hasPrefix("vpncloud sim run "))
        let path = URL(filePath: try Tool.program()).deletingLastPathComponent().path
        let again = try Tool.run([
            "sh", "-c", "PATH='\(path):'\"$PATH\"; \(command) --json '\(folder.path)/again.json'",
        ])
        #expect(again.status == 1)
        #expect(Array(again.lines.drop { !$0.hasPrefix("    FAILED: ") }) == Array(failure))
        let script = """
            import json, sys
            one, two = [json.load(open(name))["runs"][0] for name in sys.argv[1:]]
            for run in one, two: del run["elapsed_nanoseconds"]
            print(one == two, len(one["trace"]), one["reproduce"] == two["reproduce"])
            """
        #expect(try Tool.python(script, [report, "\(folder.path)/again.json"]) == ["True 32 True"])
    }

    @Test("says of frames that the network changed, where there is no key, that they are not those that were sent")
    func changedFrames() throws {
        let folder = try Folder()
        let file = try folder.file(
            "changed.yaml",
            """
            name: changed frames
            duration: 60s
            defaults: { device_type: tun }
            networks: { internet: { corruption: 1%, truncation: 1% } }
            nodes:
              - { name: a, network: internet, subnets: [10.0.0.1/32] }
              - { name: b, network: internet, peers: [a], subnets: [10.0.0.2/32] }
            traffic: [{ from: a, to: b, every: 10ms, start: 5s, size: 64, echo: true }]

            """)
        let outcome = try Tool.sim(["run", "--seeds", "1-8", file])
        #expect(outcome.status == 1, "\(outcome.errors)")
        #expect(outcome.output.contains("FAILED: invariant no_corrupted_frames"))
        #expect(outcome.lines.last?.contains("8 runs: 0 passed, 8 failed") == true)
    }

    @Test("lets a node sleep as long as it is told last, and a dead one stay dead that is killed for good")
    func overlapping() throws {
        let folder = try Folder()
        let events = """
            [{ at: 5s, suspend: b, for: 10s }, { at: 8s, suspend: b, for: 20s }, { at: 40s, kill: a, restart_after: 10s },
            { at: 45s, kill: a }]
            """
        let file = try folder.file("twice.yaml", Texts.pair(expect: [], events: events))
        let lines = try Tool.sim(["run", "-v", file]).lines
        #expect(lines.filter { $0.hasSuffix("b: wakes up") } == ["28.000000000 s  b: wakes up"])
        #expect(lines.count { $0.contains("a: started at") } == 1)
    }

    @Test("ends with 2 for a bad file, names line and column, and runs none of the others")
    func badFile() throws {
        let folder = try Folder()
        let good = try folder.file("good.yaml", Texts.passing)
        let bad = try folder.file(
            "bad.yaml", Texts.passing.replacingOccurrences(of: "network: internet", with: "network: x"))
        let outcome = try Tool.sim(["run", good, bad])
        #expect(outcome.status == 2 && outcome.output.isEmpty)
        let faults = outcome.errors.split(separator: "\n")
        #expect(
            faults.count == 2 && faults[0].hasPrefix("\(bad):7:25: ") && faults[1].hasPrefix("\(bad):8:25: "),
            "\(faults)")
        let missing = try Tool.sim(["run", "\(folder.path)/none.yaml"])
        #expect(missing.status == 2 && missing.errors.contains("No such file or directory"))
    }

    @Test(
        "ends with 2 for options that are wrong",
        arguments: [
            ["--seeds", "5-1"], ["--seeds", "x"], ["--seed", "1", "--seeds", "1-2"], ["--jobs", "0"], ["--nonsense"],
            [],
        ])
    func options(_ options: [String]) throws {
        let folder = try Folder()
        let files = options.isEmpty ? [] : [try folder.file("good.yaml", Texts.passing)]
        let outcome = try Tool.sim(["run"] + options + files)
        #expect(outcome.status == 2 && outcome.output.isEmpty && !outcome.errors.isEmpty)
    }

    @Test("asks of 'sometimes' that one seed of a sweep meets it, and of one seed alone the same")
    func sometimes() throws {
        let folder = try Folder()
        // A pair that meets at once with the seeds whose first message is not lost.
        let lossy = Texts.pair(expect: ["{ sometimes: { connected: all }, to: 50ms }"])
            .replacingOccurrences(of: "latency: 20ms", with: "latency: 20ms, loss: 50%")
        let file = try folder.file("x.yaml", lossy)
        let each = try (1...20).map { try Tool.sim(["run", file, "--seed", "\($0)"]).status }
        #expect(Set(each) == [0, 1])
        let sweep = try Tool.sim(["run", file, "--seeds", "1-20"])
        #expect(sweep.status == 0, "\(sweep.output)")
        let bad = try folder.file("y.yaml", lossy.replacingOccurrences(of: "50ms", with: "10ms"))
        let never = try Tool.sim(["run", bad, "--seeds", "1-5"])
        #expect(never.status == 1 && never.output.contains("in none of 5 runs; in this one: "), "\(never.output)")
    }

    @Test("does the same whether one seed runs at a time or eight, with a log or without")
    func jobs() throws {
        let folder = try Folder()
        let file = try folder.file("x.yaml", Texts.failing)
        let options = [["--jobs", "1"], ["--jobs", "8"], ["--log", "\(folder.path)/log"]]
        let script = """
            import json, sys
            print([(run["seed"], run["trace"], run["expectations"], run["counts"]) for run in json.load(open(sys.argv[1]))["runs"]])
            """
        let reports = try options.enumerated().map { index, options in
            let report = "\(folder.path)/\(index).json"
            _ = try Tool.sim(["run", file, "--seeds", "1-12", "--json", report] + options)
            return try Tool.python(script, [report])
        }
        #expect(reports[0] == reports[1] && reports[1] == reports[2] && reports[0][0].contains("'12'"))
    }
}

@Suite("On a full disk, 'sim run'")
struct FullDiskTests {
    @Test(
        "ends with 1 and a line that says so, and leaves the device alone",
        arguments: [
            ("--log", "the event log is not complete"), ("--junit", "cannot write the report"),
            ("--json", "cannot write the report"),
        ])
    func fullDisk(option: String, words: String) throws {
        let folder = try Folder()
        let file = try folder.file("good.yaml", Texts.passing)
        let full = try folder.full("full")
        let outcome = try Tool.sim(["run", file, option, full])
        #expect(outcome.status == 1)
        #expect(outcome.errors.hasPrefix("vpncloud: \(words)") && outcome.errors.hasSuffix("No space left on device\n"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: full) == "/dev/full")
    }

    @Test("ends with 1 where captures do not fit, and says so in the reports")
    func captures() throws {
        let folder = try Folder()
        let file = try folder.file("good.yaml", Texts.passing)
        _ = try folder.full("a.outer.pcap")
        let report = "\(folder.path)/report.json"
        let outcome = try Tool.sim(["run", file, "--pcap", folder.path, "--json", report])
        #expect(outcome.status == 1 && outcome.output.contains("did not run to its end: "))
        #expect(outcome.output.contains("No space left on device"))
        let script = "import json, sys; print(json.load(open(sys.argv[1]))['runs'][0]['problem'])"
        #expect(try Tool.python(script, [report]).first?.contains("No space left on device") == true)
    }

    @Test("writes a report into a pipe, as a shell makes one")
    func pipe() throws {
        let folder = try Folder()
        let file = try folder.file("good.yaml", Texts.passing)
        let command = "'\(try Tool.program())' sim run '\(file)' --json /dev/stderr 2>&1 >/dev/null | cat"
        let outcome = try Tool.run(["sh", "-c", command])
        #expect(outcome.output.hasPrefix("{\n  \"format\": \"vpncloud-sim-report\""))
    }
}
