import CLinux
import Glibc

/// The way of a process into the background.
///
/// ``enter()`` makes a second process, which goes on in a session of its own. The first one waits until the second says
/// that it is ready, or why it is not, so that whoever started it knows when the network is there.
public enum Background: ~Copyable {
    /// This is the first process. There is nothing left to do but to tell and to exit.
    case foreground(Word)
    /// This is the second process. It has to say its word.
    case background(Readiness)

    /// What became of the second process.
    public enum Word: Hashable, Sendable {
        /// It goes on, under this process id.
        case ready(Int32)
        /// It gave up, and said why.
        case failed(String)
        /// It ended without a word.
        case ended(HookOutcome)
    }

    /// Forks. To be called while the process has one thread, since no other comes along.
    ///
    /// The second process is in the directory `/`. Locked memory does not come along either: keys are derived in the second process.
    public static func enter() throws(SystemError) -> Background {
        // Opened here, where the failure can still be told.
        let null = try Descriptor(unsafe clinux_open("/dev/null", O_RDWR, 0), orThrow: "cannot open '/dev/null'")
        var ends: [Int32] = [-1, -1]
        guard unsafe clinux_pipe(&ends) == 0 else { throw SystemError.last("cannot make a pipe") }
        let input = try Descriptor(ends[0], orThrow: "cannot make a pipe")
        let output = try Descriptor(ends[1], orThrow: "cannot make a pipe")
        fflush(nil)
        let process = clinux_fork()
        guard process >= 0 else { throw SystemError.last("cannot start the background process") }
        if process == 0 {
            _ = consume input
            setsid()
            // No file system is kept from being unmounted. There is always a root.
            _ = unsafe chdir("/")
            return .background(Readiness(pipe: output, null: null))
        }
        _ = consume output
        return .foreground(listen(input.number, to: process))
    }

    /// Reads the word of the second process up to its end: nothing, a dot for ready, or the reason of a failure.
    private static func listen(_ pipe: Int32, to process: pid_t) -> Word {
        var word: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe read(pipe, &buffer, buffer.count)
            if count > 0 { word += buffer[..<count] }
            if count == 0 || count < 0 && errno != EINTR { break }
        }
        if word == Readiness.readyWord { return .ready(process) }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard word.isEmpty else { return .failed(String(decoding: word, as: UTF8.self)) }
        let signal = clinux_end_signal(status)
        return .ended(signal >= 0 ? .signalled(signal) : .exited(clinux_exit_status(status)))
    }
}

/// The duty of the second process to say whether it is ready. Where it ends without a word, that is noticed, too.
public struct Readiness: ~Copyable {
    fileprivate static let readyWord = Array(".".utf8)
    private let pipe: Descriptor
    private let null: Descriptor

    fileprivate init(pipe: consuming Descriptor, null: consuming Descriptor) {
        self.pipe = pipe
        self.null = null
    }

    /// Says that all is set up. The first process exits, and this one lets go of the terminal: its standard input, output
    /// and error are `/dev/null` from now on.
    public consuming func ready() {
        Self.say(Self.readyWord, pipe.number)
        for standard in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { dup2(null.number, standard) }
    }

    /// Says why this process gives up, in words for the user. It should exit then.
    public consuming func failed(_ reason: String) {
        // The word for ready must mean nothing else.
        let reason = Array(reason.utf8)
        Self.say(reason == Self.readyWord || reason.isEmpty ? Array("unknown error".utf8) : reason, pipe.number)
    }

    private static func say(_ word: [UInt8], _ pipe: Int32) {
        var rest = word[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(pipe, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) }
            // The first process may be gone; then nobody listens.
            if count < 0, errno != EINTR { return }
        }
    }
}
