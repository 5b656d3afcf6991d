package import VPNNode

/// A recording in memory.
package final class Tape {
    private var blocks = BlockWriter()
    /// What a file would hold.
    package private(set) var bytes: [UInt8] = []
    /// Each call of the recorder's is a block of its own.
    package private(set) lazy var recorder = InputRecorder(program: "a test", timeOfDay: 1_700_000_000_123_456_789) {
        [unowned self] records in
        blocks.append(records)
        close()
        return true
    }

    /// Nothing is recorded yet.
    package init() {}

    /// Writes the end, and returns what a file would hold.
    @discardableResult
    package func end(_ end: RecordingEnd = .nodeEnded) -> [UInt8] {
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
package struct Played {
    /// All that could be read.
    package var entries: [RecordedEntry] = []
    /// How it ends.
    package var ending: RecordingReader.Ending
    /// What was wrong with it.
    package var error: RecordingError?

    /// Reads a recording that comes in pieces.
    package init(_ bytes: [UInt8], pieceBytes: Int = .max) {
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
    package var inputs: [TimedInput] {
        entries.compactMap { entry in
            guard case .input(let input, let time) = entry else { return nil }
            return TimedInput(input: input, time: time)
        }
    }

    /// What it begins with.
    package var head: RecordingHead? {
        guard case .head(let head)? = entries.first else { return nil }
        return head
    }
}

/// An input with its time.
package struct TimedInput: Hashable {
    /// What came.
    package let input: RecordedInput
    /// When, by the clock of the node.
    package let time: Instant

    /// An input with its time.
    package init(input: RecordedInput, time: Instant) {
        self.input = input
        self.time = time
    }
}
