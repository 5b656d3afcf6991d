package import VPNProtocol

/// Where a UDP datagram is in a captured packet. All places count from the packet's start.
package struct DatagramPlace: Hashable, Sendable {
    /// How much of the datagram is there.
    package enum Extent: Sendable {
        /// All of it.
        case whole
        /// Only its beginning, as the capture took no more bytes of a packet (its snapshot length).
        case cut
        /// Only its beginning, in the first fragment of an IP packet.
        case fragment
    }

    /// Where the IP header begins.
    package let ip: Int
    /// Where the UDP header begins.
    package let udp: Int
    /// What follows that, as far as it is there.
    package let payload: Range<Int>
    /// Whether it is IPv6.
    package let isIPv6: Bool
    /// Whether that is all.
    package let extent: Extent

    /// Where it comes from.
    package func source(in packet: Span<UInt8>) -> Endpoint {
        Endpoint(address(in: packet, at: isIPv6 ? ip + 8 : ip + 12), port: packet.big(UInt16.self, at: udp))
    }

    /// Where it goes.
    package func destination(in packet: Span<UInt8>) -> Endpoint {
        Endpoint(address(in: packet, at: isIPv6 ? ip + 24 : ip + 16), port: packet.big(UInt16.self, at: udp + 2))
    }

    /// Whether it comes from a port, or goes there.
    func has(port: UInt16, in packet: Span<UInt8>) -> Bool {
        packet.big(UInt16.self, at: udp) == port || packet.big(UInt16.self, at: udp + 2) == port
    }

    private func address(in packet: Span<UInt8>, at offset: Int) -> IPAddress {
        guard isIPv6 else { return IPAddress(ipv4: packet.big(UInt32.self, at: offset)) }
        let (high, low) = (packet.big(UInt64.self, at: offset), packet.big(UInt64.self, at: offset + 8))
        return IPAddress(bits: UInt128(high) << 64 | UInt128(low))
    }
}

/// What a captured packet is.
package enum OuterLayers: Hashable, Sendable {
    /// A UDP datagram.
    case datagram(DatagramPlace)
    /// Something else.
    case other(Refusal)

    /// Takes a captured packet apart down to UDP. Whatever the bytes are, the outcome is one of the two.
    ///
    /// - Parameter wireBytes: the length of the packet on the wire.
    package init(_ packet: Span<UInt8>, wireBytes: Int, _ link: LinkType) {
        switch link {
        case .ethernet: self.init(packet, wireBytes, EthernetType(frame: packet))
        // The type stands at the end of a header of 16 bytes, or at the start of one of 20 (pcap/sll.h).
        case .linuxCooked: self.init(packet, wireBytes, EthernetType(packet, at: 14, payload: 16))
        case .linuxCooked2: self.init(packet, wireBytes, EthernetType(packet, at: 0, payload: 20))
        case .raw, .ipv4, .ipv6: self.init(packet, wireBytes, ipAt: 0)
        // The number of an address family differs between systems; the version of IP does not.
        case .null, .loop: self.init(packet, wireBytes, ipAt: 4)
        }
    }

    private init(_ packet: Span<UInt8>, _ wireBytes: Int, _ type: EthernetType?) {
        guard let type else {
            self = .other(.malformed)
            return
        }
        guard type.number == EthernetType.ipv4 || type.number == EthernetType.ipv6 else {
            self = .other(.notIP)
            return
        }
        self.init(packet, wireBytes, ipAt: type.payload)
    }

    private init(_ packet: Span<UInt8>, _ wireBytes: Int, ipAt start: Int) {
        guard start < packet.count, let ip = IPHeader(packet, at: start) else {
            self = .other(.malformed)
            return
        }
        guard ip.protocolNumber == IPHeader.Number.udp else {
            self = .other(.notUDP)
            return
        }
        guard ip.fragmentOffset == 0 else {
            self = .other(.laterFragment)
            return
        }
        self = Self.datagram(packet, wireBytes, ip).map(Self.datagram) ?? .other(.malformed)
    }

    /// The datagram of an IP packet; nil where it contradicts itself.
    private static func datagram(_ packet: Span<UInt8>, _ wireBytes: Int, _ ip: IPHeader) -> DatagramPlace? {
        let udp = ip.payload
        guard udp + 8 <= min(packet.count, ip.end) else { return nil }
        var length = Int(packet.big(UInt16.self, at: udp + 4))
        // None where the packet is longer than its 16 bits can say (RFC 2675, 4), which a VPN's is not.
        if length == 0 { length = ip.end - udp }
        let ipBytes = udp - ip.start - (ip.isIPv6 ? 40 : 0) + length
        guard length >= 8, ipBytes <= Int(UInt16.max) else { return nil }
        var end = udp + length
        var extent = DatagramPlace.Extent.whole
        if ip.hasMoreFragments {
            extent = .fragment
            end = min(end, ip.end, packet.count)
        } else {
            guard end <= ip.end else { return nil }
            if end > packet.count {
                guard packet.count < wireBytes else { return nil }
                extent = .cut
                end = packet.count
            }
        }
        return DatagramPlace(ip: ip.start, udp: udp, payload: udp + 8..<end, isIPv6: ip.isIPv6, extent: extent)
    }
}
