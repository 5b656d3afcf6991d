import VPNNode
import VPNProtocol

/// Where the IP header of a frame begins.
struct PacketStart {
    let isIPv6: Bool
    /// From the start of the frame: the length of the Ethernet header with its tags, or 0.
    let offset: Int

    /// The Ethernet types of IP (IANA, "IEEE 802 Numbers"), and those of VLAN tags (IEEE 802.1Q, 9.6: C-tag and S-tag).
    private static let ipv4: UInt16 = 0x0800
    private static let ipv6: UInt16 = 0x86dd
    private static let tags: (UInt16, UInt16) = (0x8100, 0x88a8)
    private static let mostTags = 2

    /// Finds the IP header; nil where there is none of full length, or more tags stand before it than two.
    ///
    /// - Parameter frame: within `bytes`.
    @inline(__always) init?(_ bytes: Span<UInt8>, _ frame: Range<Int>, _ deviceType: DeviceType) {
        var offset = 0
        if deviceType == .tap {
            offset = 14
            guard frame.count >= offset else { return nil }
            var type = bytes.big(UInt16.self, at: frame.lowerBound + 12)
            while type == Self.tags.0 || type == Self.tags.1 {
                offset += 4
                guard offset <= 14 + 4 * Self.mostTags, frame.count >= offset else { return nil }
                type = bytes.big(UInt16.self, at: frame.lowerBound + offset - 2)
            }
            guard type == Self.ipv4 || type == Self.ipv6 else { return nil }
            guard frame.count > offset, (bytes[frame.lowerBound + offset] >> 4 == 6) == (type == Self.ipv6) else {
                return nil
            }
        }
        guard frame.count >= offset + 20 else { return nil }
        switch bytes[frame.lowerBound + offset] >> 4 {
        case 4: isIPv6 = false
        case 6 where frame.count >= offset + 40: isIPv6 = true
        default: return nil
        }
        self.offset = offset
    }
}

/// Numbers of the headers that are cut and joined.
enum HeaderField {
    /// IP protocol numbers (IANA, "Protocol Numbers").
    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17

    /// TCP flags (RFC 9293, 3.1).
    static let fin: UInt8 = 0x01
    static let psh: UInt8 = 0x08
    static let ack: UInt8 = 0x10
    static let cwr: UInt8 = 0x80

    /// Where the checksum is in the TCP and the UDP header.
    static let tcpChecksum = 16
    static let udpChecksum = 6
}

extension InternetChecksum {
    /// The sum of the pseudo header without its length (RFC 9293, 3.1; RFC 8200, 8.1).
    @inline(__always) static func pseudoHeader(
        _ bytes: Span<UInt8>, packetAt start: Int, isIPv6: Bool, protocolNumber: UInt8
    ) -> UInt64 {
        let addresses = isIPv6 ? start + 8..<start + 40 : start + 12..<start + 20
        return sum(bytes, addresses) &+ part(UInt16(protocolNumber))
    }
}
