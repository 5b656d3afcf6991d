import ArgumentParser
import Glibc
import VPNSimulator

/// `vpncloud sim verify FILE...`: runs scenarios in two processes, which have to do the same.
struct SimVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Run scenarios in two processes and compare all that happens.",
        discussion: """
            The same file and seed must do the same, event by event, in every process. Each file is run in this process \
            and in another one at the same time, and the first event that differs is shown. The trace hash is compared \
            with that in golden.txt beside the file, where there is one.

            The exit status is 0 when all is the same, 1 when something differs, and 2 for a bad file.
            """)

    @Argument(help: "The scenario files.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    @Option(help: ArgumentHelp("Use this seed instead of the file's.", valueName: "n"))
    var seed: UInt64?

    @Flag(help: "Write the trace hashes to golden.txt beside the files instead of comparing with it.")
    var update = false

    @Flag(help: "Run in this process alone, and compare with golden.txt only, which then must know each file.")
    var recorded = false

    func validate() throws {
        if update && recorded { throw ValidationError("--update and --recorded exclude each other; choose one.") }
    }

    func run() throws {
        var differing = 0
        var goldens: [String: GoldenFile] = [:]
        var paths: [String] = []
        for (file, scenario) in try readScenarios(ofFiles: files) {
            let seed = seed ?? scenario.seed
            let path = GoldenFile.path(besideScenario: file)
            if goldens[path] == nil { paths.append(path) }
            var golden = try goldens[path] ?? GoldenFile(path)
            let outcome =
                recorded
                ? try ranOnce(file, scenario, seed, golden)
                : try TwoRuns(file: file, scenario: scenario, seed: seed).compare()
            switch outcome {
            case .same(let hash) where update: golden.set(hash, file, seed)
            case .same(let hash):
                if let known = golden[file, seed], known != hash {
                    print(
                        "\(file): seed \(seed): trace \(hash)\(recorded ? "" : " in both processes"), but \(golden.path) has \(known); if that is meant, run it with --update"
                    )
                    differing += 1
                    break
                }
                print(
                    "\(file): seed \(seed): same, trace \(hash)\(golden.note(on: file, seed))"
                )
            case .different(let text):
                print("\(file): seed \(seed): DIFFERENT\n\(text)")
                differing += 1
            }
            goldens[path] = golden
        }
        if update {
            for path in paths {
                try goldens[path]?.write()
                print("wrote \(path)")
            }
        }
        if differing > 0 { throw ExitCode(1) }
    }

    private func ranOnce(
        _ file: String, _ scenario: Scenario, _ seed: UInt64, _ golden: GoldenFile
    ) throws -> TwoRuns.Outcome {
        let report = ScenarioPlayer(file: file, scenario: scenario, seed: seed).play()
        let hash = try report.hash()
        guard golden[file, seed] != nil else {
            return .different("  \(golden.path) has no hash for it; add it with: vpncloud sim verify --update \(file)")
        }
        return .same(hash: hash)
    }
}

/// `vpncloud sim trace FILE`: prints the event log of a scenario; what `sim verify` has its other process do.
struct SimTrace: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Print the event log of a scenario, and its trace hash.", shouldDisplay: false)

    @Argument(help: "The scenario file.")
    var file: String

    @Option(help: ArgumentHelp("Use this seed instead of the file's.", valueName: "n"))
    var seed: UInt64?

    func run() throws {
        let scenario = try readScenario(ofFile: file)
        let output = LineOutput(descriptor: STDOUT_FILENO)
        var player = ScenarioPlayer(file: file, scenario: scenario, seed: seed ?? scenario.seed)
        player.lines = { line, _ in output.write(line) }
        let report = player.play()
        output.write(report.traceLine)
        output.flush()
    }
}

extension ScenarioReport {
    /// What the event log ends with.
    fileprivate var traceLine: String { "trace \(trace ?? problem ?? "none")" }

    /// The trace hash of a run that came to its end.
    fileprivate func hash() throws -> String {
        guard let trace else { throw Failure.runTime("\(file ?? scenario): \(problem ?? "no trace")") }
        return trace
    }
}

/// One scenario in two processes.
private struct TwoRuns {
    enum Outcome {
        case same(hash: String)
        case different(String)
    }

    let file: String
    let scenario: Scenario
    let seed: UInt64

    func compare() throws -> Outcome {
        let path = file.hasPrefix("-") ? "./\(file)" : file
        let child: ChildProcess
        do {
            child = try ChildProcess(arguments: ["sim", "trace", path, "--seed", "\(seed)"])
        } catch {
            throw Failure.runTime("cannot start a second process: \(error)")
        }
        var number = 0
        var difference: String?
        var player = ScenarioPlayer(file: file, scenario: scenario, seed: seed)
        player.lines = { line, _ in
            guard difference == nil else { return }
            number += 1
            let other = (try? child.nextLine()) ?? nil
            if other != line { difference = Self.text(number, line, other) }
        }
        let report = player.play()
        if let difference { return .different(difference) }
        let own = report.traceLine
        let other = try child.nextLine()
        guard other == own else { return .different(Self.text(number + 1, own, other)) }
        return .same(hash: try report.hash())
    }

    private static func text(_ number: Int, _ line: String, _ other: String?) -> String {
        """
          the first event that differs is number \(number):
            here:      \(line)
            elsewhere: \(other ?? "nothing more")
        """
    }
}
