import Dispatch
import Glibc
import Synchronization
import Testing
import VPNNode
import VPNProtocol

@testable import VPNLinuxIO

/// A file name of its own, whose file goes with it.
private final class Place: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/vpncloud-record.XXXXXX\0".utf8CString.dropLast())
        // The template is changed in place, and ends with a zero byte.
        let descriptor = unsafe mkstemp(&template)
        precondition(descriptor >= 0, "/tmp must be writable")
        close(descriptor)
        path = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { unsafe unlink(path) }

    /// Removes the file.
    func remove() { unsafe unlink(path) }

    /// Leaves a file with so many bytes of what it had.
    func cut(to byteCount: Int) { unsafe truncate(path, byteCount) }

    /// Lets everybody read it.
    func makeReadable() { unsafe chmod(path, 0o644) }

    var status: stat {
        var status = stat()
        unsafe stat(path, &status)
        return status
    }

    /// What the file holds.
    var bytes: [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        // As many bytes as there are.
        let count = unsafe read(descriptor, &bytes, bytes.count)
        return count == bytes.count ? bytes : []
    }
}

/// What a recording says of its end.
private final class Told: Sendable {
    private let outcomes = Mutex<[RecordingWriter.Outcome]>([])
    func take(_ outcome: RecordingWriter.Outcome) { outcomes.withLock { $0.append(outcome) } }
    /// The only one.
    var outcome: RecordingWriter.Outcome? { outcomes.withLock { $0.count == 1 ? $0[0] : nil } }
}

@Suite("The file of a recording")
struct RecordingWriterTests {
    /// Begins a recording.
    private static func begin(
        _ place: Place, limit: Int = 1 << 30, capacity: Int = 1 << 23, _ told: Told
    ) throws -> RecordingWriter {
        let file = try RecordingFile(place.path)
        return try RecordingWriter(to: file, program: "a test", limit: limit, capacity: capacity) { told.take($0) }
    }

