/// An address inside the VPN, as frames carry it: an IP address of a packet, or a MAC address within its VLAN.
///
/// The significant bits stand at the top, so that a prefix of any family is a run of leading bits.
public struct StationAddress: Hashable, Sendable {
    /// What kind of address this is. Addresses and prefixes of two families never match.
    public enum Family: UInt8, Sendable, CaseIterable {
        /// 32 bits.
        case ipv4
        /// 128 bits.
        case ipv6
        /// 64 bits: 16 for the VLAN number (0 is untagged), 48 for the MAC address.
        case ethernet

        /// The number of bits of an address.
        public var bitWidth: Int {
            switch self {
            case .ipv4: 32
            case .ipv6: 128
            case .ethernet: 64
            }
        }
    }

    @usableFromInline package let high: UInt64
    @usableFromInline package let low: UInt64
    /// The kind of address.
    public let family: Family

    /// The address in the top bits, zeros below.
    public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// An address from its bits at the top of a number.
    public init(_ family: Family, bits: UInt128) {
        self.family = family
        high = UInt64(truncatingIfNeeded: bits >> 64)
        low = UInt64(truncatingIfNeeded: bits)
    }

    /// An address from the two halves of its bits, the leading one first.
    @inlinable
    package init(_ family: Family, high: UInt64, low: UInt64 = 0) {
        self.family = family
        self.high = high
        self.low = low
    }

    /// A MAC address in a VLAN; `mac` in the low 48 bits.
    public init(vlan: UInt16, mac: UInt64) {
        family = .ethernet
        high = UInt64(vlan) << 48 | mac & 0xffff_ffff_ffff
        low = 0
    }

    /// An IP address.
    public init(_ address: IPAddress) {
        if let ipv4 = address.ipv4 {
            self.init(.ipv4, bits: UInt128(ipv4) << 96)
        } else {
            self.init(.ipv6, bits: address.bits)
        }
    }

    /// The address with all but its first `length` bits cleared. `length` is at most the family's `bitWidth`.
    public func prefix(_ length: Int) -> Self {
        length >= 128 ? self : Self(family, bits: bits & ~(UInt128.max >> UInt128(length)))
    }

    /// Whether no single station has this address: a group, a broadcast, or the unspecified address.
    /// Such an address is never learned from traffic.
    public var isGroup: Bool {
        switch family {
        case .ethernet: high & 0x0100_0000_0000 != 0 || high & 0xffff_ffff_ffff == 0
        case .ipv4: high >> 60 == 0xe || high >> 32 == 0xffff_ffff || high == 0
        case .ipv6: high >> 56 == 0xff || (high == 0 && low == 0)
        }
    }
}

extension StationAddress: CustomStringConvertible {
    /// `10.0.1.7`, `fd99::1`, `02:00:00:00:00:01`, or with a VLAN `10/02:00:00:00:00:01`.
    public var description: String {
        switch family {
        case .ipv4: return IPAddress(ipv4: UInt32(high >> 32)).description
        case .ipv6: return IPAddress(bits: bits).description
        case .ethernet:
            let octets = (0..<6).map { UInt8(truncatingIfNeeded: high >> (40 - 8 * $0)).hexadecimal(digits: 2) }
            let mac = octets.joined(separator: ":")
            return high >> 48 == 0 ? mac : "\(high >> 48)/\(mac)"
        }
    }
}
