import VPNCaptures
import VPNNode
import VPNProtocol

/// Makes a line of each packet of the protocol in a capture: for people, or JSON as docs/inspecting.md has it.
struct PacketLines {
    /// What was found.
    private(set) var counts = OpeningCounts()
    private var opener: CaptureOpener
    private let asJSON: Bool
    private var clock = SecondText()

    init(_ opener: CaptureOpener, asJSON: Bool) {
        self.opener = opener
        self.asJSON = asJSON
    }

    /// The networks that packets were opened of, in words.
    var networks: [String] { opener.packets.opened }

    /// Takes a captured packet, and gives its lines to `write`.
    mutating func take(_ packet: Span<UInt8>, wireBytes: Int, at time: Instant, _ write: (String) -> Void) {
        counts.countPacket()
        opener.begin(packet, wireBytes: wireBytes)
        var datagrams = 0
        while let finding = opener.next(in: packet) {
            counts.count(finding.outcome)
            datagrams += 1
            guard let place = finding.place, let header = finding.header else { continue }
            let ends = (place.source(in: packet), place.destination(in: packet))
            let what: Content
            switch finding.outcome {
            case .opened(let opened, _):
                let message = DecodedMessage(opened.type, opener.bytes.span.extracting(opened.message))
                what = Content(header, opened.nonce, finding.payload.count, .success(message))
            case .refused(let reason):
                guard reason.isOfProtocol else { continue }
                let nonce = Self.nonce(packet.extracting(finding.payload), header)
                what = Content(header, nonce, finding.payload.count, .failure(reason))
            }
            write(asJSON ? json(what, ends, time) : text(what, ends, time))
        }
        if datagrams > 1 { counts.countRun() }
    }

    /// The nonce of a packet that was not opened; nil where it has none.
    private static func nonce(_ payload: Span<UInt8>, _ header: WireHeader) -> Nonce? {
        guard let method = header.method, method != .none,
            payload.count >= PacketHeader.byteCount + Nonce.byteCount
        else { return nil }
        return Nonce(payload, at: PacketHeader.byteCount)
    }

    /// What a line is about.
    private struct Content {
        let header: WireHeader
        let nonce: Nonce?
        let byteCount: Int
        let message: Result<DecodedMessage, Refusal>

        init(_ header: WireHeader, _ nonce: Nonce?, _ byteCount: Int, _ message: Result<DecodedMessage, Refusal>) {
            self.header = header
            self.nonce = nonce
            self.byteCount = byteCount
            self.message = message
        }
    }

    private mutating func text(_ what: Content, _ ends: (Endpoint, Endpoint), _ time: Instant) -> String {
        let (seconds, nanoseconds) = (time.nanoseconds / 1_000_000_000, time.nanoseconds % 1_000_000_000)
        let moment = "\(clock.local(seconds)).\(WallClock.digits(Int(nanoseconds / 1000), 6))"
        let message: String
        switch what.message {
        case .success(let decoded): message = decoded.text
        case .failure(let reason):
            let header = what.header
            let type = header.type?.word ?? "type \(header.typeNumber)"
            let method = header.method?.description ?? "method \(header.methodNumber)"
            message = "\(type), \(what.byteCount) bytes, \(method), not opened: \(reason.words)"
        }
        return "\(moment) \(ends.0) > \(ends.1): \(message)"
    }

    private mutating func json(_ what: Content, _ ends: (Endpoint, Endpoint), _ time: Instant) -> String {
        let (seconds, nanoseconds) = (time.nanoseconds / 1_000_000_000, time.nanoseconds % 1_000_000_000)
        let header = what.header
        var members = [
            ("time", JSONLine.text("\(clock.universal(seconds)).\(WallClock.digits(Int(nanoseconds), 9))Z")),
            ("from", JSONLine.text(ends.0.description)), ("to", JSONLine.text(ends.1.description)),
            ("bytes", "\(what.byteCount)"), ("magic", JSONLine.text(header.magic.description)),
            ("method", "\(header.methodNumber)"),
        ]
        if let nonce = what.nonce { members.append(("nonce", JSONLine.text(nonce.description))) }
        switch what.message {
        case .success(let decoded):
            members.append(("opened", "true"))
            members.append(("message", decoded.json))
        case .failure(let reason):
            let type = header.type.map { JSONLine.text($0.word) } ?? "\(header.typeNumber)"
            members.append(("opened", "false"))
            members.append(("reason", JSONLine.text(reason.name)))
            members.append(("message", JSONLine.object([("type", type)])))
        }
        return JSONLine.object(members)
    }
}

/// The text of a second, made once for all packets in it.
private struct SecondText {
    private var second: UInt64?
    private var text = ""

    mutating func local(_ seconds: UInt64) -> String {
        if second != seconds { text = WallClock.clock(seconds: Int(clamping: seconds)) }
        second = seconds
        return text
    }

    mutating func universal(_ seconds: UInt64) -> String {
        if second != seconds { text = WallClock.universal(seconds: Int(clamping: seconds)) }
        second = seconds
        return text
    }
}
