import CLinux
import Glibc

/// A file with the process id of a running node.
///
/// Opened while the process may still do so, written by the process that goes on, and removed (or, where that is
/// not allowed, emptied) when that process lets go, or when the process that has made it does so before. As long as it is open it is locked, so that two nodes
/// cannot share one.
public struct PIDFile: ~Copyable {
    private let descriptor: Descriptor
    private let path: String
    /// The process that has to remove the file: the one that has made or written it.
    private var owner: pid_t?

    /// Opens or makes the file and locks it.
    public init(_ path: String) throws(SystemError) {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK
        var number = unsafe clinux_open(path, flags | O_EXCL, 0o644)
        let isNew = number >= 0
        if !isNew, errno == EEXIST { number = unsafe clinux_open(path, flags, 0o644) }
        let descriptor = try Descriptor(number, orThrow: "cannot open the pid file '\(path)'")
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let isTaken = code == EWOULDBLOCK
            throw SystemError(
                "cannot lock the pid file '\(path)'", code: isTaken ? 0 : code,
                advice: isTaken ? "another node runs with it; end that one, or name another file" : "")
        }
        self.path = path
        owner = isNew ? getpid() : nil
        self.descriptor = consume descriptor
    }

    /// Writes the id of this process in place of what was there.
    public mutating func write() throws(SystemError) {
        let text = Array("\(getpid())\n".utf8)
        guard ftruncate(descriptor.number, 0) == 0,
            unsafe pwrite(descriptor.number, text, text.count, 0) == text.count
        else { throw SystemError.last("cannot write the pid file '\(path)'") }
        owner = getpid()
    }

    /// Leaves the file to the process that was forked off and has written it.
    public mutating func leave() { owner = nil }

    deinit {
        // One that was there before, and is not written, stays as it was; and so does another process's.
        guard owner == getpid() else { return }
        var opened = stat()
        var named = stat()
        let isSame =
            unsafe fstat(descriptor.number, &opened) == 0 && lstat(path, &named) == 0
            && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
        if unsafe !isSame || unlink(path) != 0 { ftruncate(descriptor.number, 0) }
    }
}
