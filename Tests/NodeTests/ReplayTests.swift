import TestVectors
import Testing
import VPNNode
import VPNProtocol

/// A node of ours takes the place of one side of a golden capture: it gets what the other side sent, and its device
/// frames, at their times, and has to send what the captured side sent.
@Suite("A node in the place of a captured one")
struct ReplayTests {
    enum Side: String, CaseIterable, CustomStringConvertible {
        case initiator, responder
        var description: String { rawValue }
    }

    @Test("sends the same messages to the same destinations", arguments: Capture.all, Side.allCases)
    func replay(capture: Capture, side: Side) throws {
        let replay = try Replay(capture, side: side)
        try replay.run()

        if capture.peerTimeout == nil {
            // A list is sent a second time to a new peer after a second, in the field at the next round, which comes sooner or
            // later than the data around it: it is compared apart from the rest.
            let ourSecond = try #require(replay.sent.lastIndex { $0.type == "peers" })
            let theirSecond = try #require(replay.expected.lastIndex { $0.type == "peers" })
            #expect(replay.sent[ourSecond] == replay.expected[theirSecond])
            replay.sent.remove(at: ourSecond)
            replay.expected.remove(at: theirSecond)
            #expect(replay.sent == replay.expected)
        } else {
            #expect(replay.sent.filter { $0.type != "peers" } == replay.expected.filter { $0.type != "peers" })
            let lists = replay.sent.filter { $0.type == "peers" }
            let expected = replay.expected.filter { $0.type == "peers" }
            // With a timeout of 126 s the field sends a list every 3 s, this node every 47.25 s (at least two within the
            // timeout, and not many more): contents and destinations agree, numbers do not.
            #expect(lists.count > 2 && expected.count > 2)
            #expect(lists.prefix(2) == expected.prefix(2))
            #expect(lists.allSatisfy { $0 == expected.last })
            #expect(expected.dropFirst().allSatisfy { $0 == expected.last })
        }
    }
}

/// A message and its destination, without what is random.
private struct Sent: Equatable {
    let destination: String
    let type: String
    var stage: UInt8?
    var subnets: [String]?
    var addresses: [Endpoint]?
    var mapped: [Endpoint]?
    var frame: String?
    var trailing: String?
}

private final class Replay {
    let capture: Capture
    let datagrams: [CapturedDatagram]
    let own: Endpoint
    let seal: PacketSeal
    var engine: NodeEngine
    var batch: OutputBatch
    var sent: [Sent] = []
    var expected: [Sent] = []

    init(_ capture: Capture, side: ReplayTests.Side) throws {
        self.capture = capture
        let file = try #require(capture.file)
        datagrams = try readCaptureFile(file)
        let first = try #require(datagrams.first)
        own = side == .initiator ? first.source : first.destination
        seal = try capture.seal

        var configuration = NodeConfiguration(seal: seal)
        configuration.deviceType = try #require(DeviceType(rawValue: capture.device))
        configuration.dialect = try #require(Dialect(rawValue: capture.dialect))
        if side == .initiator { configuration.peers = [try #require(PeerName(first.destination.description))] }
        if let seconds = capture.peerTimeout { configuration.peerTimeout = .seconds(seconds) }
        let text = own.description
        let ownInit = try #require(capture.packets.first { $0.from == text && $0.message.type == "init" }).message
        configuration.subnets = try (ownInit.subnets ?? []).map { try Subnet(parsing: $0) }
        if let seconds = ownInit.trailing.flatMap({ UInt16($0, radix: 16) }) {
            configuration.peerTimeout = .seconds(Int(seconds))
        }
        engine = try NodeEngine(configuration, seed: Seed(1, 2, 3, 4), startingAt: .zero)
        batch = OutputBatch(for: seal, capacity: 4096)
    }

    func run() throws {
        try flush(at: .zero)
        for datagram in datagrams {
            var time = Instant.zero + .microseconds(datagram.microseconds)
            let (type, message) = try open(datagram.payload)
            // Lists far apart need more time than a capture with a list every 3 s has.
            if type == .close, capture.peerTimeout != nil { time = time + .seconds(100) }
            try advance(to: time)
            if datagram.source == own {
                expected.append(try describe(type, message, to: datagram.destination))
                if type == .data {
                    let frame = batch.stageFrame(copying: message.span)
                    engine.send(frame, at: time, into: &batch)
                } else if type == .close {
                    engine.shutDown(at: time, into: &batch)
                }
            } else {
                var bytes = datagram.payload
                var span = bytes.mutableSpan
                let reception = engine.receive(&span, from: datagram.source, at: time, into: &batch)
                #expect(reception.disposition == (type == .data ? .deliver : .handled))
            }
            try flush(at: time)
        }
    }

    private func advance(to time: Instant) throws {
        while let deadline = engine.nextDeadline, deadline <= time {
            engine.advance(to: deadline, into: &batch)
            try flush(at: deadline)
        }
    }

    /// Notes what the node sends. What it sends to its own address comes back to it, as on a real machine,
    /// and is not on the wire that was captured.
    private func flush(at time: Instant) throws {
        engine.seal(&batch)
        var loop: [[UInt8]] = []
        for transmit in batch.transmits {
            for segment in transmit.segments {
                var bytes: [UInt8] = []
                for index in segment { bytes.append(batch.bytes[index]) }
                for destination in batch.destinations[transmit.destinations] {
                    if destination == own {
                        loop.append(bytes)
                    } else {
                        let (type, message) = try open(bytes)
                        sent.append(try describe(type, message, to: destination))
                    }
                }
            }
        }
        batch.reset()
        for var bytes in loop {
            var span = bytes.mutableSpan
            _ = engine.receive(&span, from: own, at: time, into: &batch)
        }
        if !loop.isEmpty { try flush(at: time) }
    }

    private func open(_ packet: [UInt8]) throws -> (MessageType, [UInt8]) {
        var bytes = packet
        var span = bytes.mutableSpan
        let opened = try seal.open(&span)
        return (opened.type, Array(bytes[opened.message]))
    }

    private func describe(_ type: MessageType, _ message: [UInt8], to destination: Endpoint) throws -> Sent {
        let text = destination.description
        switch type {
        case .data: return Sent(destination: text, type: "data", frame: message.hexadecimal)
        case .close: return Sent(destination: text, type: "close", trailing: message.hexadecimal)
        case .peers:
            let list = try PeerListMessage(message.span)
            return Sent(
                destination: text, type: "peers", addresses: list.ipv4, mapped: list.ipv6,
                trailing: list.trailing.hexadecimal)
        case .initial:
            let initial = try InitMessage(message.span)
            return Sent(
                destination: text, type: "init", stage: initial.stage.rawValue,
                subnets: initial.subnets.map(\.description), trailing: initial.trailing.hexadecimal)
        }
    }
}
