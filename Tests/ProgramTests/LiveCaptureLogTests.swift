import Glibc
import Logging
import Synchronization
import Testing
import VPNProtocol

@testable import VPNCaptures
@testable import VPNLinuxIO
@testable import vpncloud

/// A pipe whose reading end can be waited for.
private struct TestPipe: ~Copyable {
    let read: Int32
    let write: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        // Room for two numbers, as the call wants it.
        let isMade = unsafe pipe(&ends) == 0
        try #require(isMade)
        (read, write) = (ends[0], ends[1])
    }

    deinit { close(read) }

    /// Reads until the text is there, the other end is closed, or nothing came for ten seconds; returns all that came.
    func text(upTo end: String) -> String {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !text.contains(end) {
            var state = pollfd(fd: read, events: Int16(POLLIN), revents: 0)
            // One descriptor is asked for, and one is given; then at most as many bytes as the buffer has.
            guard unsafe poll(&state, 1, 10_000) == 1 else { break }
            let count = unsafe Glibc.read(read, &buffer, buffer.count)
            guard count > 0 else { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return text
    }

    /// Reads to the end, and returns how many bytes came.
    func drain() -> Int {
        var total = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            // At most as many bytes as the buffer has.
            let count = unsafe Glibc.read(read, &buffer, buffer.count)
            guard count > 0 else { return total }
            total += count
        }
    }
}

@Suite("The log of a live capture")
struct LiveCaptureLogTests {
    /// Puts a frame of so many bytes on its way, as the loop does.
    private static func put(_ byteCount: Int, into feed: PacketFeed) -> Bool {
        var head = [UInt8](repeating: 0, count: PacketRecord.byteCount)
        var target = head.mutableSpan
        PacketRecord(.fromDevice, at: 1).write(to: &target)
        let frame = [UInt8](repeating: 0x45, count: byteCount)
        let counters = feed.counters(.inner)
        counters.offered.wrappingAdd(1, ordering: .relaxed)
        let isTaken = feed.queue.put(head.span, frame.span)
        if !isTaken { counters.refused.wrappingAdd(1, ordering: .relaxed) }
        return isTaken
    }

    @Test("tells of missing packets while others still wait to be written, and sums up at the end")
    func missing() throws {
        let output = try TestPipe()
        let log = try TestPipe()
        // So much may be in the pipe before its writer must wait. F_SETPIPE_SZ, which Swift does not import, is 1031.
        let room = fcntl(output.write, 1031, 1 << 20)
        try #require(room >= 1 << 20)
        let feed = try PacketFeed(
            seal: PacketSeal(unencrypted: .standard), includesOuter: false, capacity: 4 << 20)
        // First so many that they are counted while more come, then more bytes than the pipe takes.
        var taken: UInt64 = 0
        while taken < 5000 {
            let isTaken = Self.put(20, into: feed)
            try #require(isTaken)
            taken += 1
        }
        while Self.put(1400, into: feed) { taken += 1 }
        let files = try LiveCaptureFiles(stream: output.write, named: "the pipe", inner: .raw)
        let capture = try LiveCapture(
            feed, to: files, nil, port: 3210, log: ProgramLog(terminal: log.write).logger(level: .info))

        #expect(log.text(upTo: "\n").contains("WARN  packets are missing in the capture"))
        // Nobody has read, so that the writer cannot be through with them.
        #expect(!feed.isEmpty)
        feed.queue.finish()
        let bytes = output.drain()
        capture.finish()
        #expect(capture.statistics.inner.captured == taken && capture.statistics.inner.dropped == 1)
        #expect(bytes == 24 + Int(taken) * 16 + 5000 * 20 + Int(taken - 5000) * 1400)
        close(log.write)
        let rest = log.text(upTo: "never")
        #expect(rest.contains("capture: inner \(taken) captured, 1 dropped, 0 filtered"))
        #expect(!rest.contains("WARN"))
    }
}
