import ArgumentParser
import Glibc
import VPNSimulator

/// `vpncloud sim run FILE...`: runs scenarios, and says whether what they expect holds.
struct SimRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run scenarios and say whether what they expect holds.",
        discussion: """
            Runs each file with its own seed, or with those that --seed or --seeds name. The same file and seed do the \
            same everywhere: hours of virtual time take milliseconds, and a failure repeats exactly.

            The exit status is 0 when every expectation holds, 1 when one does not, and 2 for a bad file.

            EXAMPLES:
              vpncloud sim run scenarios/two-homes.yaml -v
              vpncloud sim run scenarios/*.yaml --seeds 1-20 --junit report.xml
              vpncloud sim run scenarios/two-homes.yaml --pcap captures
            """)

    @Argument(help: "The scenario files.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    @Option(help: ArgumentHelp("Use this seed instead of the file's.", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp("Run once with each of these seeds, such as 1-20.", valueName: "a-b"),
        transform: SeedRange.parse)
    var seeds: SeedRange?

    @Option(
        help: ArgumentHelp(
            """
            Write what goes over devices and wires to pcap files in this folder, and where there are several runs, to \
            a folder of its own for each.
            """,
            valueName: "dir"), completion: .directory)
    var pcap: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Run so many seeds of a scenario at a time (default: one for each processor).", valueName: "n"))
    var jobs: Int?

    @Option(
        help: ArgumentHelp("Write the event log, every datagram a line, to this file.", valueName: "file"),
        completion: .file())
    var log: String?

    @OptionGroup var output: RunReportOptions

    @Flag(
        name: [.short, .customLong("verbose")],
        help: "Print what happens: once for events, twice for frames too, three times for every datagram.")
    var verbosity: Int

    func validate() throws {
        if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs takes a number from 1 to 1024.") }
        if seed != nil && seeds != nil { throw ValidationError("--seed and --seeds exclude each other; choose one.") }
    }

    func run() throws {
        let work = try readScenarios(ofFiles: files).map { file, scenario in
            ScenarioJob(file: file, scenario: scenario, seeds: seeds?.values ?? [seed ?? scenario.seed])
        }
        var session = try SimulationSession(
            work, captures: pcap, log: log.map { path throws(Failure) in try LineOutput(eventLog: path) },
            verbosity: verbosity, threads: jobs ?? processorCount)
        let reports = try session.run()
        try output.write(reports)
        if reports.contains(where: { !$0.passed }) { throw ExitCode(1) }
    }
}

/// Seeds in a row.
struct SeedRange: Hashable, Sendable {
    /// The most runs of one file.
    static let maximumCount = 1_000_000

    let first: UInt64
    let last: UInt64

    var values: [UInt64] { Array(first...last) }

    /// Reads `1-20`, or `7`.
    static func parse(_ text: String) throws -> SeedRange {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard (1...2).contains(parts.count), let first = parts[0], let last = parts[parts.count - 1] else {
            throw ValidationError("'\(text)' is no range of seeds; write it like 1-20.")
        }
        guard first <= last, last - first < UInt64(maximumCount) else {
            throw ValidationError("'\(text)' is no range of 1 to \(maximumCount) seeds; write it like 1-20.")
        }
        return SeedRange(first: first, last: last)
    }
}
