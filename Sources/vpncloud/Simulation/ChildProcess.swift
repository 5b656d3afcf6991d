import Glibc

/// This program once more, in a process of its own, whose standard output is read line by line.
final class ChildProcess {
    private let process: pid_t
    private let pipe: Int32
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    private var isWaitedFor = false

    /// Starts the program with these arguments.
    init(arguments: [String]) throws(FileError) {
        var ends: [Int32] = [0, 0]
        // The call fills in both descriptors.
        guard unsafe Glibc.pipe(&ends) == 0 else { throw FileError(code: errno) }
        defer { close(ends[1]) }
        // The child has the writing end as its standard output, and no other.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        // The texts end with zero bytes and live until the child has its own; the list ends with nil.
        var texts = unsafe (["vpncloud"] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe texts.forEach { unsafe free($0) } }
        var child: pid_t = 0
        let code = unsafe posix_spawn(&child, "/proc/self/exe", &actions, nil, &texts, environ)
        guard code == 0 else {
            close(ends[0])
            throw FileError(code: code)
        }
        process = child
        pipe = ends[0]
    }

    deinit {
        close(pipe)
        if !isWaitedFor { _ = waitForEnd() }
    }

    /// The next line, without its line break; nil at the end.
    func nextLine() throws(FileError) -> String? {
        while true {
            if let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return String(decoding: buffer[start..<end], as: UTF8.self)
            }
            if isAtEnd { return nil }
            buffer.removeFirst(start)
            start = 0
            try readMore()
        }
    }

    private func readMore() throws(FileError) {
        var piece = [UInt8](repeating: 0, count: 65_536)
        // At most as many bytes as the piece has.
        let count = unsafe read(pipe, &piece, piece.count)
        if count < 0 {
            guard errno == EINTR else { throw FileError(code: errno) }
        } else if count == 0 {
            isAtEnd = true
        } else {
            buffer += piece[..<count]
        }
    }

    /// Waits until the process is over. Returns its exit status; nil where a signal ended it.
    func waitForEnd() -> Int32? {
        isWaitedFor = true
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { return nil }
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : nil
    }
}
