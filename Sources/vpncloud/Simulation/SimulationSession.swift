import Dispatch
import Glibc
import Synchronization
import VPNCaptures
import VPNNode
import VPNSimulator

/// Runs scenario files with their seeds, several at a time where nothing is printed on the way, and prints what came of them.
struct SimulationSession {
    private let jobs: [ScenarioJob]
    private let captures: String?
    private let log: LineOutput?
    private let verbosity: Int
    private let threads: Int
    private let output = LineOutput(descriptor: STDOUT_FILENO)
    private var progress = ProgressLine()
    private let total: Int
    private var finished = 0

    /// - Parameters:
    ///   - captures: the folder for captures; nil for none.
    ///   - log: where the whole event log goes; nil for nowhere.
    ///   - verbosity: how much of it is printed: 0 for nothing, 1 for events, 2 for frames too, 3 for datagrams too.
    ///   - threads: how many runs go on at a time, where there is no log and nothing of it is printed.
    init(_ jobs: [ScenarioJob], captures: String?, log: LineOutput?, verbosity: Int, threads: Int) throws {
        self.jobs = jobs
        self.captures = captures
        self.log = log
        self.verbosity = verbosity
        self.threads = log == nil && verbosity == 0 ? max(threads, 1) : 1
        total = jobs.reduce(0) { $0 + $1.seeds.count }
        // Made once, so that the folders of several runs can be made in it.
        if let captures, total > 1 { try CaptureFolder(captures).close() }
    }

    /// Runs all, and returns the reports in order.
    mutating func run() throws -> [ScenarioReport] {
        let start = monotonicNanoseconds()
        var all: [ScenarioReport] = []
        for job in jobs {
            output.write("\(job.file): \(job.scenario.name.unicodeScalars.map { $0.escaped(asASCII: false) }.joined())")
            var reports: [ScenarioReport] = []
            if threads > 1, job.seeds.count > 1 {
                reports = playAtOnce(job)
            } else {
                for seed in job.seeds { reports.append(play(job, seed)) }
            }
            reports.judgeSweep()
            progress.clear()
            if job.seeds.count == 1 { printRun(reports[0]) } else { printSweep(reports) }
            output.flush()
            all += reports
        }
        if total > 1 {
            let failed = all.count { !$0.passed }
            let elapsed = monotonicNanoseconds() - start
            output.write(
                "\(Count(jobs.count, "scenario")), \(Count(total, "run")): \(total - failed) passed, \(failed) failed, in \(tenths(elapsed)) s"
            )
        }
        log?.flush()
        output.flush()
        if let failure = output.failure { throw Failure.runTime("the standard output is not complete: \(failure)") }
        if let failure = log?.failure { throw Failure.runTime("the event log is not complete: \(failure)") }
        return all
    }

    /// Runs all seeds of a scenario on several threads. Each run is by itself; only the reports are shared.
    private mutating func playAtOnce(_ job: ScenarioJob) -> [ScenarioReport] {
        let shared = Mutex((reports: [Int: ScenarioReport](), progress: progress))
        let next = Mutex(0)
        let total = total
        let folders = job.seeds.map { captureFolder(job, $0) }
        let (before, start) = (finished, monotonicNanoseconds())
        DispatchQueue.concurrentPerform(iterations: min(threads, job.seeds.count)) { thread in
            while true {
                let index = next.withLock { value in
                    defer { value += 1 }
                    return value
                }
                guard index < job.seeds.count else { return }
                var player = ScenarioPlayer(file: job.file, scenario: job.scenario, seed: job.seeds[index])
                player.captures = folders[index]
                let report = player.play()
                shared.withLock { shared in
                    shared.reports[index] = report
                    let count = shared.reports.count
                    shared.progress.show((before + count) * 1000 / total) {
                        let events = shared.reports.values.reduce(UInt64(0)) { $0 + $1.counts.observations }
                        let virtual = job.scenario.duration * count
                        return
                            "\(job.file), \(count) of \(job.seeds.count) seeds, \(virtual.inWords), \(rate(events, since: start))"
                    }
                }
            }
        }
        finished += job.seeds.count
        return shared.withLock { shared in
            progress = shared.progress
            return job.seeds.indices.compactMap { shared.reports[$0] }
        }
    }

