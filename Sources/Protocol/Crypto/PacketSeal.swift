/// How packets of one network are sealed and opened: its magic, its method and its key.
public struct PacketSeal: Sendable {
    /// The magic of every packet.
    public private(set) var magic: Magic
    /// The method of every packet.
    public let method: CryptoMethod
    /// Nil exactly where the method is `none`. Used where it is, since a copy would be counted, atomically, twice for each
    /// packet.
    private let cipher: Cipher?

    /// The seal of a network without a key.
    public init(unencrypted magic: Magic) {
        self.magic = magic
        method = .none
        cipher = nil
    }

    /// The seal of a network with a key. `method` is not ``CryptoMethod/none``.
    ///
    /// - Parameter provider: which library is to do the work. An error only where a given one cannot be used here.
    public init(
        magic: Magic, method: CryptoMethod, key: SecretKey, provider: CryptoProvider = .automatic
    ) throws(KeyError) {
        self.magic = magic
        self.method = method
        cipher = try Cipher(method, key: key, provider: provider)
    }

    /// The seal of another network that has the same key.
    package func with(_ magic: Magic) -> Self {
        var result = self
        result.magic = magic
        return result
    }

    /// The library that does the work, never ``CryptoProvider/automatic``; nil without encryption.
    public var provider: CryptoProvider? { cipher?.provider }

    /// The bytes before a message: header and nonce.
    public var headBytes: Int { PacketHeader.byteCount + method.headBytes }
    /// The bytes after a message: the tag.
    public var tailBytes: Int { method.tailBytes }

    /// Makes a packet of a message in place.
    ///
    /// - Parameters:
    ///   - bytes: holds the message, with ``headBytes`` before and ``tailBytes`` after it.
    ///   - message: where the message is.
    ///   - nonce: a number never used with this key; not looked at without encryption.
    @inline(__always)
    public func seal(_ bytes: inout MutableSpan<UInt8>, message: Range<Int>, type: MessageType, nonce: Nonce) {
        let start = message.lowerBound - headBytes
        PacketHeader(magic: magic, method: method, type: type).write(to: &bytes, at: start)
        guard method != .none else { return }
        nonce.write(to: &bytes, at: start + PacketHeader.byteCount)
        cipher?.seal(&bytes, header: start, message: message)
    }

    /// Makes packets of messages that stand one behind the other, each with ``headBytes`` before and ``tailBytes`` after it.
    ///
    /// - Parameters:
    ///   - packets: from the first header to the last tag.
    ///   - segmentBytes: the length of each packet; the last may be shorter.
    ///   - nonce: the last that was used with this key; afterwards that of the last packet. Without encryption it stays.
    package func seal(
        _ bytes: inout MutableSpan<UInt8>, packets: Range<Int>, segmentBytes: Int, type: MessageType, nonce: inout Nonce
    ) {
        var start = packets.lowerBound
        while start < packets.upperBound {
            let end = min(start + segmentBytes, packets.upperBound)
            if method != .none { nonce.increment() }
            seal(&bytes, message: start + headBytes..<end - tailBytes, type: type, nonce: nonce)
            start = end
        }
    }

    /// Opens a packet in place. Whatever the bytes are, the outcome is a message or an error. After an error nobody may
    /// look at the bytes: what was opened in vain is neither what was received nor what anybody sent.
    public func open(_ packet: inout MutableSpan<UInt8>) throws(OpenError) -> OpenedPacket {
        let header: PacketHeader
        do {
            header = try PacketHeader(packet.span, magic: magic, method: method)
        } catch {
            throw .malformed(error)
        }
        guard packet.count >= headBytes + tailBytes else {
            throw .malformed(.truncated(needed: headBytes + tailBytes, available: packet.count))
        }
        let message = headBytes..<packet.count - tailBytes
        guard method != .none else { return OpenedPacket(type: header.type, message: message, nonce: nil) }
        let nonce = Nonce(packet.span, at: PacketHeader.byteCount)
        guard cipher?.open(&packet, message: message) == true else { throw .unauthentic }
        return OpenedPacket(type: header.type, message: message, nonce: nonce)
    }

    /// Opens a packet in place, and puts before its message the header that it would have without encryption, so that
    /// programs which have no key can read it.
    ///
    /// - Returns: what was opened, and where in the bytes the packet with method 0 is.
    package func unseal(
        _ packet: inout MutableSpan<UInt8>
    ) throws(OpenError) -> (opened: OpenedPacket, plain: Range<Int>) {
        let opened = try open(&packet)
        let start = opened.message.lowerBound - PacketHeader.byteCount
        // Without encryption it stays as it is, reserved bytes included.
        if method != .none {
            PacketHeader(magic: magic, method: .none, type: opened.type).write(to: &packet, at: start)
        }
        return (opened, start..<opened.message.upperBound)
    }
}

/// A packet that was opened in place.
public struct OpenedPacket: Hashable, Sendable {
    /// What the message is.
    public let type: MessageType
    /// Where in the packet it stands.
    public let message: Range<Int>
    /// The number it was sealed with; nil without encryption.
    public let nonce: Nonce?

    /// The same where the packet does not stand at the start of the bytes, but so far behind it.
    package func moved(by distance: Int) -> Self {
        let message = message.lowerBound + distance..<message.upperBound + distance
        return Self(type: type, message: message, nonce: nonce)
    }
}

/// Why a packet was not opened.
public enum OpenError: Error, Hashable, Sendable {
    /// The bytes are no packet of this network.
    case malformed(DecodeError)
    /// The tag does not fit: another key, a forged or a damaged packet.
    case unauthentic
}
