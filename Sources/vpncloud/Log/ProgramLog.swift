import Glibc
import Logging
import Synchronization
import VPNLinuxIO

/// The log of the program: folds what repeats, and writes it to the standard error stream and to a file.
///
/// Messages come from any thread. A message costs a line at most, and no error of the outputs gets out.
final class ProgramLog: Sendable {
    private struct State {
        var folding = LineFolding()
        var terminal: LogOutput?
        var file: LogOutput?
        /// Whether a thread waits to print what is folded.
        var hasThread = false
    }

    private let state: Mutex<State>

    /// A log that writes to the standard error stream only.
    ///
    /// - Parameter terminal: where lines go; nil for nowhere.
    init(terminal: Int32? = STDERR_FILENO) {
        state = Mutex(State(terminal: terminal.map(LogOutput.init(descriptor:))))
    }

    /// A logger of swift-log whose messages come here.
    func logger(level: Logger.Level) -> Logger {
        Logger(label: "vpncloud") { _ in FoldingLogHandler(log: self, logLevel: level) }
    }

    /// Writes to a file from now on, too.
    func open(file path: String) throws(FileError) {
        let file = try LogOutput(file: path)
        state.withLock { $0.file = file }
    }

    /// Takes a message.
    func take(_ message: LogMessage) {
        let now = monotonicNanoseconds()
        state.withLock { state in
            Self.write(state.folding.take(message, at: now), &state)
            guard state.folding.nextDue != nil, !state.hasThread else { return }
            state.hasThread = startPrinting()
        }
    }

    /// Writes a line to the file only: the user is told in another way.
    func noteInFile(_ line: LogLine) {
        state.withLock { state in _ = state.file?.write("\(WallClock.now()) \(line.level.label) \(line.text)") }
    }

    /// Prints what is still folded. Meant for the end of the program.
    func finish() {
        let now = monotonicNanoseconds()
        state.withLock { state in Self.write(state.folding.finish(at: now), &state) }
    }

    private static func write(_ lines: [LogLine], _ state: inout State) {
        guard !lines.isEmpty else { return }
        let time = WallClock.now()
        for line in lines {
            let text = "\(time) \(line.level.label) \(line.text.withoutControlCharacters)"
            _ = state.terminal?.write(text)
            if let error = state.file?.write(text) {
                _ = state.terminal?.write(
                    "\(time) \(Logger.Level.warning.label) cannot write to the log file: \(error)")
            }
        }
    }

    /// Prints what is due, and returns when to come back; nil where nothing waits, and then the thread is to end.
    private func printDue() -> UInt64? {
        let now = monotonicNanoseconds()
        return state.withLock { state in
            Self.write(state.folding.flush(at: now), &state)
            let due = state.folding.nextDue
            state.hasThread = due != nil
            return due.map { $0 > now ? $0 - now : 0 }
        }
    }

    /// Starts the thread that prints what is folded once it is due, and ends when nothing is. Returns whether
    /// there is one now; without it, folded messages are printed together with the next message.
    private func startPrinting() -> Bool {
        startThread { [self] in
            var wait: UInt64? = 100_000_000
            while let nanoseconds = wait {
                // A tenth of a second at least, so that no rounding makes this loop spin.
                let pause = max(nanoseconds, 100_000_000)
                var time = timespec(tv_sec: Int(pause / 1_000_000_000), tv_nsec: Int(pause % 1_000_000_000))
                unsafe nanosleep(&time, nil)
                wait = printDue()
            }
        }
    }
}

/// The handler that swift-log calls. How a message is folded stands in its metadata, under ``foldKey``.
struct FoldingLogHandler: LogHandler {
    /// The metadata keys of a message's ``LineClass`` and of its kind.
    static let classKey = "class"
    static let kindKey = "kind"

    let log: ProgramLog
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(log: ProgramLog, logLevel: Logger.Level) {
        self.log = log
        self.logLevel = logLevel
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let text = event.message.description
        let lineClass = event.metadata?[Self.classKey].flatMap { LineClass(rawValue: $0.description) } ?? .free
        let kind = event.metadata?[Self.kindKey]?.description ?? text
        log.take(LogMessage(level: event.level, text: text, lineClass: lineClass, kind: kind))
    }
}

extension Logger.Level {
    /// The word in a line, five characters wide.
    var label: String {
        switch self {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info, .notice: "INFO "
        case .warning: "WARN "
        case .error, .critical: "ERROR"
        }
    }
}

extension String {
    /// The text as one line whatever is in it: names and messages of other programs come from outside.
    var withoutControlCharacters: String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return self }
        return unicodeScalars.map { $0.escaped(asASCII: false) }.joined()
    }
}
