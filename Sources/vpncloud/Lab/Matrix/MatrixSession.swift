import Glibc
import VPNLab
import VPNSimulator

/// Plays the cells of a matrix in the lab, and finds out where those that fail part from the simulator.
struct MatrixSession {
    let axes: MatrixAxes
    let cells: [MatrixCell]
    /// The folder that keeps the scenario of each cell and the captures of those that fail; nil for none.
    let keptFolder: String?
    /// How many cells are played at a time.
    let threads: Int

    /// A cell that can be played.
    private struct Play {
        let number: Int
        let file: String
        let scenario: Scenario
    }

    /// Does it. Cells that fail are played once more when all others are through, one for each processor at a time: a machine
    /// that has too much to do is slow, which looks like a fault. Who passes then has passed, and is told of.
    ///
    /// - Parameter finished: is told of each cell once it is judged.
    func run(_ finished: (CellResult) -> Void) throws -> [CellResult] {
        let folder = try LabSession.prepare()
        defer { folder.remove() }
        let scenarios = try keptFolder.map(Self.make) ?? folder.folder("cells")
        var results: [Int: CellResult] = [:]
        var plays: [Play] = []
        for (number, cell) in cells.enumerated() {
            let plan = CellScenario(cell: cell, programs: axes.programs)
            let scenario = try ScenarioFile.read(Array(plan.text.utf8), name: plan.fileName)
            // The node that listens comes first.
            let programs = [axes.programs[cell.listening], axes.programs[cell.connecting]].map(\.implementation)
            if let refusal = try scenario.refusal(by: programs) {
                let result = CellResult(cell, plan.name, refusal: refusal)
                results[number] = result
                finished(result)
                continue
            }
            let file = "\(scenarios)/\(plan.fileName)"
            do { try FileBytes.write(Array(plan.text.utf8), to: file) } catch {
                throw Failure.runTime("cannot write '\(file)': \(error)")
            }
            plays.append(Play(number: number, file: file, scenario: scenario))
        }
        var again: [Play] = []
        try play(plays, in: folder, series: 1, threads: threads) { play, result, _ in
            if result.verdict != .ok {
                again.append(play)
            } else {
                results[play.number] = result
                finished(result)
            }
        }
        try play(again, in: folder, series: 2, threads: min(threads, processorCount)) { play, result, captures in
            var result = result
            result.isSecondTry = true
            if result.verdict != .ok {
                result.parting = try? parting(play.scenario, cells[play.number], captures)
                if let keptFolder {
                    let kept = "\(keptFolder)/\(LabSession.stem(of: play.file))"
                    _ = try? runCommand("rm", ["-rf", "--", kept])
                    _ = try? runCommand("cp", ["-r", "--", captures, kept])
                }
            }
            results[play.number] = result
            finished(result)
        }
        return cells.indices.compactMap { results[$0] }
    }

    /// Plays cells, and tells of each with the folder of its captures, which is gone afterwards.
    private func play(
        _ plays: [Play], in folder: LabFolder, series: Int, threads: Int,
        _ finished: (Play, CellResult, String) -> Void
    ) throws {
        guard !plays.isEmpty else { return }
        let captures = try folder.folder("captures-\(series)")
        var session = try LabSession(
            plays.map { ($0.file, $0.scenario) }, in: folder, series: series, captures: captures, threads: threads)
        var next = 0
        _ = try session.run { report in
            let play = plays[next]
            next += 1
            // Of a single file, the captures are in the folder itself.
            let own = plays.count > 1 ? "\(captures)/\(LabSession.stem(of: play.file))" : captures
            finished(play, CellResult(cells[play.number], play.scenario.name, report), own)
            _ = try? runCommand("rm", ["-rf", "--", own])
        }
    }

    private func parting(_ scenario: Scenario, _ cell: MatrixCell, _ capture: String) throws -> Parting? {
        let model = try Conversation.simulated(scenario, cell)
        let seen = try Conversation.captured(
            "\(capture)/\(CellScenario.listening).outer.pcap", like: model, cell)
        return Parting(of: seen, from: model)
    }

    private static func make(_ folder: String) throws(Failure) -> String {
        if unsafe mkdir(folder, 0o777) != 0, errno != EEXIST {
            throw .runTime("cannot make the folder '\(folder)': \(FileError(code: errno))")
        }
        return folder
    }
}
