import VPNProtocol

@testable import VPNNode

/// A recording in memory.
final class Tape {
    private var blocks = BlockWriter()
    /// What a file would hold.
    private(set) var bytes: [UInt8] = []
    /// Each call of the recorder's is a block of its own.
    private(set) lazy var recorder = InputRecorder(program: "a test") { [unowned self] records in
        blocks.append(records)
        close()
        return true
    }

    /// Writes the end, and returns what a file would hold.
    func end(_ end: RecordingEnd = .nodeEnded) -> [UInt8] {
        blocks.append(end)
        close()
        return bytes
    }

    private func close() {
        blocks.close()
        bytes += blocks.bytes
        blocks.next()
    }
}

/// What a recording holds, and how it ends.
struct Played {
    var entries: [RecordedEntry] = []
    var ending: RecordingReader.Ending
    /// What was wrong with it.
    var error: RecordingError?

    /// Reads a recording that comes in pieces.
    init(_ bytes: [UInt8], pieceBytes: Int = .max) {
        var reader = RecordingReader()
        var start = 0
        do throws(RecordingError) {
            repeat {
                let end = start + min(pieceBytes, bytes.count - start)
                reader.append(bytes[start..<end])
                start = end
                while let entry = try reader.next() { entries.append(entry) }
            } while start < bytes.count
        } catch {
            self.error = error
        }
        ending = reader.ending
    }

    /// The inputs, with their times.
    var inputs: [TimedInput] {
        entries.compactMap { entry in
            guard case .input(let input, let time) = entry else { return nil }
            return TimedInput(input: input, time: time)
        }
    }

    /// What it begins with.
    var head: RecordingHead? {
        guard case .head(let head)? = entries.first else { return nil }
        return head
    }
}

/// An input with its time.
struct TimedInput: Hashable {
    let input: RecordedInput
    let time: Instant
}