    private mutating func play(_ job: ScenarioJob, _ seed: UInt64) -> ScenarioReport {
        var player = ScenarioPlayer(file: job.file, scenario: job.scenario, seed: seed)
        player.captures = captureFolder(job, seed)
        let (log, output, verbosity) = (log, output, verbosity)
        if log != nil || verbosity > 0 {
            log?.write("# \(job.file), seed \(seed)")
            player.lines = { line, depth in
                log?.write(line)
                if depth.rawValue < verbosity { output.write(line) }
            }
        }
        let start = monotonicNanoseconds()
        defer { finished += 1 }
        let (finished, total, isQuiet) = (finished, total, verbosity == 0)
        return player.play { done, run in
            guard isQuiet else { return }
            progress.show((finished * 1000 + done) / total) {
                return
                    "\(job.file) seed \(seed), \(wholeSeconds(run.now)) s of \(wholeSeconds(run.end)) s, \(rate(run.counts.observations, since: start))"
            }
        }
    }

    private func printRun(_ report: ScenarioReport) {
        let rate = report.elapsed.map { elapsed in
            let factor = report.duration / max(elapsed, .nanoseconds(1))
            return
                ", in \(tenths(UInt64(clamping: elapsed.nanoseconds))) s (\(grouped(Int(factor))) times real time)"
        }
        output.write(
            "  seed \(report.seed): \(report.passed ? "ok" : "FAILED"), \(report.duration.inWords)\(rate ?? "")")
        let counts = report.counts
        output.write(
            "  \(grouped(counts.observations)) events, \(grouped(counts.datagramsSent)) datagrams sent, \(grouped(counts.datagramsLost)) lost, \(grouped(counts.framesDelivered)) of \(grouped(counts.framesSent)) frames delivered"
        )
        if verbosity > 0 || !report.passed {
            for result in report.expectations where result.passed && !result.text.hasPrefix("invariant ") {
                output.write("  \(result.isUnmet ? "not met with this seed" : "ok"): \(result.text) (\(result.seen))")
            }
        }
        if let trace = report.trace { output.write("  trace \(trace)") }
        printFailure(report)
    }

    private func printSweep(_ reports: [ScenarioReport]) {
        let failed = reports.filter { !$0.passed }
        let elapsed = reports.reduce(Duration.zero) { $0 + ($1.elapsed ?? .zero) }
        let seeds = "seeds \(reports.first?.seed ?? 0)-\(reports.last?.seed ?? 0)"
        let outcome = failed.isEmpty ? "ok" : "FAILED with \(Count(failed.count, "seed")) of \(reports.count)"
        output.write("  \(seeds): \(outcome), in \(tenths(UInt64(clamping: elapsed.nanoseconds))) s")
        // The rest fails alike, most likely; each has its place in the reports.
        guard let first = failed.first else { return }
        printFailure(first)
        if failed.count > 1 {
            output.write("    also with \(failed.dropFirst().map { "\($0.seed)" }.joined(separator: ", "))")
        }
    }

    private func printFailure(_ report: ScenarioReport) {
        guard !report.passed else { return }
        for line in report.failureText.split(separator: "\n") { output.write("    \(line)") }
    }

    /// Where the captures of a run go, which is a folder of its own where there are several; nil for nowhere.
    private func captureFolder(_ job: ScenarioJob, _ seed: UInt64) -> String? {
        guard let captures, total > 1 else { return captures }
        let base = job.file.split(separator: "/").last.map(String.init) ?? "scenario"
        let stem = base.lastIndex(of: ".").map { String(base[..<$0]) } ?? base
        // Files of one name in two folders are told apart by their place.
        let namesakes = jobs.filter { $0.file.hasSuffix("/\(base)") || $0.file == base }
        let place = namesakes.firstIndex { $0.file == job.file } ?? 0
        return "\(captures)/\(stem)\(place > 0 ? "-\(place + 1)" : "")-seed-\(seed)"
    }
}

private func wholeSeconds(_ time: Instant) -> UInt64 { time.nanoseconds / 1_000_000_000 }

/// How many events there were a second, since a time of the monotonic clock.
private func rate(_ events: UInt64, since start: UInt64) -> String {
    let tenths = events * 10_000 / max(monotonicNanoseconds() - start, 1)
    return "\(tenths / 10).\(tenths % 10) million events/s"
}
