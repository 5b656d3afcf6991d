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

    /// Does it.
    ///
    /// - Parameter finished: is told of each cell, in their order.
    func run(_ finished: (CellResult) -> Void) throws -> [CellResult] {
        let folder = try LabSession.prepare()
        defer { folder.remove() }
        let scenarios = try keptFolder.map(Self.make) ?? folder.folder("cells")
        let captures = try folder.folder("captures")
        var results: [Int: CellResult] = [:]
        var played: [(number: Int, file: String, scenario: Scenario)] = []
        for (number, cell) in cells.enumerated() {
            let plan = CellScenario(cell: cell, programs: axes.programs)
            let programs = [axes.programs[cell.connecting], axes.programs[cell.listening]]
            if let refusal = programs.lazy.compactMap({ $0.refusal(of: cell) }).first {
                results[number] = CellResult(cell, plan.name, refusal: refusal)
                continue
            }
            let file = "\(scenarios)/\(plan.fileName)"
            do { try FileBytes.write(Array(plan.text.utf8), to: file) } catch {
                throw Failure.runTime("cannot write '\(file)': \(error)")
            }
            played.append((number, file, try readScenario(ofFile: file)))
        }
        var told = 0
        func tell() {
            while let result = results[told] {
                finished(result)
                told += 1
            }
        }
        tell()
        guard !played.isEmpty else { return cells.indices.compactMap { results[$0] } }
        var session = try LabSession(
            played.map { ($0.file, $0.scenario) }, in: folder, captures: captures, keeps: false, isVerbose: false,
            threads: threads)
        var next = 0
        _ = try session.run { report in
            let (number, file, scenario) = played[next]
            next += 1
            let capture = "\(captures)/\(LabSession.stem(of: file))"
            var result = CellResult(
                cells[number], CellScenario(cell: cells[number], programs: axes.programs).name, report)
            if result.verdict == .ok {
                _ = try? runCommand("rm", ["-rf", "--", capture])
            } else {
                result.parting = try? parting(scenario, cells[number], capture)
                if let keptFolder { _ = try? runCommand("cp", ["-r", "--", capture, keptFolder]) }
            }
            results[number] = result
            tell()
        }
        return cells.indices.compactMap { results[$0] }
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
