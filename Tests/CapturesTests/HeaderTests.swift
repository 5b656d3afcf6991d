import TestVectors
import Testing
import VPNProtocol
import VPNSimulator

@testable import VPNCaptures

@Suite("Headers of opened packets")
struct HeaderTests {
    private static let four = (
        Endpoint(IPAddress(192, 0, 2, 1), port: 3210), Endpoint(IPAddress(192, 0, 2, 9), port: 53)
    )
    private static let six = (
        Endpoint(IPAddress(bits: 0x2001_0db8 << 96 | 1), port: 1),
        Endpoint(IPAddress(bits: 0x2001_0db8 << 96 | 2), port: 2)
    )

    @Test("are as if the packet had been sent like that", arguments: [0, 1, 2, 3, 7, 8, 9, 1399, 1400])
    func rewritten(byteCount: Int) throws {
        let key = SecretKey([UInt8](repeating: 3, count: 32).span)
        let seal = try PacketSeal(magic: .standard, method: .chacha20, key: key)
        let message = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let plain = WirePacket.sealed(PacketSeal(unencrypted: .standard), .peers, message)
        for (source, destination) in [Self.four, Self.six] {
            let sealed = WirePacket.sealed(seal, .peers, message)
            let captured = try #require(UDPFrame(from: source, to: destination, payload: sealed)).bytes
            let expected = try #require(UDPFrame(from: source, to: destination, payload: plain)).bytes
            guard case .datagram(let place) = OuterLayers(captured.span, wireBytes: captured.count, .ethernet) else {
                Issue.record("no datagram")
                return
            }
            var bytes = captured
            var span = bytes.mutableSpan
            var datagram = span._mutatingExtracting(place.payload)
            let opened = try seal.unseal(&datagram)
            let range =
                opened.plain.lowerBound + place.payload.lowerBound..<opened.plain.upperBound + place.payload.lowerBound
            let whole = place.writeHeaders(of: captured.span, before: range, in: &span)
            #expect(Array(bytes[whole]) == expected)
        }
    }

    @Test("keep what they hold besides: tags, options, extension headers")
    func kept() throws {
        let payload = [UInt8](repeating: 9, count: 100)
        let extensions: [(UInt8, [UInt8])] = [(0, [0, 0, 1, 4, 0, 0, 0, 0])]
        let packets = [
            WirePacket.ethernet(tags: [(0x8100, 0xa064)], WirePacket.ipv4(optionBytes: 8, WirePacket.udp(payload))),
            WirePacket.ethernet(0x86dd, WirePacket.ipv6(extensions: extensions, WirePacket.udp(payload))),
        ]
        for packet in packets {
            guard case .datagram(let place) = OuterLayers(packet.span, wireBytes: packet.count, .ethernet) else {
                Issue.record("no datagram")
                return
            }
            var bytes = packet
            var span = bytes.mutableSpan
            let shorter = place.payload.lowerBound + 12..<place.payload.upperBound - 16
            let whole = place.writeHeaders(of: packet.span, before: shorter, in: &span)
            let written = Array(bytes[whole])
            #expect(written.count == packet.count - 28)
            guard case .datagram(let again) = OuterLayers(written.span, wireBytes: written.count, .ethernet) else {
                Issue.record("no datagram any more")
                return
            }
            #expect(again.extent == .whole && again.payload == place.payload.lowerBound..<written.count)
            #expect(again.source(in: written.span) == place.source(in: packet.span))
            #expect(
                written[..<place.ip] == packet[..<place.ip]
                    && written[place.udp..<place.udp + 4] == packet[place.udp..<place.udp + 4])
            var sum = InternetChecksum()
            if !place.isIPv6 {
                sum.add(written[place.ip..<place.udp])
                #expect(sum.value == 0)
            }
            sum = InternetChecksum()
            sum.add(
                written[(place.isIPv6 ? place.ip + 8 : place.ip + 12)..<(place.isIPv6 ? place.ip + 40 : place.ip + 20)])
            sum.add(17)
            sum.add(UInt16(written.count - place.udp))
            sum.add(written[place.udp...])
            #expect(sum.value == 0)
        }
    }
}
