import ArgumentParser
import Glibc
import VPNLab
import VPNSimulator

/// `vpncloud lab`: scenarios on the kernel of this machine.
struct Lab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab", abstract: "Play scenarios on the real kernel, with real processes as nodes.",
        subcommands: [RunInLab.self, CompareWorlds.self, PlayMatrix.self, CleanLabs.self, StageLab.self])
}

/// `vpncloud lab run FILE...`: plays scenarios on the kernel, and says whether what they expect holds.
struct RunInLab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Play scenarios on the real kernel and say whether what they expect holds.",
        discussion: """
            Builds the networks of each file from network namespaces, runs a process for each node, and judges as the \
            simulator does. Time is real; 'lab: { scale: 0.1 }' in a file lets it go by ten times faster. What this \
            kernel cannot play is named and not judged. Nothing of the machine itself is touched, and nothing stays.

            The exit status is 0 when everything that was judged holds, 1 when something does not, and 2 for a bad \
            file, or where the lab cannot be built. See docs/lab.md.

            EXAMPLES:
              vpncloud lab run scenarios/close.yaml
              vpncloud lab run scenarios/two-homes.yaml -v --pcap captures
            """)

    @Argument(help: "The scenario files.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Play so many scenarios at a time (default: one for each processor).", valueName: "n"))
    var jobs: Int?

    @Option(
        help: ArgumentHelp(
            "Write what goes over devices and wires to pcap files in this folder.", valueName: "dir"),
        completion: .directory)
    var pcap: String?

    @OptionGroup var reports: RunReportOptions

    @Flag(help: "Keep the lab of one scenario at its end, until Ctrl-C, to look around in it.")
    var keep = false

    @Flag(name: .shortAndLong, help: "Print what happens, and what nodes write.")
    var verbose = false

    func validate() throws {
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs takes a number from 1 to 64.") }
        if keep, files.count > 1 { throw ValidationError("--keep takes one scenario.") }
    }

    func run() throws {
        let scenarios = try readScenarios(ofFiles: files)
        let folder = try LabSession.prepare()
        defer { folder.remove() }
        var session = try LabSession(
            scenarios, in: folder, captures: pcap, keeps: keep, isVerbose: verbose,
            threads: verbose ? 1 : jobs ?? processorCount)
        let start = monotonicNanoseconds()
        let output = LineOutput(descriptor: STDOUT_FILENO)
        let results = try session.run { report in
            for line in LabText(report: report).lines { output.write(line) }
            output.flush()
        }
        if results.count > 1 {
            let failed = results.count { !$0.passed }
            let empty = results.count { report in report.passed && !report.expectations.contains(where: \.isJudged) }
            let elapsed = (monotonicNanoseconds() - start) / 1_000_000_000
            output.write(
                "\(Count(results.count, "scenario")): \(results.count - failed - empty) passed, \(failed) failed, \(empty) not judged, in \(elapsed) s"
            )
            output.flush()
        }
        try reports.write(results)
        if results.contains(where: { !$0.passed }) { throw ExitCode(1) }
    }
}

/// `vpncloud lab compare FILE`: plays a scenario in both worlds.
struct CompareWorlds: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Play a scenario in the simulator and on the real kernel, side by side.",
        discussion: """
            Prints verdicts, when nodes met, how many frames came over, and how many messages were sent. What differs \
            is marked: a verdict, nodes that met in one world only, and shares of frames that arrived which are more \
            than five percent apart.

            The exit status is 0 when both agree, 1 when they differ, and 2 for a bad file, or where the lab does not \
            play it to its end.
            """)

    @Argument(help: "The scenario file.", completion: .file(extensions: ["yaml", "yml"]))
    var file: String

    @Option(
        help: ArgumentHelp(
            "Take this file for the simulator, which is to be the same but for what is compared.", valueName: "file"),
        completion: .file(extensions: ["yaml", "yml"]))
    var simulated: String?

    func run() throws {
        let scenario = try readScenario(ofFile: file)
        let other = try simulated.map { path throws(Failure) in try readScenario(ofFile: path) } ?? scenario
        guard other.nodes.map(\.name) == scenario.nodes.map(\.name),
            other.nodes.map(\.count) == scenario.nodes.map(\.count),
            other.expectations.map(\.text) == scenario.expectations.map(\.text)
        else {
            throw Failure.usage(
                "'\(simulated ?? "")' must have the nodes and the expectations of '\(file)' to be compared with it")
        }
        let run = try ScenarioRun(other)
        var simulatorReport = try run.finish(file: file)
        simulatorReport.summary = run.summary
        let folder = try LabSession.prepare()
        defer { folder.remove() }
        var session = try LabSession(
            [(file, scenario)], in: folder, captures: nil, keeps: false, isVerbose: false, threads: 1)
        let labReports = try session.run()
        guard let labReport = labReports.first else { throw Failure.runTime("the lab gave no report") }
        let comparison = Comparison(simulator: simulatorReport, lab: labReport)
        print(comparison.text)
        if labReport.problem != nil { throw ExitCode(2) }
        guard labReport.expectations.contains(where: \.isJudged) else {
            throw Failure(lines: ["vpncloud: the lab judged nothing, so that there is nothing to compare"], status: 2)
        }
        if comparison.differences > 0 { throw ExitCode(1) }
    }
}

/// `vpncloud lab clean`: removes what killed labs have left.
struct CleanLabs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean",
        abstract: "Remove what killed labs have left.",
        discussion: """
            Networks and processes of a lab end with it, however it ends; only files can stay behind. Labs that still \
            run are left alone.
            """)

    func run() throws {
        let remains = LabFolder.clean()
        for path in remains.removed { print("removed \(path)") }
        for path in remains.running { print("still running: \(path)") }
        if remains.removed.isEmpty, remains.running.isEmpty { print("nothing to remove") }
    }
}

/// One scenario in namespaces of its own; started by the other commands only.
struct StageLab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stage", abstract: "Play one scenario for another process.", shouldDisplay: false)

    @Argument var file: String
    @Option var folder: String
    @Option var pcap: String?
    @Flag var keep = false
    @Flag var verbose = false
    @Flag var inside = false

    func run() throws {
        var stage = LabStage(file: file, folder: folder)
        stage.captures = pcap
        stage.keeps = keep
        stage.isVerbose = verbose
        if inside { try stage.play() } else { try stage.run() }
    }
}
