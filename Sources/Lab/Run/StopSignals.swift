// The file that takes the signals that end a lab.
import CLinux
import Glibc

/// The signals that end a lab, as a descriptor that becomes readable.
final class StopSignals {
    let descriptor: Int32

    init() throws(LabError) {
        var signals = sigset_t()
        // Only numbers of signals are put into the set.
        unsafe sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        descriptor = unsafe signalfd(-1, &signals, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard descriptor >= 0 else { throw LabError("cannot take signals", code: errno) }
    }

    deinit { close(descriptor) }

    /// Whether one came.
    var hasCome: Bool {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe Glibc.poll(&item, 1, 0) > 0
    }
}

/// Waits until one of some descriptors is readable, at most so many milliseconds.
func waitForInput(_ descriptors: [Int32], milliseconds: Int32) {
    var items = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // As many items as the array has.
    _ = unsafe Glibc.poll(&items, nfds_t(items.count), milliseconds)
}
