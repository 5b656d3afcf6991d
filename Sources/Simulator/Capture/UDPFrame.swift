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
        let isIPv4 = source.address.isIPv4 && destination.address.isIPv4
        guard payload.count <= (isIPv4 ? Self.longestIPv4Payload : Self.longestIPv6Payload) else { return nil }
        let udpBytes = UInt16(8 + payload.count)
        var writer = FrameWriter()
        writer.mac(of: destination.address, isIPv4: isIPv4)
        writer.mac(of: source.address, isIPv4: isIPv4)
        writer.number(isIPv4 ? 0x0800 : 0x86dd as UInt16)
        if isIPv4 {
            writer.ipv4Header(from: source.address, to: destination.address, payloadBytes: udpBytes)
        } else {
            writer.ipv6Header(from: source.address, to: destination.address, payloadBytes: udpBytes)
        }
        let udp = writer.bytes.count
        writer.number(source.port)
        writer.number(destination.port)
        writer.number(udpBytes)
        writer.number(0 as UInt16)
        writer.bytes.append(contentsOf: payload)

        // The pseudo header (RFC 768; RFC 8200, 8.1): both addresses, the protocol, the length.
        var sum = InternetChecksum()
        let addressBytes = isIPv4 ? 4 : 16
        sum.add(writer.bytes[(udp - 2 * addressBytes)...])
        sum.add(17)
        sum.add(udpBytes)
        // Zero would mean that there is no checksum.
        writer.set(sum.value == 0 ? 0xffff : sum.value, at: udp + 6)
        bytes = writer.bytes
    }
}

/// The checksum of IPv4 and UDP (RFC 1071).
struct InternetChecksum {
    private var sum: UInt64 = 0

    /// Adds bytes that begin at an even place.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let low = index + 1 < bytes.endIndex ? bytes[index + 1] : 0
            add(UInt16(bytes[index]) << 8 | UInt16(low))
            index += 2
        }
    }

    mutating func add(_ word: UInt16) { sum += UInt64(word) }

    /// The complement of the sum.
    var value: UInt16 {
        var folded = sum
        while folded >> 16 != 0 { folded = folded & 0xffff + folded >> 16 }
        return ~UInt16(truncatingIfNeeded: folded)
    }
}

private struct FrameWriter {
    var bytes: [UInt8] = []

    mutating func number<Number: FixedWidthInteger>(_ value: Number) {
        var shift = Number.bitWidth
        while shift > 0 {
            shift -= 8
            bytes.append(UInt8(truncatingIfNeeded: value >> Number(shift)))
        }
    }

    mutating func set(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(value >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    mutating func mac(of address: IPAddress, isIPv4: Bool) {
        bytes += [0x02, isIPv4 ? 0x04 : 0x06]
        number(UInt32(truncatingIfNeeded: address.bits))
    }

    mutating func ipv4Header(from source: IPAddress, to destination: IPAddress, payloadBytes: UInt16) {
        let start = bytes.count
        bytes += [0x45, 0]
        number(20 + payloadBytes)
        // Not to be fragmented, so it needs no identification (RFC 6864, 4.1); a time to live of 64.
        bytes += [0, 0, 0x40, 0, 64, 17, 0, 0]
        number(UInt32(truncatingIfNeeded: source.bits))
        number(UInt32(truncatingIfNeeded: destination.bits))
        var sum = InternetChecksum()
        sum.add(bytes[start...])
        set(sum.value, at: start + 10)
    }

    mutating func ipv6Header(from source: IPAddress, to destination: IPAddress, payloadBytes: UInt16) {
        number(0x6000_0000 as UInt32)
        number(payloadBytes)
        bytes += [17, 64]
        number(source.bits)
        number(destination.bits)
    }
}
