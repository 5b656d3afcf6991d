package import VPNNode
import VPNProtocol
import VPNSimulator

/// What can be told of a frame by itself.
package enum InnerFrame {
    /// The kind of device that a frame is of, where that is beyond doubt: an IP packet of just this length, or an Ethernet
    /// frame with IP or ARP in it. Nil where it is neither.
    package static func deviceType(of frame: Span<UInt8>) -> DeviceType? {
        if isIPPacket(frame, at: 0, mayBePadded: false) { return .tun }
        guard let type = EthernetType(frame: frame) else { return nil }
        switch type.number {
        case EthernetType.ipv4, EthernetType.ipv6:
            return isIPPacket(frame, at: type.payload, mayBePadded: true) ? .tap : nil
        case EthernetType.arp: return isARP(frame, at: type.payload) ? .tap : nil
        default: return nil
        }
    }

    /// Whether a frame can be what a device of a kind carries.
    package static func mayBe(_ type: DeviceType, _ frame: Span<UInt8>) -> Bool {
        switch type {
        case .tun: !frame.isEmpty && (frame[0] >> 4 == 4 || frame[0] >> 4 == 6)
        case .tap: frame.count >= 14
        }
    }

    /// Whether an IP packet with right lengths and, of IPv4, a right checksum begins at an offset.
    static func isIPPacket(_ frame: Span<UInt8>, at start: Int, mayBePadded: Bool) -> Bool {
        guard frame.count - start >= 20 else { return false }
        let length: Int
        switch frame[start] >> 4 {
        case 4:
            let headerBytes = Int(frame[start] & 15) * 4
            length = Int(frame.big(UInt16.self, at: start + 2))
            guard headerBytes >= 20, headerBytes <= length, length <= frame.count - start else { return false }
            var sum = InternetChecksum()
            sum.add(frame.extracting(start..<start + headerBytes))
            guard sum.value == 0 else { return false }
        case 6: length = 40 + Int(frame.big(UInt16.self, at: start + 4))
        default: return false
        }
        return mayBePadded ? length <= frame.count - start : length == frame.count - start
    }

    /// Whether an ARP packet for Ethernet and IPv4 begins at an offset (RFC 826): 28 bytes.
    private static func isARP(_ frame: Span<UInt8>, at start: Int) -> Bool {
        frame.count - start >= 28 && frame.big(UInt64.self, at: start) >> 16 == 0x0001_0800_0604
    }
}
