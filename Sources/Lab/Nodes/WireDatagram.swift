import VPNProtocol

/// A UDP datagram in an Ethernet frame.
struct WireDatagram {
    let source: Endpoint
    let destination: Endpoint
    let payload: [UInt8]
    /// Its bytes with IP and UDP headers.
    let byteCount: Int

    /// Nil for any other frame, and for fragments.
    init?(_ frame: [UInt8]) {
        guard frame.count >= 14 else { return nil }
        func number(_ offset: Int) -> Int { Int(frame[offset]) << 8 | Int(frame[offset + 1]) }
        func bits(_ range: Range<Int>) -> UInt128 { frame[range].reduce(0) { $0 << 8 | UInt128($1) } }
        let udp: Int
        let addresses: (IPAddress, IPAddress)
        switch number(12) {
        case 0x0800:
            guard frame.count >= 34, frame[23] == 17, number(20) & 0x3fff == 0 else { return nil }
            udp = 14 + Int(frame[14] & 15) * 4
            addresses = (
                IPAddress(ipv4: UInt32(truncatingIfNeeded: bits(26..<30))),
                IPAddress(ipv4: UInt32(truncatingIfNeeded: bits(30..<34)))
            )
        case 0x86dd:
            guard frame.count >= 54, frame[20] == 17 else { return nil }
            udp = 54
            addresses = (IPAddress(bits: bits(22..<38)), IPAddress(bits: bits(38..<54)))
        default: return nil
        }
        guard frame.count >= udp + 8 else { return nil }
        source = Endpoint(addresses.0, port: UInt16(number(udp)))
        destination = Endpoint(addresses.1, port: UInt16(number(udp + 2)))
        payload = Array(frame[(udp + 8)..<min(frame.count, max(udp + 8, udp + number(udp + 4)))])
        byteCount = udp - 14 + 8 + payload.count
    }
}
