import VPNProtocol
import VPNSimulator

extension DatagramPlace {
    /// Writes the headers of a captured packet before another payload, with the lengths and the checksums that go with it.
    /// All else stays: addresses, ports, and whatever the headers hold besides.
    ///
    /// - Parameters:
    ///   - packet: the captured packet that this is the place of.
    ///   - payload: where in `bytes` the payload is, at least as far from the start as the headers are long. Not longer than
    ///     that of the captured packet.
    /// - Returns: where the whole packet is.
    package func writeHeaders(
        of packet: Span<UInt8>, before payload: Range<Int>, in bytes: inout MutableSpan<UInt8>
    ) -> Range<Int> {
        let headerBytes = self.payload.lowerBound
        let start = payload.lowerBound - headerBytes
        precondition(start >= 0 && payload.count <= self.payload.count)
        bytes.copy(packet.extracting(0..<headerBytes), to: start)
        let (ip, udp) = (start + self.ip, start + self.udp)
        // Whoever found this place made sure that both lengths fit their 16 bits.
        let udpBytes = UInt16(truncatingIfNeeded: 8 + payload.count)
        if isIPv6 {
            bytes.setBig(UInt16(truncatingIfNeeded: udp - ip - 40) &+ udpBytes, at: ip + 4)
        } else {
            bytes.setBig(UInt16(truncatingIfNeeded: udp - ip) &+ udpBytes, at: ip + 2)
            bytes.setBig(0 as UInt16, at: ip + 10)
            var sum = InternetChecksum()
            sum.add(bytes.span.extracting(ip..<udp))
            bytes.setBig(sum.value, at: ip + 10)
        }
        bytes.setBig(udpBytes, at: udp + 4)
        bytes.setBig(0 as UInt16, at: udp + 6)
        // The pseudo header (RFC 768; RFC 8200, 8.1): both addresses, the protocol, the length.
        var sum = InternetChecksum()
        sum.add(bytes.span.extracting(isIPv6 ? ip + 8..<ip + 40 : ip + 12..<ip + 20))
        sum.add(UInt16(IPHeader.Number.udp))
        sum.add(udpBytes)
        sum.add(bytes.span.extracting(udp..<payload.upperBound))
        // Zero would mean that there is no checksum.
        bytes.setBig(sum.value == 0 ? 0xffff : sum.value, at: udp + 6)
        return start..<payload.upperBound
    }
}
