/// The 12-byte number in each sealed packet that must never come twice with one key.
///
/// A node starts at a random one and adds one for each sealed message, so the nonces of a node are a sequence:
/// they tell a fresh message from a repeated one, and one node's messages from another's.
public struct Nonce: Hashable, Sendable {
    /// The length on the wire.
    public static let byteCount = 12

    // 96 bits as 64 and 32, so that a record with a nonce stays small.
    private var high: UInt64
    private var low: UInt32

    /// The nonce as a number, its first byte most significant.
    public var bits: UInt128 { UInt128(high) << 32 | UInt128(low) }

    /// A nonce from the low 96 bits of a number.
    public init(bits: UInt128) {
        high = UInt64(truncatingIfNeeded: bits >> 32)
        low = UInt32(truncatingIfNeeded: bits)
    }

    /// A first nonce out of random bits. Its first byte is never `ff`, as dialect `1` demands, and so the numbers
    /// that follow do not wrap round within the lifetime of any node.
    public init(startingFrom random: UInt128) {
        let low = random & ((1 << 88) - 1)
        let first = UInt128(UInt64(truncatingIfNeeded: random >> 96) % 255)
        self.init(bits: first << 88 | low)
    }

    /// Moves on to the next nonce, one higher.
    public mutating func increment() {
        let (sum, overflow) = low.addingReportingOverflow(1)
        low = sum
        if overflow { high &+= 1 }
    }

    /// How far ahead of the last message a fresh one may be. Numbers of other nodes are further off with a probability
    /// of 1 - 2⁻⁴⁷, and 2⁴⁸ lost messages in a row take 89 years at 100,000 a second.
    private static let reach: UInt128 = 1 << 48

    /// Whether a message with this nonce comes after one with `last` in the sequence of the same node.
    public func follows(_ last: Nonce) -> Bool { bits > last.bits && bits - last.bits <= Self.reach }

    /// Whether two nonces can be of one sequence, in whatever order.
    public func isNear(_ other: Nonce) -> Bool {
        (bits > other.bits ? bits - other.bits : other.bits - bits) <= Self.reach
    }
}

extension Nonce {
    /// Reads the 12 bytes at `offset`, which must be there.
    package init(_ packet: Span<UInt8>, at offset: Int) {
        high = packet.big(UInt64.self, at: offset)
        low = packet.big(UInt32.self, at: offset + 8)
    }

    /// Writes the 12 bytes at `offset`.
    func write(to packet: inout MutableSpan<UInt8>, at offset: Int) {
        packet.setBig(high, at: offset)
        packet.setBig(low, at: offset + 8)
    }
}

extension Nonce: CustomStringConvertible {
    /// 24 hexadecimal digits.
    public var description: String { bits.hexadecimal(digits: 24) }
}
