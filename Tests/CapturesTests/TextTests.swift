import TestVectors
import Testing
import VPNNode
import VPNProtocol

@testable import VPNCaptures

@Suite("The words for a frame")
struct FrameSummaryTests {
    private static let tcp: [UInt8] = [0, 80, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 1, 0, 0, 0, 0, 0]
    private static let echo: [UInt8] = [8, 0, 0, 0, 0, 7, 0, 9, 1, 2]
    private static let arp: [UInt8] =
        [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]

    private static let cases: [([UInt8], DeviceType, String)] = [
        (WirePacket.ipv4(1, echo), .tun, "192.0.2.1 > 192.0.2.2: ICMP echo request, id 7, seq 9"),
        (WirePacket.ipv4(6, tcp + [1, 2]), .tun, "192.0.2.1:80 > 192.0.2.2:4660: TCP SYN ACK, 2 bytes"),
        (
            WirePacket.ipv6(WirePacket.udp(53, 4000, [1])), .tun,
            "[2001:db8::1]:53 > [2001:db8::2]:4000: UDP, 1 byte"
        ),
        (
            WirePacket.ipv6(58, [135] + [UInt8](repeating: 0, count: 23)), .tun,
            "2001:db8::1 > 2001:db8::2: ICMPv6 neighbour solicitation"
        ),
        (WirePacket.ipv4(47, [1, 2, 3]), .tun, "192.0.2.1 > 192.0.2.2: protocol 47, 3 bytes"),
        (WirePacket.ipv4(6, [1, 2, 3]), .tun, "192.0.2.1 > 192.0.2.2: protocol 6, 3 bytes"),
        (WirePacket.ipv4(fragment: 0x0010, [1]), .tun, "192.0.2.1 > 192.0.2.2: a fragment from byte 128 on"),
        (
            WirePacket.ipv4(fragment: 0x2000, WirePacket.udp(1, 2, length: 99, [1])), .tun,
            "192.0.2.1:1 > 192.0.2.2:2: UDP, 1 byte, the first fragment"
        ),
        (WirePacket.ethernet(WirePacket.ipv4(1, echo)), .tap, "192.0.2.1 > 192.0.2.2: ICMP echo request, id 7, seq 9"),
        (
            WirePacket.ethernet(tags: [(0x8100, 0xa064)], WirePacket.ipv4(47, [])), .tap,
            "VLAN 100, 192.0.2.1 > 192.0.2.2: protocol 47, 0 bytes"
        ),
        (WirePacket.ethernet(0x0806, arp), .tap, "ARP, who has 10.0.0.2, tell 10.0.0.1"),
        (WirePacket.ethernet(0x88b5, [1]), .tap, "02:00:00:00:00:01 > 02:00:00:00:00:02, type 0x88b5"),
        (WirePacket.ethernet(38, [1]), .tap, "02:00:00:00:00:01 > 02:00:00:00:00:02, 802.3"),
        ([1, 2, 3], .tap, "a cut frame"), ([], .tun, "no IP"), ([0x45], .tun, "no IP"),
    ]

    @Test("say what it is")
    func words() {
        for (frame, device, text) in Self.cases { #expect(FrameSummary.text(frame.span, of: device) == text) }
    }

    @Test("are those of the kind that it looks like")
    func kinds() {
        #expect(FrameSummary.text(WirePacket.innerPacket().span) == "192.0.2.1 > 192.0.2.2: ICMP type 90")
        #expect(FrameSummary.text(WirePacket.ethernet(0x0806, Self.arp).span).hasPrefix("ARP, who has"))
        #expect(InnerFrame.deviceType(of: WirePacket.ethernet(0x0806, Self.arp).span) == .tap)
    }
}

@Suite("The words for a message")
struct MessageTextTests {
    @Test("say all that is in it, for people and for machines")
    func fields() throws {
        let list = DecodedMessage(
            .peers,
            ([1, 192, 0, 2, 1, 12, 138, 1] + [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 10, 0, 0, 1, 0, 7, 0xaa])
                .span)
        #expect(list.text == "peers, 192.0.2.1:3210 [::ffff:10.0.0.1]:7, and 1 bytes more: aa")
        #expect(
            list.json
                == #"{"type":"peers","addresses":["192.0.2.1:3210","[::ffff:10.0.0.1]:7"],"trailing":"aa"}"#)
        let id = String(repeating: "07", count: 16)
        let initial = DecodedMessage(
            .initial, ([1] + [UInt8](repeating: 7, count: 16) + [1, 4, 10, 0, 1, 0, 24, 0x02, 0x58]).span)
        #expect(initial.text == "init, stage 1 (response), node \(id), subnets 10.0.1.0/24, timeout 600 s")
        #expect(
            initial.json
                == "{\"type\":\"init\",\"stage\":1,\"node_id\":\"\(id)\",\"subnets\":[\"10.0.1.0/24\"],\"trailing\":\"0258\"}"
        )
        #expect(DecodedMessage(.close, [UInt8]().span).text == "close")
        #expect(DecodedMessage(.close, [UInt8]().span).json == #"{"type":"close","trailing":""}"#)
        let malformed = DecodedMessage(.initial, ([5, 1] as [UInt8]).span)
        #expect(malformed.text == "init, malformed: the stage 5, which is neither 0 nor 1 (0501)")
        #expect(
            DecodedMessage(.peers, [UInt8]().span).text
                == "peers, malformed: it ends after 0 bytes, and 1 are needed ()")
    }

    @Test("are those of the descriptions of golden captures", arguments: Capture.all)
    func golden(capture: Capture) throws {
        let seal = try capture.seal
        for packet in capture.packets {
            var bytes = try #require([UInt8](hexadecimal: packet.packet))
            var span = bytes.mutableSpan
            let opened = try seal.open(&span)
            let message = DecodedMessage(opened.type, Array(bytes[opened.message]).span)
            #expect(message.text.hasPrefix(packet.message.type) && !message.text.contains("malformed"))
            #expect(message.text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
        }
    }
}
