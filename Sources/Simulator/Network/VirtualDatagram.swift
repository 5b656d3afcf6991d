public import VPNNode
public import VPNProtocol

/// A datagram on its way, or one that arrived.
public struct VirtualDatagram: Hashable, Sendable {
    /// Its number among all that were sent or injected in its network. Copies and translations keep it.
    public let id: UInt64
    /// When it was sent.
    public let sent: Instant
    /// The number of the node that sent it; nil for what came from outside.
    public let sender: Int?
    /// Where it comes from.
    public internal(set) var source: Endpoint
    /// Where it goes.
    public internal(set) var destination: Endpoint
    /// The sealed packet.
    public internal(set) var bytes: [UInt8]

    /// A datagram from its parts.
    public init(
        id: UInt64 = 0, sent: Instant, sender: Int? = nil, source: Endpoint, destination: Endpoint, bytes: [UInt8]
    ) {
        self.id = id
        self.sent = sent
        self.sender = sender
        self.source = source
        self.destination = destination
        self.bytes = bytes
    }

    /// What its packet has besides the payload: an IP header without options (20 or 40 bytes), and 8 bytes of UDP.
    public var headerBytes: Int { source.address.isIPv4 ? 28 : 48 }

    /// The bytes of its packet.
    public var packetBytes: Int { bytes.count + headerBytes }
}

/// What the network does with a datagram.
public enum Fate: Hashable, Sendable {
    /// It arrives after so long.
    case arrives(after: Duration)
    /// It is lost on the way.
    case lost
    /// The sender's system refuses it with an error code.
    case refused(errorCode: Int32)
}
