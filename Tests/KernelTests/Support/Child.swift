import Foundation
import Glibc

/// How a process ended.
enum ProcessEnding: Equatable {
    case exited(Int32)
    case signalled(Int32)
}

/// A process that a test started. It is signalled by its id, and only until it has been waited for.
final class Child {
    let pid: pid_t
    let arguments: [String]
    /// The file that gets standard output and standard error.
    let outputPath: String
    private(set) var ending: ProcessEnding?

    /// Starts `arguments`, found through PATH, with this process's environment and `environment` added.
    init(_ arguments: [String], environment: [String: String] = [:], outputPath: String) throws {
        self.arguments = arguments
        self.outputPath = outputPath
        let variables = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        pid = try Self.spawn(arguments, variables.map { "\($0.key)=\($0.value)" }, outputPath: outputPath)
    }

    /// What it has written so far.
    var output: String { contents(of: outputPath) ?? "" }

    /// Whether it ended, and how; does not wait.
    func poll() -> ProcessEnding? {
        if let ending { return ending }
        var status: Int32 = 0
        // The status is a local that outlives the call.
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        let signal = status & 0x7f
        ending = signal == 0 ? .exited(status >> 8 & 0xff) : .signalled(signal)
        return ending
    }

    /// Sends a signal, unless it has ended.
    func signal(_ number: Int32) {
        if poll() == nil { kill(pid, number) }
    }

    /// Waits for its end.
    @discardableResult
    func wait(within timeout: Duration = .seconds(20)) async throws -> ProcessEnding {
        try await waitUntil("\(arguments.joined(separator: " ")) ends", within: timeout, every: .milliseconds(2)) {
            self.poll() != nil
        }
        return try require(ending, "an ending")
    }

    /// Ends it at once and waits for that, blocking.
    func end() {
        guard poll() == nil else { return }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        // As above; a killed process ends without delay.
        if unsafe waitpid(pid, &status, 0) == pid { ending = .signalled(SIGKILL) }
    }

    private static func spawn(_ arguments: [String], _ environment: [String], outputPath: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        var noSignals = sigset_t()
        var allSignals = sigset_t()
        var pid: pid_t = 0
        // All pointers are to locals, and to strings that the closures below keep alive for the call.
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // The test runner may block or ignore signals; the program must meet them as from a shell.
        unsafe sigemptyset(&noSignals)
        unsafe sigfillset(&allSignals)
        unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &allSignals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let error = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(environment) { envp in
                unsafe posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, envp)
            }
        }
        guard error == 0 else { throw LabError("cannot start \(arguments[0]): \(errorText(error))") }
        return pid
    }
}

/// Gives `body` the strings as a C array with a null at its end.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe strings.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    // The copies live until they are freed here, after the call.
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the array holds at least the null") }
        return unsafe body(base)
    }
}

/// The system's words for an error number.
func errorText(_ number: Int32) -> String {
    // strerror's text is copied at once.
    unsafe String(cString: strerror(number))
}

/// The text of a file, or nil where it cannot be read.
func contents(of path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
}

/// Removes a file, if it is there.
func removeFile(_ path: String) {
    try? FileManager.default.removeItem(atPath: path)
}
