package import VPNProtocol

/// The secret that decides where keys stand in tables, so that nobody who chooses keys, such as node ids and addresses,
/// can make a table slow.
///
/// The hash is SipHash with one round a word and three at the end (Aumasson and Bernstein, 2012), written out for keys of
/// two words and up to seven bytes more.
package struct HashKey: Sendable {
    private let first: UInt64
    private let second: UInt64

    /// A key from 128 secret bits.
    package init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }

    /// The hash of `byteCount` bytes, 16 to 23: the two words, and what is left, each with its first byte least significant.
    @inline(__always)
    func hash(_ one: UInt64, _ two: UInt64, rest: UInt64, byteCount: UInt64) -> UInt64 {
        var state = SipState(first, second)
        state.take(one)
        state.take(two)
        state.take(byteCount << 56 | rest)
        return state.finish()
    }
}

private struct SipState {
    private var a: UInt64
    private var b: UInt64
    private var c: UInt64
    private var d: UInt64

    // The constants are "somepseudorandomlygeneratedbytes" in ASCII.
    @inline(__always)
    init(_ first: UInt64, _ second: UInt64) {
        a = first ^ 0x736f_6d65_7073_6575
        b = second ^ 0x646f_7261_6e64_6f6d
        c = first ^ 0x6c79_6765_6e65_7261
        d = second ^ 0x7465_6462_7974_6573
    }

    @inline(__always)
    mutating func take(_ word: UInt64) {
        d ^= word
        round()
        a ^= word
    }

    @inline(__always)
    mutating func finish() -> UInt64 {
        c ^= 0xff
        round()
        round()
        round()
        return a ^ b ^ c ^ d
    }

    @inline(__always)
    private mutating func round() {
        a &+= b
        c &+= d
        b = b << 13 | b >> 51
        d = d << 16 | d >> 48
        b ^= a
        d ^= c
        a = a << 32 | a >> 32
        c &+= b
        a &+= d
        b = b << 17 | b >> 47
        d = d << 21 | d >> 43
        b ^= c
        d ^= a
        c = c << 32 | c >> 32
    }
}

/// What an ``AgedTable`` can be searched by.
package protocol TableKey: Hashable, Sendable {
    /// A hash under a secret; without one of its own, the standard library's, whose secret is the process's.
    func hash(under key: HashKey) -> UInt64
    /// Equality.
    func isSame(as other: Self) -> Bool
}

extension TableKey {
    package func hash(under key: HashKey) -> UInt64 { UInt64(truncatingIfNeeded: hashValue) }
    package func isSame(as other: Self) -> Bool { self == other }
}

extension NodeID: TableKey {
    @inline(__always)
    package func hash(under key: HashKey) -> UInt64 { key.hash(high, low, rest: 0, byteCount: 16) }

    @inline(__always)
    package func isSame(as other: Self) -> Bool { low == other.low && high == other.high }
}

extension StationAddress: TableKey {
    @inline(__always)
    package func hash(under key: HashKey) -> UInt64 {
        key.hash(high, low, rest: UInt64(family.rawValue), byteCount: 17)
    }

    @inline(__always)
    package func isSame(as other: Self) -> Bool { high == other.high && low == other.low && family == other.family }
}

extension Endpoint: TableKey {
    @inline(__always)
    package func hash(under key: HashKey) -> UInt64 {
        key.hash(address.high, address.low, rest: UInt64(scope) << 16 | UInt64(port), byteCount: 22)
    }

    /// Equality, written out since a call into another module costs more than the comparison.
    @inline(__always)
    package func isSame(as other: Self) -> Bool {
        address.low == other.address.low && address.high == other.address.high && port == other.port
            && scope == other.scope
    }
}
