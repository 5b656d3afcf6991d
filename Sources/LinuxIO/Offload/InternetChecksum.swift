import CChecksum

/// The one's complement sum of IP, TCP and UDP (RFC 1071).
///
/// Sums are of 16-bit words in the order of this machine, and are not folded: the order of the bytes of the result is that
/// of the bytes summed up (RFC 1071, 2(B)), so that the folded sum is stored as it is. A sum over bytes at an even distance
/// may be added to another one.
enum InternetChecksum {
    /// The sum of the bytes of a range; a last odd byte counts as if a zero followed. Less than 2^48 for any frame.
    @inline(__always) static func sum(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        // The range lies within the span, as was checked.
        return unsafe bytes.withUnsafeBytes {
            unsafe sum($0.baseAddress.unsafelyUnwrapped + range.lowerBound, range.count)
        }
    }

    /// What a number adds to a sum, as it stands in the frame in network order.
    @inline(__always) static func part(_ number: UInt16) -> UInt64 { UInt64(number.bigEndian) }
    @inline(__always) static func part(_ number: UInt32) -> UInt64 { UInt64(number.bigEndian) }

    /// What eight bytes add to a sum.
    @inline(__always) static func halves(_ word: UInt64) -> UInt64 { (word & 0xffff_ffff) &+ word >> 32 }

    /// A sum in 16 bits, with all carries added (RFC 1071, 1). Zero only where every byte is zero.
    @inline(__always) static func folded(_ sum: UInt64) -> UInt16 {
        var sum = (sum & 0xffff_ffff) + (sum >> 32)
        sum = (sum & 0xffff) + (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16)
        return UInt16(truncatingIfNeeded: (sum & 0xffff) + (sum >> 16))
    }

    /// Reads `count` bytes from `start` on.
    @inline(__always) @unsafe private static func sum(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var next = unsafe start
        var left = count
        var sum: UInt64 = 0
        if left >= 64 {
            let blocks = left & ~63
            unsafe sum = cchecksum_sum(next, blocks)
            unsafe next += blocks
            left -= blocks
        }
        // What is left are less than 64 bytes: one piece for each bit of the count, without a loop.
        if left & 32 != 0 {
            let words = unsafe next.loadUnaligned(as: SIMD4<UInt64>.self)
            sum &+= (words & 0xffff_ffff &+ words &>> 32).wrappedSum()
            unsafe next += 32
        }
        if left & 16 != 0 {
            let words = unsafe next.loadUnaligned(as: SIMD2<UInt64>.self)
            sum &+= (words & 0xffff_ffff &+ words &>> 32).wrappedSum()
            unsafe next += 16
        }
        if left & 8 != 0 {
            unsafe sum &+= halves(next.loadUnaligned(as: UInt64.self))
            unsafe next += 8
        }
        if left & 4 != 0 {
            unsafe sum &+= UInt64(next.loadUnaligned(as: UInt32.self))
            unsafe next += 4
        }
        if left & 2 != 0 {
            unsafe sum &+= UInt64(next.loadUnaligned(as: UInt16.self))
            unsafe next += 2
        }
        if left & 1 != 0 { unsafe sum &+= UInt64(UInt16(littleEndian: UInt16(next.load(as: UInt8.self)))) }
        return sum
    }
}
