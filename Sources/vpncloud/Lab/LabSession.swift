import Glibc
import VPNLab
import VPNNode
import VPNSimulator

/// Plays scenario files in the lab, several at a time, and says what came of them.
struct LabSession {
    private struct Job {
        let file: String
        let scenario: Scenario
        let stage: LabStage
        var process: LabProcess?
        var start: UInt64 = 0
        var report: ScenarioReport?
    }

    private var jobs: [Job] = []
    private let folder: LabFolder
    private let signals = SignalWait()
    private let threads: Int
    private let isLive: Bool
    private let keeps: Bool
    private var progress = ProgressLine()
    /// Nanoseconds between the starts of two labs: what starting a small one takes of a processor.
    private static let startPause: UInt64 = 250_000_000

    /// A folder for the files of a lab, which the caller removes. A failure where this machine has not what every lab
    /// needs.
    static func prepare() throws(Failure) -> LabFolder {
        let missing = KernelFeatures.missing()
        guard missing.isEmpty else {
            throw Failure(lines: missing.map { "vpncloud: the lab cannot be built: \($0)" }, status: 2)
        }
        return try LabFolder()
    }

    /// - Parameters:
    ///   - series: tells the session from others in the same folder.
    ///   - captures: the folder for captures; nil for none.
    ///   - threads: how many scenarios are played at a time.
    init(
        _ files: [(file: String, scenario: Scenario)], in folder: LabFolder, series: Int = 1, captures: String?,
        keeps: Bool = false, isVerbose: Bool = false, threads: Int
    ) throws(Failure) {
        for item in files {
            if let lack = item.scenario.lackOfRoom() {
                throw Failure(lines: ["vpncloud: the lab cannot be built for '\(item.file)': \(lack)"], status: 2)
            }
        }
        self.folder = folder
        self.threads = threads
        self.keeps = keeps
        isLive = keeps || isVerbose
        if let captures, files.count > 1, unsafe mkdir(captures, 0o777) != 0, errno != EEXIST {
            throw .usage("cannot make the folder '\(captures)': \(FileError(code: errno))")
        }
        var stems: [String: Int] = [:]
        for (number, item) in files.enumerated() {
            // What is wrong in a file is told before anything starts.
            _ = try LabStage.implementations(of: item.scenario, in: item.file)
            let stem = Self.stem(of: item.file)
            stems[stem, default: 0] += 1
            let name = stems[stem] == 1 ? stem : "\(stem)-\(stems[stem] ?? 0)"

            var stage = LabStage(file: item.file, folder: try folder.folder("\(series)-\(number + 1)"))
            stage.captures = captures.map { files.count > 1 ? "\($0)/\(name)" : $0 }
            stage.keeps = keeps
            stage.isVerbose = isVerbose
            jobs.append(Job(file: item.file, scenario: item.scenario, stage: stage))
        }
    }

    /// What the captures and files of a scenario are called after.
    static func stem(of file: String) -> String {
        let base = file.split(separator: "/").last.map(String.init) ?? "scenario"
        return base.lastIndex(of: ".").map { String(base[..<$0]) } ?? base
    }

    /// Plays all, and returns the reports in the order of the files.
    ///
    /// - Parameter finished: is told of each report in that order, as soon as those before it are told.
    mutating func run(_ finished: (ScenarioReport) -> Void = { _ in }) throws(Failure) -> [ScenarioReport] {
        var told = 0
        while told < jobs.count {
            try startNext()
            let isEnding = signals.wait(milliseconds: 20)
            if isEnding {
                progress.clear()
                endAll()
                guard keeps, let job = jobs.first else { throw .runTime("a signal ended the lab") }
                // One that is kept is over, and waited for just that.
                let report = report(of: job)
                finished(report)
                return [report]
            }
            for index in jobs.indices where jobs[index].process?.poll() != nil && jobs[index].report == nil {
                jobs[index].report = report(of: jobs[index])
            }
            while told < jobs.count, let report = jobs[told].report {
                progress.clear()
                finished(report)
                told += 1
            }
            showProgress()
        }
        progress.clear()
        return jobs.compactMap(\.report)
    }

    /// Starts the next one where it fits. They start one after the other, since starting takes the most of the
    /// processors: what is too slow then would be taken for a fault.
    private mutating func startNext() throws(Failure) {
        let lastStart = jobs.map(\.start).max() ?? 0
        guard let index = jobs.firstIndex(where: { $0.process == nil }),
            monotonicNanoseconds() >= lastStart + Self.startPause,
            jobs.count(where: { $0.process != nil && $0.report == nil }) < threads
        else { return }
        let stage = jobs[index].stage
        do {
            if isLive {
                jobs[index].process = try LabProcess(
                    LabStage.program, stage.arguments(isInside: false), output: STDOUT_FILENO)
            } else {
                let output = try OpenFile("\(stage.folder)/output", flags: O_WRONLY | O_CREAT | O_APPEND)
                jobs[index].process = try LabProcess(
                    LabStage.program, stage.arguments(isInside: false), output: output.descriptor)
            }
        } catch {
            endAll()
            throw .runTime("\(error)")
        }
        if let process = jobs[index].process { folder.note(process.id) }
        jobs[index].start = monotonicNanoseconds()
    }

    /// Lets all that run end, and waits for that.
    private func endAll() {
        for job in jobs { job.process?.signal(SIGTERM) }
        let last = monotonicNanoseconds() + 5_000_000_000
        while monotonicNanoseconds() < last, jobs.contains(where: { $0.process.map { $0.poll() == nil } ?? false }) {
            usleep(10_000)
        }
        for job in jobs { job.process?.kill() }
    }

    private func report(of job: Job) -> ScenarioReport {
        if let bytes = try? FileBytes.read("\(job.stage.folder)/\(LabStage.report)", atMost: YAMLNode.Bounds.byteCount),
            let report = ScenarioReport(json: bytes)
        {
            return report
        }
        let output = (try? FileBytes.read("\(job.stage.folder)/output", atMost: 1 << 20)) ?? []
        let ending = job.process?.poll().map { "\($0)" } ?? "did not start"
        var report = ScenarioReport(
            job.scenario.name, file: job.file, seed: job.scenario.seed, duration: job.scenario.duration)
        report.world = .lab
        report.problem = "the lab \(ending): \(String(decoding: output.suffix(2000), as: UTF8.self))"
        return report
    }

    private mutating func showProgress() {
        let now = monotonicNanoseconds()
        var (done, whole) = (0.0, 0.0)
        for job in jobs {
            let time = job.scenario.duration / .seconds(1) * Double(job.scenario.labScale ?? 1000) / 1000
            whole += time
            let passed = Double(now - job.start) / 1_000_000_000
            done += job.report != nil ? time : job.process == nil ? 0 : min(time, passed)
        }
        progress.show(whole > 0 ? Int(done / whole * 1000) : 0) {
            let running = jobs.filter { $0.process != nil && $0.report == nil }.map(\.file)
            if running.count <= 2 { return running.joined(separator: ", ") }
            return "\(jobs.count { $0.report != nil }) of \(jobs.count) played"
        }
    }
}
