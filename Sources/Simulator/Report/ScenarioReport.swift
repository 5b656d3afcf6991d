/// What became of one expectation.
public struct ExpectationResult: Hashable, Sendable {
    /// The words of the scenario file.
    public var text: String
    /// Whether it held.
    public var passed: Bool
    /// What had to be.
    public var expected: String
    /// What was.
    public var seen: String
    /// When that was seen, in virtual time; nil where it belongs to no instant.
    public var time: Duration?
    /// The last events that have to do with it, oldest first, one line each.
    public var events: [String]
    /// Whether it has to hold in one run of a sweep at least, and did not in this one, which alone is no failure.
    public var isUnmet = false
    /// Whether it was judged at all. What the world could not show counts neither as passed nor as failed.
    public var isJudged = true

    /// A result from its parts.
    public init(
        _ text: String, passed: Bool, expected: String, seen: String, at time: Duration? = nil, events: [String] = []
    ) {
        self.text = text
        self.passed = passed
        self.expected = expected
        self.seen = seen
        self.time = time
        self.events = events
    }

    /// The result of what was not judged.
    public init(notJudged text: String, expected: String, reason: String) {
        self.init(text, passed: false, expected: expected, seen: "not judged: \(reason)")
        isJudged = false
    }
}

/// Where a scenario was played.
public enum RunWorld: String, Hashable, Sendable, CaseIterable {
    /// In the emulated network, in virtual time.
    case simulator
    /// On the kernel of this machine, in real time.
    case lab
}

/// What became of one scenario with one seed.
public struct ScenarioReport: Hashable, Sendable {
    /// The name of the scenario.
    public var scenario: String
    /// Its file; nil for one that is in none.
    public var file: String?
    /// What everything random in it depended on.
    public var seed: UInt64
    /// How long it ran, in virtual time.
    public var duration: Duration
    /// How long that took in the world, where the caller has measured it.
    public var elapsed: Duration?
    /// What happened, in numbers.
    public var counts = RunCounts()
    /// The ``TraceHash/text`` of the run.
    public var trace: String?
    /// What became of its expectations, in the order of the file.
    public var expectations: [ExpectationResult]
    /// What kept the scenario from running to its end, such as a bad file or a full disk; nil where it did.
    public var problem: String?
    /// The world that it ran in.
    public var world = RunWorld.simulator
    /// What that world could not show, or showed otherwise than the scenario says.
    public var notes: [String] = []
    /// Who met when, and what came over, where it was asked for.
    public var summary: RunSummary?

    /// A report from its parts.
    public init(
        _ scenario: String, file: String? = nil, seed: UInt64, duration: Duration,
        expectations: [ExpectationResult] = [], trace: String? = nil, elapsed: Duration? = nil, problem: String? = nil
    ) {
        self.scenario = scenario
        self.file = file
        self.seed = seed
        self.duration = duration
        self.expectations = expectations
        self.trace = trace
        self.elapsed = elapsed
        self.problem = problem
    }

    /// The expectations that did not hold.
    public var failures: [ExpectationResult] { expectations.filter { $0.isJudged && !$0.passed } }

    /// The expectations of which nothing can be said.
    public var notJudged: [ExpectationResult] { expectations.filter { !$0.isJudged } }

    /// Whether it ran to its end and every expectation held, apart from those that were not judged.
    public var passed: Bool { problem == nil && failures.isEmpty }

    /// The command that runs it again just so, for a POSIX shell; nil without a file.
    public var reproduceCommand: String? {
        file.map { file in
            let name = shellQuoted(file.hasPrefix("-") ? "./\(file)" : file)
            return world == .lab ? "vpncloud lab run \(name)" : "vpncloud sim run \(name) --seed \(seed)"
        }
    }

    /// What failed, for people: each expectation with what was expected, what was seen, when, and the last events, and
    /// at the end the command that reproduces it. Empty where nothing failed.
    public var failureText: String {
        guard !passed else { return "" }
        var lines: [String] = []
        if let problem { lines.append("The scenario did not run to its end: \(problem)") }
        for failure in failures {
            lines.append("FAILED: \(failure.text)")
            lines.append("  expected: \(failure.expected)")
            lines.append("  seen:     \(failure.seen)")
            if let time = failure.time { lines.append("  at:       \(seconds(time)) s") }
            if !failure.events.isEmpty { lines.append("  the last events:") }
            lines += failure.events.map { "    \($0)" }
        }
        if let reproduceCommand { lines.append("To reproduce: \(reproduceCommand)") }
        return lines.joined(separator: "\n")
    }
}

extension [ScenarioReport] {
    /// Judges what has to hold in one run at least of all these, which are of one scenario: where none met it, it failed, and
    /// the last run says so.
    public mutating func judgeSweep() {
        guard let last = indices.last, allSatisfy({ $0.problem == nil }) else { return }
        for index in self[last].expectations.indices
        where allSatisfy({ $0.expectations.indices.contains(index) && $0.expectations[index].isUnmet }) {
            self[last].expectations[index].passed = false
            if count > 1 {
                let seeds = "in none of \(count) runs"
                self[last].expectations[index].seen = "\(seeds); in this one: \(self[last].expectations[index].seen)"
            }
        }
    }
}

/// A word that a POSIX shell reads as this text.
func shellQuoted(_ text: String) -> String {
    let isPlain =
        !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "_"),
                UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "@"):
                true
            default: false
            }
        }
    guard !isPlain else { return text }
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
}

/// The seconds of a duration as a decimal number, as exact as nanoseconds: `300`, `0.02`, `-1.5`.
func seconds(_ duration: Duration) -> String {
    let (whole, attoseconds) = duration.components
    let nanoseconds = attoseconds / 1_000_000_000
    let sign = whole < 0 || nanoseconds < 0 ? "-" : ""
    guard nanoseconds != 0 else { return "\(sign)\(whole.magnitude)" }
    let digits = String(nanoseconds.magnitude)
    var fraction = String(repeating: "0", count: 9 - digits.count) + digits
    while fraction.hasSuffix("0") { fraction.removeLast() }
    return "\(sign)\(whole.magnitude).\(fraction)"
}
