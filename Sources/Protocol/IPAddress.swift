/// An IPv4 or IPv6 address, 128 bits.
///
/// An IPv4 address is held as its IPv4-mapped IPv6 form (`::ffff:a.b.c.d`, RFC 4291, 2.5.5.2). The two spellings
/// of one address, which programs of dialect `1` both put into their lists, are therefore equal here.
public struct IPAddress: Hashable, Sendable {
    // Two words rather than one 128-bit integer: the alignment of 8 keeps records that hold addresses small.
    package let high: UInt64
    package let low: UInt64

    /// The 128 bits in network order: the first byte of the address is the most significant.
    public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// An address from its 128 bits, the first byte most significant.
    public init(bits: UInt128) {
        high = UInt64(truncatingIfNeeded: bits >> 64)
        low = UInt64(truncatingIfNeeded: bits)
    }

    /// An IPv4 address from its 32 bits, the first byte most significant.
    public init(ipv4 bits: UInt32) {
        high = 0
        low = 0xffff_0000_0000 | UInt64(bits)
    }

    /// An IPv4 address from its four numbers.
    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self.init(ipv4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
    }

    /// The 32 bits where this is an IPv4 address, else nil.
    public var ipv4: UInt32? { isIPv4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Whether this is an IPv4 address (or, which is the same here, an IPv4-mapped one).
    public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// `0.0.0.0` or `::`.
    public var isUnspecified: Bool { isIPv4 ? low & 0xffff_ffff == 0 : high == 0 && low == 0 }

    /// An IPv4 group (`224.0.0.0/4`), the limited broadcast address, or an IPv6 group (`ff00::/8`).
    public var isMulticast: Bool {
        guard let ipv4 else { return high >> 56 == 0xff }
        return ipv4 >> 28 == 0xe || ipv4 == .max
    }

    /// An IPv6 link-local address (`fe80::/10`), which means something only together with an interface.
    public var isLinkLocal: Bool { high >> 54 == 0x3fa }
}

extension IPAddress {
    /// Reads an IPv4 address in four decimal numbers, or an IPv6 address in any of the forms of RFC 4291, 2.2.
    public init?(_ text: some StringProtocol) {
        if text.contains(":") {
            guard let bits = Self.parseIPv6(text) else { return nil }
            self.init(bits: bits)
        } else {
            guard let bits = Self.parseIPv4(text) else { return nil }
            self.init(ipv4: bits)
        }
    }

    private static func parseIPv4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            let plain = part.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
            // "010" is eight to some readers and ten to others: refused.
            guard plain, part.utf8.count == 1 || part.utf8.first != UInt8(ascii: "0"), let number = UInt8(part)
            else { return nil }
            bits = bits << 8 | UInt32(number)
        }
        return bits
    }

    private static func parseIPv6(_ text: some StringProtocol) -> UInt128? {
        var halves: [[UInt16]] = [[]]
        var rest = Array(text.split(separator: ":", omittingEmptySubsequences: false))
        guard rest.count >= 3 else { return nil }
        // A leading or trailing "::" leaves two empty parts at that end; one of them goes.
        if rest[0].isEmpty {
            guard rest[1].isEmpty else { return nil }
            rest.removeFirst()
        }
        if rest.count > 1, rest[rest.count - 1].isEmpty {
            guard rest[rest.count - 2].isEmpty else { return nil }
            rest.removeLast()
        }
        for (index, part) in rest.enumerated() {
            if part.isEmpty {
                guard halves.count == 1 else { return nil }
                halves.append([])
            } else if part.contains(".") {
                guard index == rest.count - 1, let bits = parseIPv4(part) else { return nil }
                halves[halves.count - 1].append(UInt16(bits >> 16))
                halves[halves.count - 1].append(UInt16(truncatingIfNeeded: bits))
            } else {
                // A sign is no digit, though UInt16 reads "+1" and "-0".
                guard part.utf8.count <= 4, !part.hasPrefix("+"), !part.hasPrefix("-"),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                halves[halves.count - 1].append(group)
            }
        }
        let count = halves.reduce(0) { $0 + $1.count }
        guard halves.count == 1 ? count == 8 : count < 8 else { return nil }
        let zeros = [UInt16](repeating: 0, count: 8 - count)
        let groups = halves[0] + zeros + (halves.count > 1 ? halves[1] : [])
        return groups.reduce(0) { $0 << 16 | UInt128($1) }
    }
}

extension IPAddress: CustomStringConvertible {
    /// `192.0.2.1`, or the canonical text of an IPv6 address (RFC 5952).
    public var description: String {
        if let ipv4 {
            return "\(ipv4 >> 24).\(ipv4 >> 16 & 0xff).\(ipv4 >> 8 & 0xff).\(ipv4 & 0xff)"
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * $0)) }
        // The longest run of at least two zero groups is written "::", the first of several.
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        let hex = groups.map { String($0, radix: 16) }
        guard !longest.isEmpty else { return hex.joined(separator: ":") }
        return hex[..<longest.lowerBound].joined(separator: ":") + "::"
            + hex[longest.upperBound...].joined(separator: ":")
    }
}
