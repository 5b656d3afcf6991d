import Glibc

/// Lines for a file or a terminal, gathered and written in large pieces.
final class LineOutput {
    /// What went wrong first. Nothing is written after that.
    private(set) var failure: FileError?

    private let descriptor: Int32
    private let file: OpenFile?
    private var buffer: [UInt8] = []
    private static let pieceBytes = 65_536

    /// Makes a file, or empties it.
    init(path: String) throws(FileError) {
        let file = try OpenFile(path, flags: O_WRONLY | O_CREAT | O_TRUNC)
        descriptor = file.descriptor
        self.file = consume file
    }

    /// Makes a file for an event log, or empties it.
    convenience init(eventLog path: String) throws(Failure) {
        do throws(FileError) {
            try self.init(path: path)
        } catch {
            throw .runTime("cannot write the event log '\(path)': \(error)")
        }
    }

    /// Writes to a descriptor that stays open.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        file = nil
    }

    /// Writes a line, now or later.
    func write(_ line: String) {
        buffer.append(contentsOf: line.utf8)
        buffer.append(UInt8(ascii: "\n"))
        if buffer.count >= Self.pieceBytes { flush() }
    }

    /// Writes what waits.
    func flush() {
        defer { buffer.removeAll(keepingCapacity: true) }
        guard failure == nil, !buffer.isEmpty else { return }
        do { try writeAll(buffer, to: descriptor) } catch { failure = error }
    }
}
