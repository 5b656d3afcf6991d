import VPNProtocol

/// Where a frame comes from and goes to.
struct FrameAddresses: Hashable, Sendable {
    let source: StationAddress
    let destination: StationAddress

    /// Reads the addresses of an Ethernet frame or an IP packet; nil where it is too short or no IP.
    @inline(__always)
    init?(_ frame: Span<UInt8>, deviceType: DeviceType) {
        switch deviceType {
        case .tap: self.init(ethernet: frame)
        case .tun: self.init(ip: frame)
        }
    }

    /// The type of an 802.1Q tag (IEEE 802.1Q, 9.6).
    private static let vlanTag: UInt16 = 0x8100

    @inline(__always)
    private init?(ethernet frame: Span<UInt8>) {
        guard frame.count >= 14 else { return nil }
        var vlan: UInt64 = 0
        // Only the outermost tag counts, and of it only the 12 bits of the VLAN number, not the priority.
        if frame.big(UInt16.self, at: 12) == Self.vlanTag {
            guard frame.count >= 18 else { return nil }
            vlan = UInt64(frame.big(UInt16.self, at: 14) & 0xfff) << 48
        }
        destination = StationAddress(.ethernet, high: vlan | frame.big(UInt64.self, at: 0) >> 16)
        source = StationAddress(.ethernet, high: vlan | frame.big(UInt64.self, at: 6) >> 16)
    }

    @inline(__always)
    private init?(ip packet: Span<UInt8>) {
        guard packet.count >= 20 else { return nil }
        switch packet[0] >> 4 {
        case 4:
            source = StationAddress(.ipv4, high: UInt64(packet.big(UInt32.self, at: 12)) << 32)
            destination = StationAddress(.ipv4, high: UInt64(packet.big(UInt32.self, at: 16)) << 32)
        case 6 where packet.count >= 40:
            source = StationAddress(.ipv6, high: packet.big(UInt64.self, at: 8), low: packet.big(UInt64.self, at: 16))
            destination = StationAddress(
                .ipv6, high: packet.big(UInt64.self, at: 24), low: packet.big(UInt64.self, at: 32))
        default:
            return nil
        }
    }
}
