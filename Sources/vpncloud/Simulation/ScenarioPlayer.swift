import VPNCaptures
import VPNNode
import VPNSimulator

/// A scenario file with the seeds that it is run with.
struct ScenarioJob {
    let file: String
    let scenario: Scenario
    let seeds: [UInt64]
}

/// Runs a scenario with one seed, with all that is to be written on the way.
struct ScenarioPlayer {
    /// Sees the lines of the event log.
    typealias Lines = (_ text: String, ObservationText.Depth) -> Void

    let file: String
    let scenario: Scenario
    let seed: UInt64
    /// The folder for captures; nil for none.
    var captures: String?
    /// Gets every line of the event log; nil where nobody wants them.
    var lines: Lines?

    /// Runs it to the end. Whatever keeps it from that is in the report.
    ///
    /// - Parameter progress: is told now and then how far the run is, in thousandths, and what happened so far.
    func play(_ progress: (Int, ScenarioRun) -> Void = { _, _ in }) -> ScenarioReport {
        let start = monotonicNanoseconds()
        var report: ScenarioReport
        do {
            report = try run(progress)
        } catch {
            report = ScenarioReport(scenario.name, file: file, seed: seed, duration: scenario.duration)
            report.problem = "\(error)"
        }
        report.elapsed = .nanoseconds(Int64(clamping: monotonicNanoseconds() - start))
        return report
    }

    private func run(_ progress: (Int, ScenarioRun) -> Void) throws -> ScenarioReport {
        var scenario = scenario
        if TestVariables.walksDictionary {
            scenario.nodes = Array(Dictionary(scenario.nodes.map { ($0.name, $0) }) { first, _ in first }.values)
        }
        let run = try ScenarioRun(scenario, seed: seed)
        let hash = TraceHash()
        run.network.add(hash)
        let folder = try captures.map { try CaptureFolder($0) }
        if let folder { run.network.add(NetworkCapture { folder.write($0) }) }
        if let lines { run.network.add(LineObserver(ObservationText(of: run), lines)) }
        // Slices of equal length, short enough that a terminal sees them go by.
        let slices = 1000
        for slice in 1...slices {
            try run.advance(to: .zero + scenario.duration * slice / slices)
            progress(slice, run)
        }
        var report = try run.finish(file: file)
        report.trace = hash.text
        try folder?.close()
        return report
    }
}

/// Makes lines of observations.
private final class LineObserver: NetworkObserver {
    private let text: ObservationText
    private let lines: ScenarioPlayer.Lines

    init(_ text: ObservationText, _ lines: @escaping ScenarioPlayer.Lines) {
        self.text = text
        self.lines = lines
    }

    func observe(_ observation: Observation, at now: Instant) {
        let (line, depth) = text.line(observation, at: now)
        lines(line, depth)
    }
}
