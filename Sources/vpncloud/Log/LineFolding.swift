import Logging

/// How a message counts against the bounds of the log.
enum LineClass: String, Sendable, CaseIterable {
    /// Said by the program itself, or asked for by `--verbose`: always printed.
    case free
    /// About a peer: bounded so that a mesh of some hundred nodes still shows each of them as it forms.
    case peers
    /// Anything that the network can cause as often as it likes: at most ten lines in any second.
    case network
}

/// One message on its way to the log.
struct LogMessage: Sendable {
    let level: Logger.Level
    let text: String
    let lineClass: LineClass
    /// Messages of one kind, where the network can cause them, are told once and then counted.
    let kind: String
}

/// A line to be printed.
struct LogLine: Hashable, Sendable {
    let level: Logger.Level
    let text: String
}

/// Folds messages that repeat, and keeps within a number of lines.
///
/// The first message of a kind is printed at once. Those that follow are counted, and told as one line after
/// a second, then after 2, 4, 8 ... up to 64 s, as long as they keep coming. Time is given, so that tests need none.
struct LineFolding: Sendable {
    /// The most kinds that are counted apart; those beyond are counted together.
    static let maximumKinds = 64
    private static let firstInterval: UInt64 = 1_000_000_000
    private static let lastInterval: UInt64 = 64_000_000_000

    /// The messages of one kind since the last line about them.
    private struct Fold {
        let kind: String
        var last: LogLine
        var count = 0
        var since: UInt64
        var interval = LineFolding.firstInterval
        var due: UInt64 { since + interval }
    }

    private var folds: [Fold] = []
    private var peerBudget = LineBudget(lines: 300, nanoseconds: 30_000_000_000)
    private var networkBudget = LineBudget(lines: 10, nanoseconds: 1_000_000_000)
    /// Messages for which no line was left.
    private var leftOut = 0

    init() {}

    /// Takes a message, and returns what to print now.
    ///
    /// - Parameter now: nanoseconds of a clock that never goes back.
    mutating func take(_ message: LogMessage, at now: UInt64) -> [LogLine] {
        let line = LogLine(level: message.level, text: message.text)
        guard message.lineClass != .free else { return [line] }
        var lines = flush(at: now)
        if message.lineClass == .peers {
            if peerBudget.spend(at: now) { lines.append(line) } else { leftOut += 1 }
        } else if let index = folds.firstIndex(where: { $0.kind == message.kind }) {
            folds[index].count += 1
            folds[index].last = line
        } else if folds.count < Self.maximumKinds, networkBudget.spend(at: now) {
            folds.append(Fold(kind: message.kind, last: line, since: now))
            lines.append(line)
        } else {
            leftOut += 1
        }
        return lines
    }

    /// What is due to be printed.
    mutating func flush(at now: UInt64) -> [LogLine] {
        var lines: [LogLine] = []
        for index in folds.indices where folds[index].due <= now && folds[index].count > 0 {
            guard networkBudget.spend(at: now) else { break }
            lines.append(Self.summary(folds[index], at: now))
            folds[index].count = 0
            folds[index].since = now
            folds[index].interval = min(2 * folds[index].interval, Self.lastInterval)
        }
        folds.removeAll { $0.due <= now && $0.count == 0 }
        if leftOut > 0, networkBudget.spend(at: now) {
            lines.append(leftOutLine)
            leftOut = 0
        }
        return lines
    }

    /// When ``flush(at:)`` is to be called next; nil where nothing waits.
    var nextDue: UInt64? {
        let due = leftOut > 0 ? 0 : folds.lazy.filter { $0.count > 0 }.map(\.due).min()
        return due.map { max($0, networkBudget.free) }
    }

    /// What waits, whether it is due or not, for the end of the program: as much of it as there are lines for.
    mutating func finish(at now: UInt64) -> [LogLine] {
        var lines: [LogLine] = []
        for fold in folds where fold.count > 0 {
            if networkBudget.spend(at: now) { lines.append(Self.summary(fold, at: now)) } else { leftOut += fold.count }
        }
        if leftOut > 0 { lines.append(leftOutLine) }
        (folds, leftOut) = ([], 0)
        return lines
    }

    private var leftOutLine: LogLine {
        LogLine(level: .warning, text: "\(Count(leftOut, "more message")) came too fast to be told")
    }

    private static func summary(_ fold: Fold, at now: UInt64) -> LogLine {
        guard fold.count > 1 else { return fold.last }
        let seconds = max(1, (now - fold.since + 500_000_000) / 1_000_000_000)
        return LogLine(
            level: fold.last.level, text: "\(fold.last.text) (the last of \(fold.count) like it in \(seconds) s)")
    }
}

/// A number of lines in any span of time of one length.
struct LineBudget: Sendable {
    private let nanoseconds: UInt64
    /// When each of the last lines was printed; the oldest is at `next`.
    private var times: [UInt64?]
    private var next = 0

    init(lines: Int, nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
        times = Array(repeating: nil, count: lines)
    }

    /// The earliest time at which a line can be printed.
    var free: UInt64 { times[next].map { $0 + nanoseconds } ?? 0 }

    /// Whether a line can be printed now; if so, it counts as printed.
    mutating func spend(at now: UInt64) -> Bool {
        guard free <= now else { return false }
        times[next] = now
        next = (next + 1) % times.count
        return true
    }
}
