/// What follows the header (manual: "message type").
public enum MessageType: UInt8, Sendable, CaseIterable {
    /// A frame of the device.
    case data = 0
    /// Addresses of nodes.
    case peers = 1
    /// A step of the handshake.
    case initial = 2
    /// The sender leaves.
    case close = 3
}

/// The eight bytes before everything else: magic, crypto method, two reserved bytes, message type.
public struct PacketHeader: Hashable, Sendable {
    /// The length on the wire.
    public static let byteCount = 8
    /// Where the crypto method stands.
    public static let methodOffset = 4
    /// Where the message type stands. It is not encrypted.
    public static let typeOffset = 7

    /// Identifies the network.
    public var magic: Magic
    /// How the rest is sealed.
    public var method: CryptoMethod
    /// What the rest is.
    public var type: MessageType

    /// A header from its fields.
    public init(magic: Magic, method: CryptoMethod, type: MessageType) {
        self.magic = magic
        self.method = method
        self.type = type
    }

    /// Reads a header that must be of this network. The reserved bytes may hold anything.
    ///
    /// - Parameters:
    ///   - packet: a whole datagram.
    ///   - magic: the only magic to accept.
    ///   - method: the only method to accept: a node with a key never reads what is not sealed.
    @inline(__always)
    public init(_ packet: Span<UInt8>, magic: Magic, method: CryptoMethod) throws(DecodeError) {
        guard packet.count >= Self.byteCount else {
            throw .truncated(needed: Self.byteCount, available: packet.count)
        }
        let word = packet.big(UInt64.self, at: 0)
        guard UInt32(truncatingIfNeeded: word >> 32) == magic.bits else { throw .foreignMagic }
        let foundMethod = UInt8(truncatingIfNeeded: word >> 24)
        guard foundMethod == method.rawValue else { throw .foreignMethod(foundMethod) }
        guard let type = MessageType(rawValue: UInt8(truncatingIfNeeded: word)) else {
            throw .unknownMessageType(UInt8(truncatingIfNeeded: word))
        }
        self.init(magic: magic, method: method, type: type)
    }

    /// Writes the eight bytes at `offset`; reserved bytes are 0.
    public func write(to packet: inout MutableSpan<UInt8>, at offset: Int = 0) {
        let word = UInt64(magic.bits) << 32 | UInt64(method.rawValue) << 24 | UInt64(type.rawValue)
        packet.setBig(word, at: offset)
    }
}
