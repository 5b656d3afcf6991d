import VPNProtocol

/// Where a frame comes from and goes to.
struct FrameAddresses: Hashable, Sendable {
    let source: StationAddress
    let destination: StationAddress

    /// Reads the addresses of an Ethernet frame or an IP packet; nil where it is too short or no IP.
    init?(_ frame: Span<UInt8>, deviceType: DeviceType) {
        switch deviceType {
        case .tap: self.init(ethernet: frame)
        case .tun: self.init(ip: frame)
        }
    }

    /// The type of an 802.1Q tag (IEEE 802.1Q, 9.6).
    private static let vlanTag: UInt16 = 0x8100

    private init?(ethernet frame: Span<UInt8>) {
        guard frame.count >= 14 else { return nil }
        var vlan: UInt16 = 0
        // Only the outermost tag counts, and of it only the 12 bits of the VLAN number, not the priority.
        if UInt16(frame[12]) << 8 | UInt16(frame[13]) == Self.vlanTag {
            guard frame.count >= 18 else { return nil }
            vlan = (UInt16(frame[14]) << 8 | UInt16(frame[15])) & 0xfff
        }
        destination = StationAddress(vlan: vlan, mac: UInt64(Self.bits(frame, 0..<6)))
        source = StationAddress(vlan: vlan, mac: UInt64(Self.bits(frame, 6..<12)))
    }

    private init?(ip packet: Span<UInt8>) {
        guard packet.count > 0 else { return nil }
        switch packet[0] >> 4 {
        case 4 where packet.count >= 20:
            source = StationAddress(.ipv4, bits: Self.bits(packet, 12..<16) << 96)
            destination = StationAddress(.ipv4, bits: Self.bits(packet, 16..<20) << 96)
        case 6 where packet.count >= 40:
            source = StationAddress(.ipv6, bits: Self.bits(packet, 8..<24))
            destination = StationAddress(.ipv6, bits: Self.bits(packet, 24..<40))
        default:
            return nil
        }
    }

    private static func bits(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt128 {
        var value: UInt128 = 0
        for index in range { value = value << 8 | UInt128(bytes[index]) }
        return value
    }
}
