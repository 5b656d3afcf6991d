import Glibc
import VPNCaptures
import VPNLab
import VPNNode
import VPNSimulator

/// Plays one scenario in namespaces of its own: this process leaves its own, and starts itself once more within the new ones.
struct LabStage {
    /// The name of the report in the stage's folder.
    static let report = "report.json"

    let file: String
    let folder: String
    var captures: String?
    var keeps = false
    var isVerbose = false

    /// The arguments that make a process do this.
    func arguments(isInside: Bool) -> [String] {
        var arguments = ["lab", "stage", "--folder", folder]
        if let captures { arguments += ["--pcap", captures] }
        if keeps { arguments.append("--keep") }
        if isVerbose { arguments.append("--verbose") }
        if isInside { arguments.append("--inside") }
        return arguments + ["--", file]
    }

    /// The path of this program.
    static var program: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        // At most as many bytes as the buffer has, but for the zero at its end.
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return "/proc/self/exe" }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Makes the namespaces, and lets a process within them do the rest.
    func run() throws {
        Isolation.endWithParent()
        let signals = SignalWait()
        let program = Self.program
        do {
            try Isolation.leave()
            let inside = try LabProcess(program, arguments(isInside: true), output: STDOUT_FILENO)
            while inside.poll() == nil { if signals.wait(milliseconds: 20) { inside.signal(SIGTERM) } }
            let ending = inside.waitForEnd()
            guard ending == .exited(0) else { throw LabError("the process that plays it \(ending)") }
        } catch {
            throw Failure(lines: ["vpncloud: \(error)"], status: 2)
        }
    }

    /// Plays the scenario: in the first process of its namespaces.
    func play() throws {
        Isolation.endWithParent()
        let start = monotonicNanoseconds()
        let scenario = try readScenario(ofFile: file)
        var report: ScenarioReport
        do {
            let program = Self.program
            try Isolation.settle(in: folder)
            var options = LabOptions(
                program: program, folder: folder, implementations: try Self.implementations(of: scenario, in: file),
                readStatistics: { StatisticsPicture($0) })
            options.keeps = keeps
            let captures = try captures.map { try CaptureFolder($0) }
            if let captures { options.capture = { captures.write($0) } }
            let output = LineOutput(descriptor: STDOUT_FILENO)
            if isVerbose || keeps {
                options.line = { line in
                    output.write(line)
                    output.flush()
                }
            }
            report = try LabRun(scenario, file: file, options).play()
            try captures?.close()
        } catch {
            report = ScenarioReport(scenario.name, file: file, seed: scenario.seed, duration: scenario.duration)
            report.world = .lab
            report.problem = (error as? Failure).map { $0.lines.joined(separator: "; ") } ?? "\(error)"
        }
        report.elapsed = .nanoseconds(Int64(clamping: monotonicNanoseconds() - start))
        do { try FileBytes.replace("\(folder)/\(Self.report)", with: Array(JSONReport([report]).text.utf8)) } catch {
            throw Failure.runTime("cannot write the report into '\(folder)': \(error)")
        }
    }

    /// The programs of a scenario's nodes. A path is relative to the scenario's folder.
    static func implementations(of scenario: Scenario, in file: String) throws(Failure) -> [Implementation] {
        let base = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        var read: [String: Implementation] = [:]
        var result: [Implementation] = []
        for plan in scenario.nodes {
            guard let path = plan.implementation else {
                result.append(.own)
                continue
            }
            let implementation =
                if let known = read[path] { known } else {
                    try ImplementationFile.read(path.hasPrefix("/") ? path : base + path)
                }
            read[path] = implementation
            result.append(implementation)
        }
        return result
    }
}

/// Waits for the signals that end a lab, which from now on do nothing else.
struct SignalWait {
    init() {
        var signals = Self.signals
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    private static var signals: sigset_t {
        var signals = sigset_t()
        // Only numbers of signals are put into the set.
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { unsafe sigaddset(&signals, number) }
        return signals
    }

    /// Waits so long at most. Returns whether one came.
    func wait(milliseconds: Int) -> Bool {
        var signals = Self.signals
        var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        return unsafe sigtimedwait(&signals, nil, &time) > 0
    }
}
