package import VPNProtocol

/// The eight bytes at the start of a datagram, as they are, whether they are a header of this protocol or not.
package struct WireHeader: Hashable, Sendable {
    private let word: UInt64

    /// Reads the header; nil where there are fewer bytes.
    package init?(_ payload: Span<UInt8>) {
        guard payload.count >= PacketHeader.byteCount else { return nil }
        word = payload.big(UInt64.self, at: 0)
    }

    /// The magic.
    package var magic: Magic { Magic(bits: UInt32(truncatingIfNeeded: word >> 32)) }
    /// The number of the crypto method.
    package var methodNumber: UInt8 { UInt8(truncatingIfNeeded: word >> 24) }
    /// The crypto method; nil where it is none that there is.
    package var method: CryptoMethod? { CryptoMethod(rawValue: methodNumber) }
    /// The number of the message type.
    package var typeNumber: UInt8 { UInt8(truncatingIfNeeded: word) }
    /// The message type; nil where it is none that there is.
    package var type: MessageType? { MessageType(rawValue: typeNumber) }

    /// Whether it may be a header of this protocol, whatever its magic: a method and a type that there are, and two zeros
    /// between them. Of datagrams of random bytes, three in a thousand million have that.
    var isPlausible: Bool { method != nil && type != nil && word & 0xffff00 == 0 }

    /// Whether another header is of the same network and method, whatever its message.
    func isAlike(_ other: WireHeader) -> Bool { word >> 24 == other.word >> 24 }
}
