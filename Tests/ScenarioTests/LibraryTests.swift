import Foundation
import Testing

/// The scenario files of the repository, run by the built program.
@Suite(
    "The scenario library", .enabled(if: Repository.exists, "the sources that the tests were built from are not here"))
struct LibraryTests {
    @Test("passes with seeds 1 to 20, and each file has its 20 runs")
    func sweep() throws {
        let folder = try Folder()
        let report = "\(folder.path)/report.json"
        let outcome = try Tool.sim(["run", "--seeds", "1-20", "--json", report] + Repository.files)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        let script = """
            import collections, json, sys
            runs = json.load(open(sys.argv[1]))["runs"]
            seeds = collections.defaultdict(list)
            for run in runs: seeds[run["file"]].append(run["seed"])
            assert all(run["passed"] and not run["problem"] for run in runs)
            for file, known in sorted(seeds.items()): print(file if known == [str(n) for n in range(1, 21)] else known)
            """
        #expect(try Tool.python(script, [report]) == Repository.files)
    }

    @Test("does the same in two processes, and what golden.txt says, in which every scenario has its line")
    func verify() throws {
        #expect(Repository.files.count >= 60)
        let outcome = try Tool.sim(["verify"] + Repository.files)
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        let lines = outcome.lines
        for file in Repository.files {
            let line = try #require(lines.first { $0.hasPrefix("\(file): seed ") })
            #expect(line.contains(": same, trace "))
            #expect(line.hasSuffix(", as in \(Repository.scenarios)/golden.txt"), "\(line)")
        }
    }
}

@Suite("'sim verify'")
struct VerifyTests {
    @Test("finds a walk through a dictionary by the first event that differs, and ends with 1")
    func dictionary() throws {
        let folder = try Folder()
        let nodes = (0..<12).map { "  - { name: n\($0), network: net }\n" }.joined()
        let text = "name: x\nduration: 1s\nnetworks: { net: }\nnodes:\n\(nodes)"
        let file = try folder.file("many.yaml", text)
        let outcome = try Tool.sim(["verify", file], environment: ["VPNCLOUD_SIM_DICTIONARY": "1"])
        #expect(outcome.status == 1)
        #expect(outcome.lines.count == 4 && outcome.lines[0] == "\(file): seed 1: DIFFERENT", "\(outcome.output)")
        #expect(outcome.output.contains("the first event that differs is number "))
        let shown = outcome.lines.suffix(2).map { $0.split(separator: ":", maxSplits: 1).last }
        #expect(shown.count == 2 && shown[0] != shown[1] && shown[0]?.contains("node n") == true)
        #expect(try Tool.sim(["verify", file]).status == 0)
    }

    @Test("writes golden.txt, agrees with it, and ends with 1 where it has another hash")
    func golden() throws {
        let folder = try Folder()
        let file = try folder.file("a.yaml", Texts.passing)
        #expect(try Tool.sim(["verify", file]).output.contains("golden") == false)
        #expect(try Tool.sim(["verify", "--update", file]).status == 0)
        let agreed = try Tool.sim(["verify", file])
        #expect(agreed.status == 0 && agreed.output.contains("as in \(folder.path)/golden.txt"))
        let written = try folder.text(of: "golden.txt")
        let hash = try #require(written.split(separator: "\n").last?.split(separator: " ").first)
        #expect(hash.count == 32 && written.hasSuffix("\(hash) 7 a.yaml\n"))
        let other = String(repeating: "0", count: 32)
        try folder.file("golden.txt", written.replacingOccurrences(of: hash, with: other))
        let outcome = try Tool.sim(["verify", file])
        #expect(outcome.status == 1 && outcome.output.contains("has \(other)") && outcome.output.contains(hash))
        // The hash of another seed is another one, which has no line.
        #expect(try Tool.sim(["verify", "--seed", "8", file]).output.contains("golden") == false)
        try folder.file("golden.txt", "nonsense\n")
        let bad = try Tool.sim(["verify", file])
        #expect(bad.status != 0 && bad.errors.contains("golden.txt:1: expected 'HASH SEED FILE', found 'nonsense'"))
    }

    @Test("ends with 2 for a bad file")
    func badFile() throws {
        let folder = try Folder()
        let file = try folder.file("bad.yaml", "name: x\nduration: 1\n")
        let outcome = try Tool.sim(["verify", file])
        #expect(outcome.status == 2 && outcome.errors.contains("\(file):2:11: "), "\(outcome.errors)")
    }
}