    /// An engine that records, after so many rounds, and how it ends.
    private static func rounds(_ count: Int, into writer: RecordingWriter) throws {
        let recorder = InputRecorder(program: writer.program) { writer.put($0) }
        let seal = PacketSeal(unencrypted: .standard)
        var engine = try NodeEngine(
            NodeConfiguration(seal: seal), seed: Seed(1, 2, 3, 4), startingAt: .zero, recorder: recorder)
        var batch = OutputBatch(for: seal, capacity: 10_000)
        for number in 0..<count {
            let now = Instant.zero + .milliseconds(number)
            engine.advance(to: now, into: &batch)
            let frame = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 1000)
            engine.send(batch.stageFrame(copying: frame.span), at: now, into: &batch)
            engine.seal(&batch)
            engine.endRound(batch)
            batch.reset()
        }
    }

    /// The frames in a recording, and how it ends.
    private static func read(_ bytes: [UInt8]) throws -> (frames: [UInt8], ending: RecordingReader.Ending) {
        var reader = RecordingReader()
        reader.append(bytes)
        var frames: [UInt8] = []
        while let entry = try reader.next() {
            if case .input(.frames(let bytes, _), _) = entry { frames.append(bytes[0]) }
        }
        return (frames, reader.ending)
    }

    @Test("has all that was recorded, and is for its owner only")
    func whole() throws {
        let (place, told) = (Place(), Told())
        place.makeReadable()
        let writer = try Self.begin(place, told)
        try Self.rounds(2000, into: writer)
        writer.finish()
        let outcome = try #require(told.outcome)
        let bytes = place.bytes
        #expect(outcome.end == .nodeEnded && outcome.error == nil && outcome.byteCount == bytes.count)
        #expect(writer.statistics == .init(byteCount: bytes.count, end: .nodeEnded))
        let (frames, ending) = try Self.read(bytes)
        #expect(frames == (0..<2000).map { UInt8(truncatingIfNeeded: $0) })
        #expect(ending == .complete(.nodeEnded))
        #expect(place.status.st_mode & 0o777 == 0o600)
        // Frames of 1000 bytes, and beside each its times, its digest, and a part of a block.
        #expect(bytes.count > 2_000_000 && bytes.count < 2_200_000)
    }

    @Test("can be read while it grows")
    func growing() throws {
        let (place, told) = (Place(), Told())
        let writer = try Self.begin(place, told)
        try Self.rounds(5, into: writer)
        try eventually("five frames can be read") {
            guard let (frames, ending) = try? Self.read(place.bytes) else { return false }
            return frames.count == 5 && ending == .cut(position: place.bytes.count)
        }
        try eventually("the statistics say so") {
            writer.statistics == .init(byteCount: place.bytes.count, end: nil)
        }
        writer.finish()
        #expect(try Self.read(place.bytes).ending == .complete(.nodeEnded))
    }

    @Test("is no longer than it may be, and says so at its end", arguments: [100, 10_000, 1_000_000])
    func limit(limit: Int) throws {
        let (place, told) = (Place(), Told())
        let writer = try Self.begin(place, limit: limit, told)
        try Self.rounds(2000, into: writer)
        writer.finish()
        let outcome = try #require(told.outcome)
        let bytes = place.bytes
        #expect(outcome.end == .limit && outcome.byteCount == bytes.count && bytes.count <= limit)
        // All but a block at most is used.
        #expect(bytes.count > limit - 200_000)
        let (frames, ending) = try Self.read(bytes)
        #expect(ending == .complete(.limit))
        #expect(frames == frames.indices.map { UInt8(truncatingIfNeeded: $0) })
        let more: [UInt8] = [1, 2, 3]
        let isTaken = writer.put(more.span)
        #expect(!isTaken)
    }

    @Test("ends where more comes than fits the queue, and what came before is there")
    func tooSlow() throws {
        let (place, told) = (Place(), Told())
        // The head alone fits, a round with a frame does not.
        let writer = try Self.begin(place, capacity: 1024, told)
        try Self.rounds(3, into: writer)
        try eventually("the recording has ended") { told.outcome != nil }
        #expect(told.outcome?.end == .tooSlow)
        let (frames, ending) = try Self.read(place.bytes)
        #expect(frames.isEmpty && ending == .complete(.tooSlow))
        writer.finish()
    }

    @Test("ends where somebody removes or cuts it, which is told, and no bytes are left that look whole")
    func vanished() throws {
        for (words, vanish) in [
            ("the file was removed", { $0.remove() }), ("another program has cut the file", { $0.cut(to: 10) }),
        ] as [(String, (Place) -> Void)] {
            let (place, told) = (Place(), Told())
            let writer = try Self.begin(place, told)
            try Self.rounds(3, into: writer)
            try eventually("it is written") { (try? Self.read(place.bytes))?.frames.count == 3 }
            vanish(place)
            try Self.rounds(1, into: writer)
            try eventually("the recording has ended") { told.outcome != nil }
            let outcome = try #require(told.outcome)
            #expect(outcome.end == .writeFailed && outcome.byteCount == 0)
            #expect(outcome.error?.description == "cannot write to '\(place.path)': \(words)")
            #expect(writer.statistics == .init(byteCount: 0, end: .writeFailed))
            writer.finish()
            #expect(words.contains("removed") || place.bytes.count == 10)
        }
    }

    @Test("keeps what it held until a node begins, and is for one node at a time")
    func oneNode() throws {
        let (place, told) = (Place(), Told())
        do {
            let writer = try Self.begin(place, told)
            try Self.rounds(3, into: writer)
            let error = #expect(throws: SystemError.self) { _ = try RecordingFile(place.path) }
            #expect(error?.description == "cannot record to '\(place.path)': another node does; name another file")
            writer.finish()
        }
        let before = place.bytes
        // The thread of the first lets go of the file a moment after it has said so.
        try eventually("the file is free") { (try? RecordingFile(place.path)) != nil }
        #expect(!before.isEmpty && place.bytes == before)
    }

    @Test("is an ordinary file", arguments: ["/dev/null", "/tmp", "/nonexistent/file"])
    func kind(path: String) {
        #expect(throws: SystemError.self) { _ = try RecordingFile(path) }
    }
}
