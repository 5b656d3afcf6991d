import CLinux
import Glibc

/// How a command ended.
public enum HookOutcome: Hashable, Sendable {
    /// By itself, with a status; 0 is success.
    case exited(Int32)
    /// By a signal.
    case signalled(Int32)
    /// It could not be started.
    case failed(SystemError)
}

extension HookOutcome: CustomStringConvertible {
    /// `exited with status 1`, `was ended by signal 9 (Killed)`, or why it was not started.
    public var description: String {
        switch self {
        case .exited(let status): "exited with status \(status)"
        case .signalled(let signal):
            // The text is a constant of the C library, or its buffer, and copied here.
            unsafe "was ended by signal \(signal) (\(strsignal(signal).map { unsafe String(cString: $0) } ?? "unknown"))"
        case .failed(let error): "could not be started: \(error)"
        }
    }
}

/// The commands of `--ifup` and `--ifdown`.
public enum HookCommand {
    /// Runs a command with the rights of this process, as parameter to `sh -c` and with the name of the device in the
    /// environment as `IFNAME`, and waits for its end.
    ///
    /// It gets the standard input, output and error of this process, no other descriptor, and the signals as they
    /// are for any new program, whatever this process does with its own.
    public static func run(_ command: String, interface: String) -> HookOutcome {
        var environment = inheritedEnvironment().filter { !$0.hasPrefix("IFNAME=") }
        environment.append("IFNAME=\(interface)")
        var process: pid_t = 0
        let status = unsafe withCStrings(["sh", "-c", command]) { arguments in
            unsafe withCStrings(environment) { variables in
                unsafe withCleanSignals { attributes in
                    unsafe posix_spawn(&process, "/bin/sh", nil, attributes, arguments, variables)
                }
            }
        }
        guard status == 0 else { return .failed(SystemError("cannot run '/bin/sh'", code: status)) }
        var end: Int32 = 0
        while unsafe waitpid(process, &end, 0) < 0 {
            guard errno == EINTR else { return .failed(SystemError.last("cannot wait for '\(command)'")) }
        }
        let signal = clinux_end_signal(end)
        return signal >= 0 ? .signalled(signal) : .exited(clinux_exit_status(end))
    }

    private static func inheritedEnvironment() -> [String] {
        var variables: [String] = []
        // The environment is a list of C strings with a nil at its end; nothing here changes it meanwhile.
        guard var next = unsafe clinux_environment() else { return [] }
        while let variable = unsafe next.pointee {
            unsafe variables.append(String(cString: variable))
            unsafe next += 1
        }
        return variables
    }

    /// Lends a list of C strings with a nil at its end.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = unsafe strings.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe body(pointers)
    }

    /// Lends attributes of a process that blocks and ignores no signal.
    private static func withCleanSignals(_ body: (UnsafePointer<posix_spawnattr_t>) -> Int32) -> Int32 {
        var attributes = posix_spawnattr_t()
        var status = unsafe posix_spawnattr_init(&attributes)
        guard status == 0 else { return status }
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        unsafe sigemptyset(&none)
        unsafe sigfillset(&all)
        status = unsafe posix_spawnattr_setsigmask(&attributes, &none)
        if status == 0 { status = unsafe posix_spawnattr_setsigdefault(&attributes, &all) }
        if status == 0 {
            status = unsafe posix_spawnattr_setflags(
                &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        }
        return status == 0 ? unsafe body(&attributes) : status
    }
}
