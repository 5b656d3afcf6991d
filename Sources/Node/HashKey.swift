package import VPNProtocol

/// The secret that decides where keys stand in tables, so that nobody who chooses keys, such as node ids and addresses,
/// can make a table slow.
///
/// The hash multiplies the two words of a key, each under a secret word, to 128 bits and folds these to 64; what is left of
/// the key is multiplied in the same way beside it (as wyhash by Wang Yi and foldhash by Orson Peters do). One lookup costs
/// two multiplications. Hashes never leave the node, and without them nobody knows which keys meet: that takes two products
/// that agree under words nobody has seen.
package struct HashKey: Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    /// A key from 128 secret bits.
    package init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
        // Digits of the fraction of pi, as good as any other numbers that nobody chose.
        third = Self.fold(first ^ 0x243f_6a88_85a3_08d3, second ^ 0x1319_8a2e_0370_7344)
        fourth = Self.fold(first ^ 0xa409_3822_299f_31d0, second ^ 0x082e_fa98_ec4e_6c89)
    }

    /// The hash of two words and what is left: whatever tells keys with the same two words apart.
    @inline(__always)
    func hash(_ one: UInt64, _ two: UInt64, rest: UInt64) -> UInt64 {
        Self.fold(one ^ first, two ^ second) ^ Self.fold(rest ^ third, fourth)
    }

    /// All 128 bits of a product in 64.
    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (high, low) = left.multipliedFullWidth(by: right)
        return high ^ low
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
    package func hash(under key: HashKey) -> UInt64 { key.hash(high, low, rest: 0) }

    @inline(__always)
    package func isSame(as other: Self) -> Bool { low == other.low && high == other.high }
}

extension StationAddress: TableKey {
    @inline(__always)
    package func hash(under key: HashKey) -> UInt64 {
        key.hash(high, low, rest: UInt64(family.rawValue))
    }

    @inline(__always)
    package func isSame(as other: Self) -> Bool { high == other.high && low == other.low && family == other.family }
}

extension Endpoint: TableKey {
    @inline(__always)
    package func hash(under key: HashKey) -> UInt64 {
        key.hash(address.high, address.low, rest: UInt64(scope) << 16 | UInt64(port))
    }

    /// Equality, written out since a call into another module costs more than the comparison.
    @inline(__always)
    package func isSame(as other: Self) -> Bool {
        address.low == other.address.low && address.high == other.address.high && port == other.port
            && scope == other.scope
    }
}
