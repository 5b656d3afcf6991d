// The file that talks to the system about files.
import Glibc

/// Why the system did not do something with a file.
struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The system's error code.
    let code: Int32

    /// Whether there is no such file.
    var isAbsence: Bool { code == ENOENT }

    /// The system's words for it.
    var description: String {
        // The text is constant, or belongs to this thread until the next call.
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}

/// An open file, closed when it goes.
struct OpenFile: ~Copyable {
    let descriptor: Int32

    /// Opens a file; where the flags create it, with mode 0644 less what the umask takes away.
    init(_ path: String, flags: Int32) throws(FileError) {
        // A path comes as text that ends with a zero byte, here and below.
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC | O_NOCTTY, 0o644)
        guard descriptor >= 0 else { throw FileError(code: errno) }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Gives up the file without closing it; the descriptor then is the caller's.
    consuming func keepOpen() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }
}

/// Whole files.
enum FileBytes {
    /// The content of a file, a pipe too. One that goes on after `limit` bytes comes with one byte more than that.
    static func read(_ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        let file = try OpenFile(path, flags: O_RDONLY)
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while content.count <= limit {
            let wanted = min(buffer.count, limit + 1 - content.count)
            // At most as many bytes as the buffer has.
            let count = unsafe Glibc.read(file.descriptor, &buffer, wanted)
            if count == 0 { break }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(code: errno)
            }
            content += buffer[..<count]
        }
        return content
    }

    /// Whether others than the owner can read a file. False where that cannot be found out.
    static func isReadableByOthers(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return false }
        return status.st_mode & 0o044 != 0
    }

    /// Whether there is something else than a file of bytes: a device, a folder, a link.
    static func isOtherThanFile(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// Makes the file that ``replace(_:with:)`` would put in the place of another one, and removes it again.
    static func tryReplacing(_ path: String) throws(FileError) {
        let temporary = temporaryPath(for: path)
        unsafe unlink(temporary)
        _ = try OpenFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
        guard unsafe unlink(temporary) == 0 else { throw FileError(code: errno) }
    }

    private static func temporaryPath(for path: String) -> String { "\(path).\(getpid()).tmp" }

    /// Replaces a file by another one with the given content and mode 0644. Who reads it sees the old or the new
    /// content, and never a part of either.
    static func replace(_ path: String, with content: [UInt8]) throws(FileError) {
        let temporary = temporaryPath(for: path)
        // A leftover of a process that had this id before.
        unsafe unlink(temporary)
        do throws(FileError) {
            let file = try OpenFile(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
            guard fchmod(file.descriptor, 0o644) == 0 else { throw FileError(code: errno) }
            try writeAll(content, to: file.descriptor)
            guard unsafe rename(temporary, path) == 0 else { throw FileError(code: errno) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
    }

    /// Writes a whole file for somebody who asked for it by this path: a file is replaced, and what is something else, such
    /// as a pipe, a device or a link, gets the bytes and stays what it is.
    static func write(_ content: [UInt8], to path: String) throws(FileError) {
        guard isOtherThanFile(path) else { return try replace(path, with: content) }
        let file = try OpenFile(path, flags: O_WRONLY | O_CREAT | O_TRUNC)
        try writeAll(content, to: file.descriptor)
    }

    /// A path that still means the same after a change of directory.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let directory = unsafe getcwd(nil, 0) else { return path }
        // `getcwd` allocates the text, which ends with a zero byte.
        defer { unsafe free(directory) }
        return unsafe String(cString: directory) + "/" + path
    }
}

/// Writes all bytes to a descriptor.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(FileError) {
    var position = 0
    while position < bytes.count {
        let count = unsafe bytes.withUnsafeBytes { bytes in
            // Only bytes of the array are written: the slice begins within it.
            unsafe write(descriptor, bytes.baseAddress.map { unsafe $0 + position }, bytes.count - position)
        }
        if count >= 0 { position += count } else if errno != EINTR { throw FileError(code: errno) }
    }
}
