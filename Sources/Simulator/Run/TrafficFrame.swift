import VPNNode
import VPNProtocol

/// A frame of the traffic: what devices send, with headers and checksums that other programs find in order.
struct TrafficFrame {
    /// The UDP port of both ends, of those that belong to nobody (RFC 6335: from 49152). The first of them will not do:
    /// tcpdump takes what it carries for a Broadcom header, and calls it invalid.
    static let port: UInt16 = 50_000
    /// To every station of an Ethernet.
    static let broadcastMAC: UInt64 = 0xffff_ffff_ffff

    /// From whom.
    let source: Station
    /// For whom; nil for everybody.
    let destination: Station?
    /// The VLAN of its tag; nil for none.
    let vlan: UInt16?
    /// Whether it asks for an address, or says it, as ARP does.
    let isARP: Bool
    /// The length in bytes, at least ``smallest``.
    let byteCount: Int
    /// What it carries.
    let identity: FrameIdentity

    /// The shortest frame: headers of Ethernet with a tag, IPv4 and UDP are 46 bytes, of IPv6 and UDP 48.
    static let smallest = 64

    /// All bytes of it.
    var bytes: [UInt8] {
        var writer = FrameWriter()
        writer.bytes.reserveCapacity(byteCount)
        if source.deviceType == .tap { writeEthernetHeader(to: &writer) }
        if isARP { writeARP(to: &writer) } else { writeIP(to: &writer) }
        return writer.bytes
    }

    /// Where in a frame the identity may stand: behind UDP over IPv4 or IPv6, or behind ARP; on TAP behind Ethernet, with a tag
    /// or without.
    static func readIdentity(in frame: [UInt8], of deviceType: DeviceType) -> FrameIdentity? {
        guard frame.count >= smallest else { return nil }
        var offset = 0
        if deviceType == .tap {
            let isTagged = frame[12] == 0x81 && frame[13] == 0
            offset = isTagged ? 18 : 14
            if frame[offset - 2] == 0x08, frame[offset - 1] == 0x06 {
                return FrameIdentity(in: frame, at: offset + 28)
            }
        }
        return FrameIdentity(in: frame, at: offset + (frame[offset] >> 4 == 6 ? 48 : 28))
    }

    /// The station that a frame is for, as a node in router mode looks it up; nil for what is no frame.
    static func readDestination(of frame: [UInt8], _ deviceType: DeviceType) -> StationAddress? {
        func bits(_ range: Range<Int>) -> UInt128 { frame[range].reduce(0) { $0 << 8 | UInt128($1) } }
        switch deviceType {
        case .tap:
            guard frame.count >= 18 else { return nil }
            let isTagged = frame[12] == 0x81 && frame[13] == 0
            let vlan = isTagged ? UInt16(truncatingIfNeeded: bits(14..<16)) & 0xfff : 0
            return StationAddress(vlan: vlan, mac: UInt64(truncatingIfNeeded: bits(0..<6)))
        case .tun:
            guard frame.count >= 40 else { return nil }
            return frame[0] >> 4 == 6
                ? StationAddress(.ipv6, bits: bits(24..<40)) : StationAddress(.ipv4, bits: bits(16..<20) << 96)
        }
    }

    private func writeEthernetHeader(to writer: inout FrameWriter) {
        let isToAll = destination == nil || isARP && identity.direction == .request
        writer.mac(isToAll ? Self.broadcastMAC : destination?.mac ?? Self.broadcastMAC)
        writer.mac(source.mac)
        if let vlan {
            writer.number(0x8100 as UInt16)
            writer.number(vlan)
        }
        let isIPv4 = source.address.isIPv4
        writer.number(isARP ? 0x0806 : isIPv4 ? 0x0800 : 0x86dd as UInt16)
    }

    /// An ARP packet (RFC 826), and the identity where Ethernet has its padding.
    private func writeARP(to writer: inout FrameWriter) {
        writer.bytes += [0, 1, 8, 0, 6, 4]
        writer.number(identity.direction == .request ? 1 : 2 as UInt16)
        writer.mac(source.mac)
        writer.number(UInt32(truncatingIfNeeded: source.address.bits))
        writer.mac(identity.direction == .request ? 0 : destination?.mac ?? 0)
        writer.number(UInt32(truncatingIfNeeded: destination?.address.bits ?? 0))
        writePayload(to: &writer)
    }

    private func writeIP(to writer: inout FrameWriter) {
        let from = source.address
        // An IPv6 station has no broadcast; all nodes is what comes nearest (RFC 4291, 2.7.1).
        let to =
            destination?.address
            ?? (from.isIPv4 ? IPAddress(255, 255, 255, 255) : IPAddress(bits: 0xff02 << 112 | 1))
        let isIPv4 = from.isIPv4 && to.isIPv4
        let udp = writer.bytes.count + (isIPv4 ? 20 : 40)
        let udpBytes = UInt16(clamping: byteCount - udp)
        if isIPv4 {
            writer.ipv4Header(from: from, to: to, payloadBytes: udpBytes)
        } else {
            writer.ipv6Header(from: from, to: to, payloadBytes: udpBytes)
        }
        writer.udpHeader(from: Self.port, to: Self.port, byteCount: udpBytes)
        writePayload(to: &writer)
        writer.setUDPChecksum(at: udp, isIPv4: isIPv4)
    }

    /// The identity, and then bytes that differ from frame to frame, so that damage anywhere is seen.
    private func writePayload(to writer: inout FrameWriter) {
        identity.write(to: &writer)
        var value = UInt8(truncatingIfNeeded: identity.flow &* 31 &+ identity.number &* 7)
        while writer.bytes.count < byteCount {
            writer.bytes.append(value)
            value &+= 1
        }
    }
}

extension NodeConfiguration {
    /// Whether frames go only where a peer claims their destination (manual: "router mode").
    var forwardsByClaims: Bool { mode == .router || mode == .normal && deviceType == .tun }
}
