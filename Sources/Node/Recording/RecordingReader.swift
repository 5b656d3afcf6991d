import VPNProtocol

/// Reads a recording, piece by piece. Whatever the bytes are, it returns what was recorded or says what is wrong.
package struct RecordingReader {
    private var blocks = BlockReader()
    private var records = RecordCursor([])
    /// Where the block of ``records`` begins.
    private var position = 0
    private var time = Instant.zero
    private var hasHead = false
    private var method = CryptoMethod.none
    private var end: RecordingEnd?

    /// How a recording ends.
    package enum Ending: Hashable, Sendable {
        /// With its end.
        case complete(RecordingEnd)
        /// Without: at this position something is missing that was written, or was to be.
        case cut(position: Int)
    }

    /// Nothing was read yet.
    package init() {}

    /// Takes more bytes.
    package mutating func append(_ bytes: some Collection<UInt8>) { blocks.append(bytes) }

    /// How the recording ends, once all of its bytes were taken and ``next()`` has no more.
    package var ending: Ending { end.map { .complete($0) } ?? .cut(position: blocks.position) }

    /// The next entry; nil where more bytes are needed.
    package mutating func next() throws(RecordingError) -> RecordedEntry? {
        while true {
            while records.isAtEnd {
                guard end == nil else {
                    guard !blocks.hasRest else { throw .bytesAfterEnd(position: blocks.position) }
                    return nil
                }
                position = blocks.position
                guard let bytes = try blocks.next() else { return nil }
                if position == 0 { position = RecordingFormat.start.count }
                records = RecordCursor(bytes)
            }
            do throws(RecordFault) {
                if let entry = try entry() { return entry }
            } catch {
                throw .malformed(position: position, reason: error.reason)
            }
        }
    }

    /// The next entry; nil where it was one that only says something about those behind it.
    private mutating func entry() throws(RecordFault) -> RecordedEntry? {
        guard end == nil else { throw RecordFault("records follow the end") }
        guard let kind = RecordingFormat.Kind(rawValue: try records.byte()) else {
            throw RecordFault("a record is of no known kind")
        }
        guard hasHead || kind == .head || kind == .end else { throw RecordFault("the head is missing") }
        switch kind {
        case .head:
            guard !hasHead else { throw RecordFault("there is a second head") }
            let head = try records.head()
            hasHead = true
            time = head.start
            method = head.method
            return .head(head)
        case .time:
            let (sum, overflow) = time.nanoseconds.addingReportingOverflow(try records.number())
            guard !overflow else { throw RecordFault("the time goes back") }
            time = Instant(nanoseconds: sum)
            return nil
        case .sealing: return .sealing
        case .round: return .round(try records.round())
        case .state: return .state(try records.state())
        case .end:
            guard let end = RecordingEnd(rawValue: try records.byte()) else {
                throw RecordFault("the reason of the end is unknown")
            }
            self.end = end
            return .end(end)
        default: return .input(try records.input(kind, method), at: time)
        }
    }
}

extension RecordCursor {
    /// An input, behind its kind.
    fileprivate mutating func input(
        _ kind: RecordingFormat.Kind, _ method: CryptoMethod
    ) throws(RecordFault) -> RecordedInput {
        switch kind {
        case .datagram:
            let (type, source) = (try messageType(), try endpoint())
            let nonce = method == .none ? nil : Nonce(bits: try bits(byteCount: Nonce.byteCount))
            return .datagram(type, nonce, message: try datagramBytes(), from: source)
        case .unopened:
            let source = try endpoint()
            return .unopened(try datagramBytes(), from: source)
        case .unauthentic:
            guard method != .none else { throw RecordFault("a tag does not fit where there is none") }
            let (type, source) = (try messageType(), try endpoint())
            let nonce = Nonce(bits: try bits(byteCount: Nonce.byteCount))
            let shortest = PacketHeader.byteCount + method.headBytes + method.tailBytes
            let byteCount = try number("the length of a datagram", in: shortest...Self.longestDatagram)
            return .unauthentic(type, nonce, byteCount: byteCount, from: source)
        case .frames:
            let frameBytes = try number("the length of a frame", in: 0...Self.mostFrameBytes)
            let count = try number("the length of frames", in: 0...Self.mostFrameBytes)
            guard frameBytes <= count, frameBytes > 0 || count == 0 else {
                throw RecordFault("frames are longer than all of them together")
            }
            return .frames(try bytes(count), frameBytes: frameBytes)
        case .resolved:
            let name = try peerName()
            var endpoints: [Endpoint] = []
            for _ in 0..<(try listCount()) { endpoints.append(try endpoint()) }
            return .resolved(name, endpoints)
        case .portMapped:
            let external = try endpoint()
            let lease = try flag() ? try duration("a lease", in: .zero ... .longestRecorded) : nil
            return .portMapped(external, lease: lease)
        case .sendFailed:
            let destination = try endpoint()
            guard let code = Int32(exactly: try signed()) else { throw RecordFault("an error code is none") }
            return .sendFailed(destination, errorCode: code)
        case .deviceRefused:
            return .deviceRefused(frames: try number("a number of frames", in: 0...Self.mostFrames))
        case .advance: return .advance
        case .portMappingFailed: return .portMappingFailed
        case .shutDown: return .shutDown
        case .head, .time, .sealing, .round, .state, .end: throw RecordFault("a record is no input")
        }
    }

    fileprivate mutating func round() throws(RecordFault) -> RoundSummary {
        var round = RoundSummary()
        round.packets = try count()
        round.messageBytes = try count()
        round.frames = try count()
        round.events = try count()
        round.wishes = try count()
        round.digest = try bits(byteCount: 16)
        return round
    }

    fileprivate mutating func state() throws(RecordFault) -> StateSummary {
        StateSummary(peers: try count(), stations: try count(), digest: try bits(byteCount: 16))
    }

    private mutating func count() throws(RecordFault) -> Int { try number("a count", in: 0...(1 << 56)) }

    private mutating func messageType() throws(RecordFault) -> MessageType {
        guard let type = MessageType(rawValue: try byte()) else { throw RecordFault("a message type is unknown") }
        return type
    }

    private mutating func datagramBytes() throws(RecordFault) -> [UInt8] {
        try bytes(try number("the length of a datagram", in: 0...Self.longestDatagram))
    }

    /// More than the longest UDP datagram has (65527 over IPv6).
    private static var longestDatagram: Int { 65_536 }
    /// More than a run of frames has: what the kernel hands over at once are 64 KiB. A single frame of any length is refused
    /// by the engine, so that the bound is there for memory only.
    private static var mostFrameBytes: Int { 1 << 22 }
    /// More than a device can refuse at once.
    private static var mostFrames: Int { 1 << 20 }
}
