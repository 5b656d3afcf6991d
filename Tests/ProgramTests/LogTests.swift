import Glibc
import Logging
import Testing
import VPNLinuxIO
import VPNNode
import VPNProtocol

@testable import vpncloud

private let second: UInt64 = 1_000_000_000

/// What a folding printed, and when.
private struct Printer {
    var folding = LineFolding()
    var lines: [(time: UInt64, text: String)] = []

    mutating func take(_ message: LogMessage, at now: UInt64) {
        lines += folding.take(message, at: now).map { (now, $0.text) }
    }

    mutating func flush(at now: UInt64) {
        lines += folding.flush(at: now).map { (now, $0.text) }
    }

    /// The most lines in any span of a second.
    var peak: Int {
        lines.indices.map { first in lines[first...].prefix { $0.time - lines[first].time < second }.count }.max() ?? 0
    }
}

@Suite("The log")
struct LogTests {
    @Test("7: costs at most ten lines a second in a flood of bad packets, of whatever kinds and from wherever they are")
    func flood() {
        var printer = Printer()
        var numbers = Seed(1, 2, 3, 4).numbers(for: "flood")
        let step = second / 2_000
        for tick in 0..<UInt64(20_000) {
            let now = tick * step
            let source = Endpoint(IPAddress(ipv4: UInt32(truncatingIfNeeded: numbers.next())), port: 1)
            let reason = DropReason.allCases[numbers.next(below: DropReason.allCases.count)]
            let event: Event =
                numbers.next(below: 2) == 0 ? .dropped(reason, source) : .sendFailed(source, errorCode: 1)
            printer.take(event.logMessage, at: now)
            if let due = printer.folding.nextDue, due <= now { printer.flush(at: now) }
        }
        #expect(printer.peak <= 10)
        #expect(printer.lines.count > 20)
        #expect(printer.lines.contains { $0.text.contains("came too fast") })
    }

