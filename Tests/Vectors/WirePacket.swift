public import VPNProtocol

/// Packets of wires, layer by layer. Checksums are zero, which nobody who looks into a capture minds.
public enum WirePacket {
    /// An Ethernet frame, with the types and the contents of VLAN tags.
    public static func ethernet(
        _ type: UInt16, tags: [(type: UInt16, content: UInt16)] = [], _ payload: [UInt8]
    )
        -> [UInt8]
    {
        let addresses: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
        return addresses + tags.flatMap { number($0.type) + number($0.content) } + number(type) + payload
    }

    /// Linux cooked, version 1: direction, kind of device, length of the address, the address in eight bytes, type.
    public static func cooked(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0] + number(type) + payload
    }

    /// Linux cooked, version 2: type, two zeros, number and kind of the device, direction, address.
    public static func cooked2(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        number(type) + [0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0] + payload
    }

    /// IPv4 from 192.0.2.1 to 192.0.2.2.
    ///
    /// - Parameters:
    ///   - optionBytes: a multiple of 4, at most 40.
    ///   - fragment: the flags and the offset.
    ///   - length: what its header says that it is; nil for what it is.
    public static func ipv4(
        _ protocolNumber: UInt8, optionBytes: Int = 0, fragment: UInt16 = 0, length: UInt16? = nil,
        _ payload: [UInt8]
    ) -> [UInt8] {
        let headerBytes = 20 + optionBytes
        let total = length ?? UInt16(truncatingIfNeeded: headerBytes + payload.count)
        return [0x40 | UInt8(headerBytes / 4), 0] + number(total) + [0, 1] + number(fragment) + [
            64, protocolNumber, 0, 0,
        ]
            + [192, 0, 2, 1, 192, 0, 2, 2] + [UInt8](repeating: 1, count: optionBytes) + payload
    }

    /// IPv6 from 2001:db8::1 to 2001:db8::2.
    ///
    /// - Parameter extensions: the headers between, each with its number; the first byte of each is set to what follows.
    public static func ipv6(
        _ protocolNumber: UInt8, extensions: [(number: UInt8, bytes: [UInt8])] = [], _ payload: [UInt8]
    ) -> [UInt8] {
        var between: [UInt8] = []
        for (index, header) in extensions.enumerated() {
            let next = index + 1 < extensions.count ? extensions[index + 1].number : protocolNumber
            between += [next] + header.bytes.dropFirst()
        }
        let prefix: [UInt8] = [0x20, 0x01, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11)
        return [0x60, 0, 0, 0] + number(UInt16(between.count + payload.count))
            + [extensions.first?.number ?? protocolNumber, 64] + prefix + [1] + prefix + [2] + between + payload
    }

    /// A UDP datagram.
    ///
    /// - Parameter length: what its header says that it is; nil for what it is.
    public static func udp(
        _ source: UInt16, _ destination: UInt16, length: UInt16? = nil, _ payload: [UInt8]
    )
        -> [UInt8]
    {
        number(source) + number(destination) + number(length ?? UInt16(truncatingIfNeeded: 8 + payload.count)) + [0, 0]
            + payload
    }

    /// A packet of the protocol, sealed.
    public static func sealed(_ seal: PacketSeal, _ type: MessageType, _ message: [UInt8], nonce: UInt128 = 1)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: seal.headBytes) + message
        bytes += [UInt8](repeating: 0, count: seal.tailBytes)
        var span = bytes.mutableSpan
        seal.seal(
            &span, message: seal.headBytes..<seal.headBytes + message.count, type: type, nonce: Nonce(bits: nonce))
        return bytes
    }

    /// An IPv4 packet with a right checksum and so many bytes of something: what a TUN device carries.
    public static func innerPacket(byteCount: Int = 84) -> [UInt8] {
        var bytes = ipv4(1, [UInt8](repeating: 0x5a, count: byteCount - 20))
        var sum = stride(from: 0, to: 20, by: 2).reduce(0) { $0 + Int(bytes[$1]) << 8 + Int(bytes[$1 + 1]) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        bytes[10] = UInt8(~sum >> 8 & 0xff)
        bytes[11] = UInt8(~sum & 0xff)
        return bytes
    }

    private static func number(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
}

// What is mostly wanted: IPv4 within, UDP within that, and the usual ports.
extension WirePacket {
    /// An Ethernet frame with an IPv4 packet.
    public static func ethernet(tags: [(type: UInt16, content: UInt16)] = [], _ payload: [UInt8]) -> [UInt8] {
        ethernet(0x0800, tags: tags, payload)
    }

    /// Linux cooked, version 1, with an IPv4 packet.
    public static func cooked(_ payload: [UInt8]) -> [UInt8] { cooked(0x0800, payload) }

    /// Linux cooked, version 2, with an IPv4 packet.
    public static func cooked2(_ payload: [UInt8]) -> [UInt8] { cooked2(0x0800, payload) }

    /// IPv4 with UDP.
    public static func ipv4(
        optionBytes: Int = 0, fragment: UInt16 = 0, length: UInt16? = nil, _ payload: [UInt8]
    ) -> [UInt8] {
        ipv4(17, optionBytes: optionBytes, fragment: fragment, length: length, payload)
    }

    /// IPv6 with UDP.
    public static func ipv6(extensions: [(number: UInt8, bytes: [UInt8])] = [], _ payload: [UInt8]) -> [UInt8] {
        ipv6(17, extensions: extensions, payload)
    }

    /// UDP between the protocol's own ports.
    public static func udp(length: UInt16? = nil, _ payload: [UInt8]) -> [UInt8] {
        udp(3210, 3210, length: length, payload)
    }
}
