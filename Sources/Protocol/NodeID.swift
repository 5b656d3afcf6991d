/// The 16 random bytes that tell a node from every other for as long as its process lives (manual: "node id").
public struct NodeID: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    /// The id as a number, its first byte most significant.
    public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// An id from its 128 bits, the first byte most significant.
    public init(bits: UInt128) {
        high = UInt64(truncatingIfNeeded: bits >> 64)
        low = UInt64(truncatingIfNeeded: bits)
    }

    /// Orders ids by their bytes.
    public static func < (left: Self, right: Self) -> Bool { (left.high, left.low) < (right.high, right.low) }
}

extension NodeID: CustomStringConvertible {
    /// 32 hexadecimal digits.
    public var description: String { bits.hexadecimal(digits: 32) }
}

extension BinaryInteger {
    /// The value in lower-case hexadecimal, filled up with zeros to `digits`.
    package func hexadecimal(digits: Int) -> String {
        let text = String(self, radix: 16)
        return String(repeating: "0", count: Swift.max(0, digits - text.count)) + text
    }
}
