public import VPNProtocol

/// A UDP datagram as an Ethernet frame, with the headers and checksums that a wire would show.
///
/// IPv4 where both ends have IPv4 addresses, else IPv6. MAC addresses are made of IP addresses: `02:04` or `02:06`,
/// then the last four bytes.
public struct UDPFrame: Hashable, Sendable {
    /// The whole frame, without a frame check sequence.
    public let bytes: [UInt8]

    /// The longest payload over IPv4 (RFC 791: 65,535 bytes with headers of 20 and 8).
    public static let longestIPv4Payload = 65_507
    /// The longest payload over IPv6 (RFC 8200: 65,535 bytes behind the header, of which 8 are UDP's).
    public static let longestIPv6Payload = 65_527

    /// A frame from one endpoint to another; nil where the payload is longer than a datagram can be.
    public init?(from source: Endpoint, to destination: Endpoint, payload: [UInt8]) {
        var writer = FrameWriter()
        guard writer.udpFrame(from: source, to: destination, payload: payload.span) else { return nil }
        bytes = writer.bytes
    }
}

extension FrameWriter {
    /// Writes a datagram as a frame, as ``UDPFrame`` is one, behind what is written already. Returns false, and writes nothing,
    /// where the payload is longer than a datagram can be.
    package mutating func udpFrame(from source: Endpoint, to destination: Endpoint, payload: Span<UInt8>) -> Bool {
        let isIPv4 = source.address.isIPv4 && destination.address.isIPv4
        guard payload.count <= (isIPv4 ? UDPFrame.longestIPv4Payload : UDPFrame.longestIPv6Payload) else {
            return false
        }
        let udpBytes = UInt16(8 + payload.count)
        mac(of: destination.address, isIPv4: isIPv4)
        mac(of: source.address, isIPv4: isIPv4)
        number(isIPv4 ? 0x0800 : 0x86dd as UInt16)
        if isIPv4 {
            ipv4Header(from: source.address, to: destination.address, payloadBytes: udpBytes)
        } else {
            ipv6Header(from: source.address, to: destination.address, payloadBytes: udpBytes)
        }
        let udp = bytes.count
        udpHeader(from: source.port, to: destination.port, byteCount: udpBytes)
        append(payload)
        setUDPChecksum(at: udp, isIPv4: isIPv4)
        return true
    }
}
