/// A range of addresses that a node claims: a base address and the number of its leading bits that count.
///
/// Base address and prefix length are kept as given or received, so that an Init message re-encodes byte for byte.
public struct Subnet: Hashable, Sendable {
    /// How the base address is written on the wire (manual: "Initial message").
    public enum Form: UInt8, Sendable, CaseIterable {
        /// 4 bytes.
        case ipv4 = 4
        /// 6 bytes.
        case mac = 6
        /// 8 bytes: a VLAN number and a MAC address.
        case vlanMAC = 8
        /// 16 bytes.
        case ipv6 = 16

        /// The length of a base address on the wire.
        public var byteCount: Int { Int(rawValue) }
        /// The greatest prefix length.
        public var bitWidth: Int { 8 * Int(rawValue) }
    }

    /// The form of the base address.
    public let form: Form
    /// The base address in the top bits, zeros below.
    public let base: UInt128
    /// The number of leading bits that count, at most `form.bitWidth`.
    public let prefixLength: UInt8

    /// A subnet from checked parts; nil where the prefix is longer than the address.
    public init?(_ form: Form, base: UInt128, prefixLength: UInt8) {
        guard Int(prefixLength) <= form.bitWidth else { return nil }
        self.form = form
        self.base = base
        self.prefixLength = prefixLength
    }

    /// The same range in the terms of frames: the first address of it and its prefix length there.
    /// A MAC address without a VLAN means untagged frames, whose VLAN number is 0.
    public var range: (first: StationAddress, prefixLength: Int) {
        let length = Int(prefixLength)
        return switch form {
        case .ipv4: (StationAddress(.ipv4, bits: base).prefix(length), length)
        case .ipv6: (StationAddress(.ipv6, bits: base).prefix(length), length)
        case .vlanMAC: (StationAddress(.ethernet, bits: base).prefix(length), length)
        case .mac: (StationAddress(.ethernet, bits: base >> 16).prefix(length + 16), length + 16)
        }
    }
}

/// How a text failed to be a subnet.
public enum SubnetTextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No `/length` at the end.
    case missingPrefixLength
    /// The part before the last slash is no IPv4, IPv6 or MAC address.
    case invalidAddress(String)
    /// A VLAN number outside 0 to 4094 (IEEE 802.1Q, 9.6).
    case invalidVLAN(String)
    /// The prefix length is no number from 0 to `longest`.
    case invalidPrefixLength(String, longest: Int)

    /// What is wrong, and what would be right.
    public var description: String {
        switch self {
        case .missingPrefixLength: "has no prefix length; write it like 10.1.1.0/24"
        case .invalidAddress(let text): "'\(text)' is no IPv4, IPv6 or MAC address"
        case .invalidVLAN(let text): "'\(text)' is no VLAN number; write one from 0 to 4094"
        case .invalidPrefixLength(let text, let longest):
            "'/\(text)' is no prefix length; write one from 0 to \(longest)"
        }
    }
}

extension Subnet {
    /// Reads `10.1.1.0/24`, `fd00::/64`, `02:00:00:00:00:01/48`, or with a VLAN `10/02:00:00:00:00:01/64`.
    public init(parsing text: String) throws(SubnetTextError) {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2 else { throw .missingPrefixLength }
        let length = parts.removeLast()
        let form: Form
        let base: UInt128
        if parts.count == 2 {
            guard let vlan = Self.decimal(parts[0]), vlan <= 4094 else { throw .invalidVLAN(String(parts[0])) }
            guard let mac = Self.parseMAC(parts[1]) else { throw .invalidAddress(String(parts[1])) }
            (form, base) = (.vlanMAC, (UInt128(vlan) << 48 | UInt128(mac)) << 64)
        } else if parts.count == 1, let mac = Self.parseMAC(parts[0]) {
            (form, base) = (.mac, UInt128(mac) << 80)
        } else if parts.count == 1, let address = IPAddress(parts[0]) {
            // A text with colons is an IPv6 subnet even where the address is IPv4-mapped.
            if let ipv4 = address.ipv4, !parts[0].contains(":") {
                (form, base) = (.ipv4, UInt128(ipv4) << 96)
            } else {
                (form, base) = (.ipv6, address.bits)
            }
        } else {
            throw .invalidAddress(parts.joined(separator: "/"))
        }
        guard let number = Self.decimal(length), number <= form.bitWidth,
            let subnet = Self(form, base: base, prefixLength: UInt8(number))
        else { throw .invalidPrefixLength(String(length), longest: form.bitWidth) }
        self = subnet
    }

    private static func decimal(_ text: Substring) -> UInt16? {
        text.utf8.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } ? UInt16(text) : nil
    }

    private static func parseMAC(_ text: Substring) -> UInt64? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6 else { return nil }
        var bits: UInt64 = 0
        for part in parts {
            // A sign is no digit, though UInt8 reads "+1" and "-0".
            guard part.utf8.count == 2, !part.hasPrefix("+"), !part.hasPrefix("-"), let octet = UInt8(part, radix: 16)
            else { return nil }
            bits = bits << 8 | UInt64(octet)
        }
        return bits
    }
}

extension Subnet: CustomStringConvertible {
    /// The text that ``init(parsing:)`` reads.
    public var description: String {
        switch form {
        case .ipv4: "\(StationAddress(.ipv4, bits: base))/\(prefixLength)"
        case .ipv6:
            // With the colons that make it an IPv6 subnet, also where the base is IPv4-mapped (RFC 5952, 5).
            "\(IPAddress(bits: base).isIPv4 ? "::ffff:" : "")\(IPAddress(bits: base))/\(prefixLength)"
        case .mac: "\(StationAddress(.ethernet, bits: base >> 16))/\(prefixLength)"
        case .vlanMAC:
            "\(base >> 112)/\(StationAddress(vlan: 0, mac: UInt64(truncatingIfNeeded: base >> 64)))/\(prefixLength)"
        }
    }
}
