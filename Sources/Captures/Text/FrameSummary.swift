package import VPNNode
import VPNProtocol

/// A frame in a few words, as tcpdump would put it.
package enum FrameSummary {
    /// The words for a frame of a device of a kind; nil for what it looks like.
    package static func text(_ frame: Span<UInt8>, of deviceType: DeviceType? = nil) -> String {
        let type = deviceType ?? InnerFrame.deviceType(of: frame) ?? (frame.count >= 14 ? .tap : .tun)
        switch type {
        case .tun: return ip(frame, at: 0)
        case .tap:
            guard let type = EthernetType(frame: frame) else { return "a cut frame" }
            let tag = type.vlan.map { "VLAN \($0), " } ?? ""
            return tag + ethernet(frame, type)
        }
    }

    private static func ethernet(_ frame: Span<UInt8>, _ type: EthernetType) -> String {
        switch type.number {
        case EthernetType.ipv4, EthernetType.ipv6: return ip(frame, at: type.payload)
        case EthernetType.arp: return arp(frame, at: type.payload)
        default:
            let (source, destination) = (mac(frame, at: 6), mac(frame, at: 0))
            // What is less than 1536 is a length (IEEE 802.3, 3.2.6).
            let what = type.number < 1536 ? "802.3" : "type 0x\(type.number.hexadecimal(digits: 4))"
            return "\(source) > \(destination), \(what)"
        }
    }

    private static func mac(_ frame: Span<UInt8>, at offset: Int) -> String {
        let bits = UInt64(frame.big(UInt32.self, at: offset)) << 16 | UInt64(frame.big(UInt16.self, at: offset + 4))
        return StationAddress(vlan: 0, mac: bits).description
    }

    /// ARP for Ethernet and IPv4 (RFC 826).
    private static func arp(_ frame: Span<UInt8>, at start: Int) -> String {
        guard frame.count - start >= 28, frame.big(UInt32.self, at: start + 2) == 0x0800_0604 else { return "ARP" }
        let sender = IPAddress(ipv4: frame.big(UInt32.self, at: start + 14))
        let target = IPAddress(ipv4: frame.big(UInt32.self, at: start + 24))
        switch frame.big(UInt16.self, at: start + 6) {
        case 1: return "ARP, who has \(target), tell \(sender)"
        case 2: return "ARP, \(sender) is at \(mac(frame, at: start + 8))"
        default: return "ARP"
        }
    }

    private static func ip(_ frame: Span<UInt8>, at start: Int) -> String {
        guard let header = IPHeader(frame, at: start) else { return "no IP" }
        let addressBytes = header.isIPv6 ? 16 : 4
        let first = start + (header.isIPv6 ? 8 : 12)
        let source = address(frame, at: first, addressBytes)
        let destination = address(frame, at: first + addressBytes, addressBytes)
        let end = min(header.end, frame.count)
        if header.fragmentOffset > 0 {
            return "\(source) > \(destination): a fragment from byte \(header.fragmentOffset) on"
        }
        let payload = header.payload..<max(header.payload, end)
        let (ports, what) = transport(frame, payload, header.protocolNumber)
        let ends = ports.map {
            (Endpoint(source, port: $0.source).description, Endpoint(destination, port: $0.destination).description)
        }
        let (from, to) = ends ?? (source.description, destination.description)
        return "\(from) > \(to): \(what)\(header.hasMoreFragments ? ", the first fragment" : "")"
    }

    private static func address(_ frame: Span<UInt8>, at offset: Int, _ byteCount: Int) -> IPAddress {
        guard byteCount == 16 else { return IPAddress(ipv4: frame.big(UInt32.self, at: offset)) }
        let (high, low) = (frame.big(UInt64.self, at: offset), frame.big(UInt64.self, at: offset + 8))
        return IPAddress(bits: UInt128(high) << 64 | UInt128(low))
    }

    private static func transport(
        _ frame: Span<UInt8>, _ range: Range<Int>, _ number: UInt8
    ) -> (ports: (source: UInt16, destination: UInt16)?, text: String) {
        let start = range.lowerBound
        switch number {
        case IPHeader.Number.udp where range.count >= 8:
            return (ports(frame, start), "UDP, \(bytes(range.count - 8))")
        case IPHeader.Number.tcp where range.count >= 20:
            let headerBytes = Int(frame[start + 12] >> 4) * 4
            return (ports(frame, start), "TCP \(flags(frame[start + 13])), \(bytes(max(0, range.count - headerBytes)))")
        case IPHeader.Number.icmp where range.count >= 8: return (nil, "ICMP \(icmp(frame, start, Self.icmpTypes))")
        case IPHeader.Number.icmp6 where range.count >= 8: return (nil, "ICMPv6 \(icmp(frame, start, Self.icmp6Types))")
        default: return (nil, "protocol \(number), \(bytes(range.count))")
        }
    }

    private static func ports(_ frame: Span<UInt8>, _ start: Int) -> (source: UInt16, destination: UInt16) {
        (frame.big(UInt16.self, at: start), frame.big(UInt16.self, at: start + 2))
    }

    private static func bytes(_ count: Int) -> String { count == 1 ? "1 byte" : "\(count) bytes" }

    /// The flags of TCP (RFC 9293, 3.1).
    private static func flags(_ bits: UInt8) -> String {
        let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
        let set = names.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element)
        return set.isEmpty ? "without flags" : set.joined(separator: " ")
    }

    /// The types that are seen most (IANA, "ICMP Type Numbers", "ICMPv6 Parameters").
    private static let icmpTypes: [UInt8: String] = [
        0: "echo reply", 3: "destination unreachable", 5: "redirect", 8: "echo request", 11: "time exceeded",
    ]
    private static let icmp6Types: [UInt8: String] = [
        1: "destination unreachable", 2: "packet too big", 3: "time exceeded", 128: "echo request", 129: "echo reply",
        130: "listener query", 131: "listener report", 133: "router solicitation", 134: "router advertisement",
        135: "neighbour solicitation", 136: "neighbour advertisement", 143: "listener report",
    ]

    private static func icmp(_ frame: Span<UInt8>, _ start: Int, _ types: [UInt8: String]) -> String {
        let type = frame[start]
        guard let name = types[type] else { return "type \(type)" }
        guard name.hasPrefix("echo") else { return name }
        return "\(name), id \(frame.big(UInt16.self, at: start + 4)), seq \(frame.big(UInt16.self, at: start + 6))"
    }
}