    @Test("tells one kind of message at once, and then in growing intervals how often it came")
    func growth() {
        var printer = Printer()
        let source = Endpoint(IPAddress(192, 0, 2, 1), port: 9)
        for tick in 0..<UInt64(200) {
            printer.take(Event.dropped(.unauthentic, source).logMessage, at: tick * second / 10)
        }
        let text = "dropped a packet from 192.0.2.1:9: it is forged or damaged, or made with another shared key"
        #expect(
            printer.lines.map(\.text) == [
                text, "\(text) (the last of 9 like it in 1 s)", "\(text) (the last of 20 like it in 2 s)",
                "\(text) (the last of 40 like it in 4 s)", "\(text) (the last of 80 like it in 8 s)",
            ])
        #expect(printer.lines.map { $0.time / second } == [0, 1, 3, 7, 15])
    }

    @Test("tells a message anew once it has stayed away")
    func renewal() {
        var printer = Printer()
        let message = Event.dropped(.foreignMagic, nil).logMessage
        printer.take(message, at: 0)
        printer.take(message, at: 5 * second)
        #expect(printer.lines.map(\.text) == [message.text, message.text])
        #expect(printer.folding.nextDue == nil)
    }

    @Test("says when it has something to tell, and at the end tells all of it")
    func end() {
        var folding = LineFolding()
        let message = Event.dropped(.foreignMagic, nil).logMessage
        for _ in 0..<3 { _ = folding.take(message, at: 0) }
        #expect(folding.nextDue == second)
        #expect(folding.finish(at: second).map(\.text) == ["\(message.text) (the last of 2 like it in 1 s)"])
        #expect(folding.nextDue == nil)
    }

    @Test("shows each of a hundred peers as they join")
    func mesh() {
        var printer = Printer()
        for number in 0..<UInt128(100) {
            let event = Event.peerJoined(
                NodeID(bits: number << 96), Endpoint(IPAddress(10, 0, 0, 1), port: 1), claims: 0)
            printer.take(event.logMessage, at: 0)
        }
        #expect(printer.lines.count == 100)
    }

    @Test("never folds what the program itself says, or what was asked for by --verbose")
    func free() {
        var printer = Printer()
        let event = Event.received(.data, Endpoint(IPAddress(10, 0, 0, 1), port: 1), bytes: 100)
        for _ in 0..<1000 { printer.take(event.logMessage, at: 0) }
        #expect(printer.lines.count == 1000)
    }

    @Test("writes time, level and message, one line each, to a file that is emptied first")
    func file() throws {
        let folder = TemporaryFolder()
        let path = try folder.file("log", "old\n")
        let log = ProgramLog(terminal: nil)
        try log.open(file: path)
        let logger = log.logger(level: .info)
        logger.debug("not this")
        logger.info("first")
        logger.warning("two\nlines \u{1b}[31m")
        let lines = try folder.text(of: "log").split(separator: "\n")
        try #require(lines.count == 2)
        let form = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d) (INFO |WARN ) (.*)/
        #expect(lines[0].wholeMatch(of: form)?.3 == "first")
        #expect(lines[1].wholeMatch(of: form)?.3 == "two\\u{a}lines \\u{1b}[31m")
    }

    @Test("prints what is folded without waiting for another message")
    func thread() async throws {
        let folder = TemporaryFolder()
        let log = ProgramLog(terminal: nil)
        try log.open(file: "\(folder.path)/log")
        let logger = log.logger(level: .info)
        for _ in 0..<50 { logger.log(Event.dropped(.unauthentic, nil).logMessage) }
        #expect(try folder.text(of: "log").split(separator: "\n").count == 1)
        let deadline = ContinuousClock.now + .seconds(20)
        while try !folder.text(of: "log").contains("the last of 49 like it"), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try folder.text(of: "log").contains("the last of 49 like it"))
    }

    @Test("survives a full disk, and says so once")
    func fullDisk() throws {
        var output = try LogOutput(file: "/dev/full")
        #expect(output.write("line") == FileError(code: ENOSPC))
        #expect(output.write("line") == nil)
        #expect(output.lost == 2)
        let log = ProgramLog(terminal: nil)
        try log.open(file: "/dev/full")
        for _ in 0..<100 { log.logger(level: .info).info("line") }
    }

    @Test("does not wait for a reader that does not read, and goes on once it does")
    func slowReader() throws {
        var ends: [Int32] = [0, 0]
        // `pipe` writes two descriptors.
        try #require(unsafe pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        var output = LogOutput(descriptor: ends[1])
        let line = String(repeating: "x", count: 1000)
        let begin = ContinuousClock.now
        for _ in 0..<10_000 { _ = output.write(line) }
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(output.lost > 9_000)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        // At most as many bytes as the buffer has.
        #expect(unsafe read(ends[0], &buffer, buffer.count) > 60_000)
        #expect(output.write("again") == nil)
        #expect(output.lost == 0)
    }

    @Test("has a sentence for every event", arguments: Event.samples)
    func events(_ event: Event) {
        let message = event.logMessage
        #expect(message.text.count > 10)
        for word in ["Optional", "VPNNode", "bits:", "Endpoint("] { #expect(!message.text.contains(word)) }
    }

    @Test("names no address of a router that tells none")
    func unknownAddress() {
        let text = Event.portMapped(Endpoint(IPAddress(0, 0, 0, 0), port: 3210)).logMessage.text
        #expect(text == "a router forwards UDP port 3210 (it does not tell its address)")
    }

    @Test("tells a warning from what is normal")
    func levels() {
        let source = Endpoint(IPAddress(10, 0, 0, 1), port: 1)
        #expect(Event.dropped(.unauthentic, source).logMessage.level == .warning)
        #expect(Event.dropped(.noPeers, nil).logMessage.level == .debug)
        #expect(Event.received(.data, source, bytes: 1).logMessage.level == .trace)
        #expect(Event.peerLost(NodeID(bits: 1), source, .timedOut).logMessage.level == .info)
    }
}

extension Event {
    /// One event of each kind, and of each drop reason and loss.
    fileprivate static let samples: [Event] = {
        let (id, a, b) = (
            NodeID(bits: 1 << 127), Endpoint(IPAddress(10, 0, 0, 1), port: 1), Endpoint(IPAddress(bits: 1), port: 2)
        )
        let station = StationAddress(vlan: 5, mac: 0x0200_0000_0001)
        guard let name = PeerName("host:1") else { return [] }
        return [
            .peerJoined(id, a, claims: 1), .addressLearned(id, b), .addressEvicted(id, b),
            .addressMoved(id, from: a, to: b),
            .ownAddressFound(a), .stationLearned(station, id), .stationMoved(station, id), .stationForgotten(station),
            .stationEvicted(station), .claimsIgnored(id, count: 2), .contactsIgnored(from: a, count: 3),
            .connecting(name, attempt: 1),
            .connecting(name, attempt: 11), .unresolved(name), .listsSent(peers: 1), .portMapped(a), .portMappingLost,
            .sendFailed(a, errorCode: 1), .received(.initial, a, bytes: 1), .sending(.peers, destinations: 2, bytes: 3),
        ] + DropReason.allCases.flatMap { [.dropped($0, a), .dropped($0, nil)] }
            + PeerLoss.allCases.map { .peerLost(id, a, $0) }
            + MessageType.allCases.map { .received($0, a, bytes: 2) }
    }()
}
