import CLinux
import Glibc

/// The signals that end a node, as something to wait for rather than something that interrupts.
///
/// SIGINT, SIGTERM and SIGQUIT, and SIGHUP unless it was ignored from the start (`nohup`). SIGPIPE is ignored.
struct TerminationSignals: ~Copyable {
    let descriptor: Descriptor
    private let previous: sigset_t

    /// Blocks the signals in this thread and in those that it starts from now on.
    ///
    /// - Parameter wanted: false for none at all; then none ever comes, and this does nothing.
    init(wanted isWanted: Bool) throws(SystemError) {
        var previous = sigset_t()
        unsafe pthread_sigmask(SIG_BLOCK, nil, &previous)
        guard isWanted else {
            self.previous = previous
            descriptor = .none
            return
        }
        var wanted = Self.wanted()
        unsafe pthread_sigmask(SIG_BLOCK, &wanted, &previous)
        _ = clinux_ignore(SIGPIPE)
        let descriptor = try Descriptor(
            unsafe signalfd(-1, &wanted, Int32(SFD_CLOEXEC | SFD_NONBLOCK)), orThrow: "cannot wait for signals")
        self.previous = previous
        self.descriptor = consume descriptor
    }

    deinit {
        guard descriptor.number >= 0 else { return }
        var mask = previous
        unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
    }

    private static func wanted() -> sigset_t {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGQUIT] { unsafe sigaddset(&signals, signal) }
        if clinux_is_ignored(SIGHUP) != 1 { unsafe sigaddset(&signals, SIGHUP) }
        return signals
    }

    /// Takes a signal that came; nil where none did.
    func take() -> Int32? {
        var information = signalfd_siginfo()
        let byteCount = MemoryLayout<signalfd_siginfo>.size
        let count = unsafe read(descriptor.number, &information, byteCount)
        return count == byteCount ? Int32(information.ssi_signo) : nil
    }
}
