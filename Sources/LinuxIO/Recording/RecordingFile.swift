import CLinux
import Glibc

/// The file that a recording is written to. Nobody but its owner can read it, and no other node can write to it meanwhile.
package final class RecordingFile: Sendable {
    /// Where it is.
    package let path: String
    private let descriptor: Descriptor

    /// Opens or makes a file. What it held stays until ``empty()``.
    package init(_ path: String) throws(SystemError) {
        let operation = "cannot record to '\(path)'"
        // Whoever opens a pipe would wait for its other end.
        let flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK
        let descriptor = try Descriptor(unsafe clinux_open(path, flags, 0o600), orThrow: operation)
        var status = stat()
        guard unsafe fstat(descriptor.number, &status) == 0 else { throw SystemError.last(operation) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError(operation, code: 0, advice: "it is no ordinary file")
        }
        // A file system without locks is used without.
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK else {
            throw SystemError(operation, code: 0, advice: "another node does; name another file")
        }
        guard fchmod(descriptor.number, 0o600) == 0 else { throw SystemError.last(operation) }
        self.path = path
        self.descriptor = consume descriptor
    }

    /// Removes what it held.
    func empty() throws(SystemError) { try cut(to: 0) }

    /// Finds out whether the file is still there and has all that was written to it: whoever removes it, or cuts it, leaves a
    /// recording that nobody can replay.
    func check(has byteCount: Int) throws(SystemError) {
        let operation = "cannot write to '\(path)'"
        var status = stat()
        guard unsafe fstat(descriptor.number, &status) == 0 else { throw SystemError.last(operation) }
        guard status.st_nlink > 0 else { throw SystemError(operation, code: 0, advice: "the file was removed") }
        guard status.st_size >= byteCount else {
            throw SystemError(operation, code: 0, advice: "another program has cut the file")
        }
    }

    /// Has room kept on the disk for bytes that are written later, where the file system can do that.
    func reserve(_ places: Range<Int>) throws(SystemError) {
        while clinux_reserve(descriptor.number, Int64(places.lowerBound), Int64(places.count)) != 0 {
            switch errno {
            case EINTR: continue
            case EOPNOTSUPP, ENOSYS: return
            default: throw SystemError.last("cannot write to '\(path)'")
            }
        }
    }

    /// Writes bytes to a place that nothing was written to before.
    func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { bytes in
                // The slice begins within the bytes.
                unsafe pwrite(
                    descriptor.number, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, offset + done)
            }
            if count < 0 {
                guard errno == EINTR else { throw SystemError.last("cannot write to '\(path)'") }
            } else {
                done += count
            }
        }
    }

    /// Removes what is behind a place.
    func cut(to byteCount: Int) throws(SystemError) {
        guard ftruncate(descriptor.number, byteCount) == 0 else { throw SystemError.last("cannot cut '\(path)'") }
    }
}
