import CLinux
import Glibc

/// A file with the process id of a running node.
///
/// Opened while the process may still do so, written by the process that goes on, and removed (or, where that is
/// not allowed, emptied) when that process lets go. As long as it is open it is locked, so that two nodes
/// cannot share one.
public struct PIDFile: ~Copyable {
    private let descriptor: Descriptor
    private let path: String
    private var writer: pid_t?

    /// Opens or makes the file and locks it.
    public init(_ path: String) throws(SystemError) {
        let number = unsafe clinux_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644)
        let descriptor = try Descriptor(number, orThrow: "cannot open the pid file '\(path)'")
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            throw SystemError(
                "cannot lock the pid file '\(path)'", code: code,
                advice: code == EWOULDBLOCK ? "another node runs with it; end that one, or name another file" : "")
        }
        self.path = path
        self.descriptor = consume descriptor
    }

    /// Writes the id of this process in place of what was there.
    public mutating func write() throws(SystemError) {
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor.number, 0) == 0,
            unsafe pwrite(descriptor.number, text, text.count, 0) == text.count
        else { throw SystemError.last("cannot write the pid file '\(path)'") }
        writer = getpid()
    }

    deinit {
        // A process that was forked off, or that has forked, leaves the file to the one that has written it.
        guard writer == getpid() else { return }
        var opened = stat()
        var named = stat()
        let isSame =
            unsafe fstat(descriptor.number, &opened) == 0 && lstat(path, &named) == 0
            && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
        if unsafe !isSame || unlink(path) != 0 { ftruncate(descriptor.number, 0) }
    }
}
