/// The first four bytes of each packet, which tell one network from another (manual: "magic").
public struct Magic: Hashable, Sendable {
    /// The four bytes as one number, the first byte most significant.
    public let bits: UInt32

    /// A magic from its four bytes as a number.
    public init(bits: UInt32) { self.bits = bits }

    /// `vpn\x01`, the manual's default.
    public static let standard = Self(bits: 0x7670_6e01)

    /// Reads eight hexadecimal digits, or `hash:NAME`.
    ///
    /// The hash is the low 32 bits of SipHash-2-4 with an all-zero key over the bytes of NAME and one byte `ff`.
    /// In dialect ``Dialect/v0_8`` the first character of NAME is left out.
    public init?(_ text: String, dialect: Dialect) {
        if text.hasPrefix("hash:") {
            var name = text.dropFirst(5)
            if dialect == .v0_8 { name = name.dropFirst() }
            let hash = keyedHash(Array(name.utf8) + [0xff], key: [UInt8](repeating: 0, count: 16))
            self.init(bits: UInt32(truncatingIfNeeded: hash))
        } else {
            guard text.utf8.count == 8, text.utf8.first != UInt8(ascii: "+"), text.utf8.first != UInt8(ascii: "-"),
                let bits = UInt32(text, radix: 16)
            else { return nil }
            self.init(bits: bits)
        }
    }
}

extension Magic: CustomStringConvertible {
    /// Eight hexadecimal digits.
    public var description: String { bits.hexadecimal(digits: 8) }
}
