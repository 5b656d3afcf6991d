import Glibc

/// A place where log lines go: a terminal, a pipe or a file. What it does not take is counted, and lost.
struct LogOutput: Sendable {
    private let descriptor: Int32
    /// Lines that were lost since the last one that was written.
    private(set) var lost = 0
    /// Whether the last line was written only in part.
    private var isTorn = false

    /// The longest time to wait for a reader that does not read, in milliseconds; after that, lines are lost
    /// without waiting until it reads again.
    private static let patience: Int32 = 50

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// Opens a log file, which is created, or emptied where it exists. It stays open as long as the program runs.
    init(file path: String) throws(FileError) {
        descriptor = try OpenFile(path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_APPEND).keepOpen()
    }

    /// Writes a line, and returns the error where this is the first line that could not be written.
    mutating func write(_ line: String) -> FileError? {
        var text = isTorn ? "\n" : ""
        if lost > 0 { text += "\(WallClock.now()) WARN  \(lost) lines before this one could not be written\n" }
        text += line + "\n"
        let bytes = Array(text.utf8)
        let written = writeOnce(bytes)
        guard written < bytes.count else {
            (lost, isTorn) = (0, false)
            return nil
        }
        let error = FileError(code: written < 0 ? errno : ENOSPC)
        if written > 0 { isTorn = true }
        lost += 1
        return lost == 1 ? error : nil
    }

    /// One attempt, since a full disk or a reader that sleeps must not hold up the program.
    private func writeOnce(_ bytes: [UInt8]) -> Int {
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        // One descriptor is asked for, and one is given.
        let ready = unsafe poll(&state, 1, lost == 0 ? Self.patience : 0)
        guard ready != 0 else {
            errno = EAGAIN
            return -1
        }
        // As many bytes as the array has.
        return unsafe Glibc.write(descriptor, bytes, bytes.count)
    }
}
