import VPNProtocol

/// The checksum of IPv4 and UDP (RFC 1071).
package struct InternetChecksum {
    private var sum: UInt64 = 0

    /// The sum of nothing.
    package init() {}

    /// Adds bytes that begin at an even place.
    package mutating func add(_ bytes: Span<UInt8>) {
        var index = 0
        var words: UInt64 = 0
        // Words of eight bytes in the order of this machine: the sum has its bytes in that order, too (RFC 1071, 2(B)).
        while index + 8 <= bytes.count {
            let word = bytes.native(UInt64.self, at: index)
            words &+= (word & 0xffff_ffff) &+ word >> 32
            index += 8
        }
        sum += UInt64(UInt16(bigEndian: Self.folded(words)))
        while index + 2 <= bytes.count {
            sum += UInt64(bytes.big(UInt16.self, at: index))
            index += 2
        }
        if index < bytes.count { sum += UInt64(bytes[index]) << 8 }
    }

    /// Adds bytes that begin at an even place.
    package mutating func add(_ bytes: ArraySlice<UInt8>) { add(bytes.span) }

    /// Adds a number.
    package mutating func add(_ word: UInt16) { sum += UInt64(word) }

    /// The complement of the sum: zero where the checksum is among what was added, and right.
    package var value: UInt16 { ~Self.folded(sum) }

    private static func folded(_ sum: UInt64) -> UInt16 {
        var folded = sum
        while folded >> 16 != 0 { folded = folded & 0xffff + folded >> 16 }
        return UInt16(truncatingIfNeeded: folded)
    }
}
