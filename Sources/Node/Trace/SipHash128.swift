import VPNProtocol

/// SipHash-2-4 with 128 bits of output (Aumasson and Bernstein, 2012), taken piece by piece.
///
/// The standard library's own hasher is seeded anew in each process, so its results say nothing to another one.
public struct SipHash128: Sendable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    /// The bytes that do not fill a word yet, the first one lowest.
    private var pending: UInt64 = 0
    private var byteCount: UInt64 = 0

    /// A hash of nothing under a key of two words, each read with its first byte lowest.
    public init(key first: UInt64, _ second: UInt64) {
        v0 = first ^ 0x736f_6d65_7073_6575
        v1 = second ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = first ^ 0x6c79_6765_6e65_7261
        v3 = second ^ 0x7465_6462_7974_6573
    }

    /// Takes in one more byte.
    public mutating func append(_ byte: UInt8) {
        let position = byteCount & 7
        pending |= UInt64(byte) << (8 * position)
        byteCount &+= 1
        guard position == 7 else { return }
        compress(pending)
        pending = 0
    }

    /// Takes in more bytes.
    public mutating func append(_ bytes: Span<UInt8>) {
        var index = 0
        while index < bytes.count, byteCount & 7 != 0 {
            append(bytes[index])
            index += 1
        }
        while bytes.count - index >= 8 {
            compress(UInt64(littleEndian: bytes.native(UInt64.self, at: index)))
            byteCount &+= 8
            index += 8
        }
        while index < bytes.count {
            append(bytes[index])
            index += 1
        }
    }

    /// The hash of all that was taken in so far. More may follow.
    public var digest: UInt128 {
        var end = self
        end.compress(pending | byteCount << 56)
        end.v2 ^= 0xee
        for _ in 0..<4 { end.round() }
        let first = end.v0 ^ end.v1 ^ end.v2 ^ end.v3
        end.v1 ^= 0xdd
        for _ in 0..<4 { end.round() }
        let second = end.v0 ^ end.v1 ^ end.v2 ^ end.v3
        // In the order in which the reference writes the bytes, so that hexadecimal text agrees with it.
        return UInt128(first.byteSwapped) << 64 | UInt128(second.byteSwapped)
    }

    private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    private mutating func round() {
        v0 &+= v1
        v1 = (v1 << 13 | v1 >> 51) ^ v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = (v3 << 16 | v3 >> 48) ^ v2
        v0 &+= v3
        v3 = (v3 << 21 | v3 >> 43) ^ v0
        v2 &+= v1
        v1 = (v1 << 17 | v1 >> 47) ^ v2
        v2 = v2 << 32 | v2 >> 32
    }
}
