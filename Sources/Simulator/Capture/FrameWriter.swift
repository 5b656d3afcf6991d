import VPNProtocol

/// Writes packets byte by byte, numbers with their highest byte first.
package struct FrameWriter {
    /// What was written.
    package var bytes: [UInt8] = []

    /// Nothing is written yet.
    package init() {}

    /// Forgets what was written, and keeps the memory.
    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func append(_ source: Span<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: source.count))
        var target = bytes.mutableSpan
        target.copy(source, to: start)
    }

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

    /// A MAC address, the lower 48 bits of a number.
    mutating func mac(_ address: UInt64) {
        number(UInt16(truncatingIfNeeded: address >> 32))
        number(UInt32(truncatingIfNeeded: address))
    }

    /// A UDP header (RFC 768) whose checksum is still to come.
    mutating func udpHeader(from source: UInt16, to destination: UInt16, byteCount: UInt16) {
        number(source)
        number(destination)
        number(byteCount)
        number(0 as UInt16)
    }

    /// Sets the checksum of the UDP datagram that begins at `udp`, behind its IP header, and takes all the rest.
    mutating func setUDPChecksum(at udp: Int, isIPv4: Bool) {
        // The pseudo header (RFC 768; RFC 8200, 8.1): both addresses, the protocol, the length.
        var sum = InternetChecksum()
        let addressBytes = isIPv4 ? 4 : 16
        sum.add(bytes[(udp - 2 * addressBytes)...])
        sum.add(17)
        sum.add(UInt16(truncatingIfNeeded: bytes.count - udp))
        // Zero would mean that there is no checksum.
        set(sum.value == 0 ? 0xffff : sum.value, at: udp + 6)
    }
}
