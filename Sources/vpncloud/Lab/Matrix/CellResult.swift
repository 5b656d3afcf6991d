import VPNSimulator

/// What became of a cell.
struct CellResult {
    /// What is to be said of it in one word.
    enum Verdict: Equatable {
        /// All steps were gone.
        case ok
        /// This is the first step that was not.
        case failed(MatrixStep)
        /// A program cannot have these settings, or is not there.
        case notJudged
    }

    let cell: MatrixCell
    /// What the cell is about, for people.
    let name: String
    let report: ScenarioReport
    /// The first packet in which a failed cell parts from the simulator; nil where there is none.
    var parting: Parting?

    /// Whether it was played once more, since it had failed before.
    var isSecondTry = false

    /// A cell that was played.
    init(_ cell: MatrixCell, _ name: String, _ report: ScenarioReport) {
        self.cell = cell
        self.name = name
        self.report = report
    }

    /// A cell that cannot be played.
    init(_ cell: MatrixCell, _ name: String, refusal: String) {
        self.cell = cell
        self.name = name
        var report = ScenarioReport(name, seed: 1, duration: .zero)
        report.world = .lab
        report.expectations = [
            ExpectationResult(notJudged: "the programs get along", expected: "that they do", reason: refusal)
        ]
        self.report = report
    }

    var verdict: Verdict {
        if let first = MatrixStep.allCases.first(where: { outcome(of: $0) == false }) { return .failed(first) }
        // A run that was cut short has failed in what it did not come to, and else at its end.
        if report.problem != nil { return .failed(.closes) }
        return report.expectations.contains(where: \.isJudged) ? .ok : .notJudged
    }

    /// Whether a step was gone; nil where that was not judged.
    func outcome(of step: MatrixStep) -> Bool? {
        let results = report.expectations.enumerated().filter { index, result in
            result.isJudged && CellScenario.step(ofExpectation: index) == step
        }
        return results.isEmpty ? nil : results.allSatisfy(\.element.passed)
    }

    /// Why it failed, or was not judged, in a few lines; empty where all is well. Of a cell that failed, only the first step
    /// tells something: what comes later follows from it.
    var reasons: [String] {
        switch verdict {
        case .ok: []
        case .notJudged: report.notJudged.first.map { [String($0.seen.dropFirst("not judged: ".count))] } ?? []
        case .failed(let step):
            (report.problem.map { $0.split(separator: "\n").map(String.init) } ?? [])
                + report.expectations.enumerated().filter { index, result in
                    result.isJudged && !result.passed && CellScenario.step(ofExpectation: index) == step
                }.map { "\($0.element.text): \($0.element.seen)" }
        }
    }
}

extension CellResult.Verdict {
    /// The word in tables.
    var word: String {
        switch self {
        case .ok: "ok"
        case .notJudged: "-"
        case .failed(.connects): "CONNECT"
        case .failed(.passes): "DATA"
        case .failed(.restarts): "RESTART"
        case .failed(.closes): "CLOSE"
        case .failed(.rules): "RULES"
        }
    }

    /// The word for machines.
    var name: String {
        switch self {
        case .ok: "ok"
        case .notJudged: "not_judged"
        case .failed: "failed"
        }
    }
}
