import TestVectors
import Testing
import VPNProtocol

@testable import VPNCaptures

/// A captured packet, and what is in it.
struct LayerCase: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let link: LinkType
    let packet: [UInt8]
    let snapshot: Int
    let expected: Result<DatagramPlace.Extent, Refusal>

    init(
        _ name: String, _ link: LinkType, _ packet: [UInt8], snapshot: Int = .max,
        _ expected: Result<DatagramPlace.Extent, Refusal> = .success(.whole)
    ) {
        testDescription = name
        self.link = link
        self.packet = packet
        self.snapshot = snapshot
        self.expected = expected
    }

    static let payload: [UInt8] = Array("hello, this is a payload".utf8)
    private static let udp = WirePacket.udp(payload)
    private static let four = WirePacket.ipv4(udp)
    private static let six = WirePacket.ipv6(udp)

    static let links = [
        Self("Ethernet", .ethernet, WirePacket.ethernet(four)),
        Self("Ethernet, IPv6", .ethernet, WirePacket.ethernet(0x86dd, six)),
        Self("Ethernet, padded", .ethernet, WirePacket.ethernet(WirePacket.ipv4(udp)) + [0, 0, 0, 0, 0, 0]),
        Self("VLAN", .ethernet, WirePacket.ethernet(tags: [(0x8100, 0xa064)], four)),
        Self("QinQ", .ethernet, WirePacket.ethernet(0x86dd, tags: [(0x88a8, 7), (0x8100, 100)], six)),
        Self("three tags", .ethernet, WirePacket.ethernet(tags: [(0x9100, 1), (0x8100, 2), (0x8100, 3)], four)),
        Self("cooked", .linuxCooked, WirePacket.cooked(four)),
        Self("cooked, IPv6", .linuxCooked, WirePacket.cooked(0x86dd, six)),
        Self("cooked, VLAN", .linuxCooked, WirePacket.cooked(0x8100, [0, 100, 0x08, 0x00] + four)),
        Self("cooked v2", .linuxCooked2, WirePacket.cooked2(four)),
        Self("cooked v2, IPv6", .linuxCooked2, WirePacket.cooked2(0x86dd, six)),
        Self("cooked v2, VLAN", .linuxCooked2, WirePacket.cooked2(0x8100, [0, 100, 0x86, 0xdd] + six)),
        Self("raw", .raw, four), Self("raw, IPv6", .raw, six), Self("raw IPv4", .ipv4, four),
        Self("raw IPv6", .ipv6, six), Self("null", .null, [2, 0, 0, 0] + four),
        Self("null, IPv6", .null, [30, 0, 0, 0] + six),
        Self("loop", .loop, [0, 0, 0, 2] + four),
    ]

    static let headers = [
        Self("IPv4 options", .raw, WirePacket.ipv4(optionBytes: 40, udp)),
        Self("IPv4, not to be fragmented", .raw, WirePacket.ipv4(fragment: 0x4000, udp)),
        Self("IPv4, no length yet", .raw, WirePacket.ipv4(length: 0, udp)),
        Self(
            "IPv6 extensions", .raw,
            WirePacket.ipv6(
                extensions: [
                    (0, [0, 0, 1, 4, 0, 0, 0, 0]), (43, [0, 1] + [UInt8](repeating: 0, count: 14)),
                    (60, [0, 0, 1, 4, 0, 0, 0, 0]), (51, [0, 4] + [UInt8](repeating: 0, count: 22)),
                ], udp)),
        Self("an IPv6 fragment that is all", .raw, WirePacket.ipv6(extensions: [(44, [0, 0, 0, 0, 0, 0, 0, 1])], udp)),
        Self("UDP, no length", .raw, WirePacket.ipv4(WirePacket.udp(length: 0, payload))),
        Self("cut", .raw, four, snapshot: 40, .success(.cut)),
        Self("cut behind UDP", .raw, four, snapshot: 28, .success(.cut)),
        Self("first fragment", .raw, WirePacket.ipv4(fragment: 0x2000, udp), .success(.fragment)),
        Self(
            "first fragment, IPv6", .raw, WirePacket.ipv6(extensions: [(44, [0, 0, 0, 1, 0, 0, 0, 1])], udp),
            .success(.fragment)),
    ]

    static let others = [
        Self("later fragment", .raw, WirePacket.ipv4(fragment: 0x2001, udp), .failure(.laterFragment)),
        Self("last fragment", .raw, WirePacket.ipv4(fragment: 0x00b9, udp), .failure(.laterFragment)),
        Self(
            "later fragment, IPv6", .raw, WirePacket.ipv6(extensions: [(44, [0, 0, 0, 8, 0, 0, 0, 1])], udp),
            .failure(.laterFragment)),
        Self("ICMP", .raw, WirePacket.ipv4(1, udp), .failure(.notUDP)),
        Self("ESP", .raw, WirePacket.ipv6(50, udp), .failure(.notUDP)),
        Self("ARP", .ethernet, WirePacket.ethernet(0x0806, [UInt8](repeating: 0, count: 46)), .failure(.notIP)),
        Self("802.3", .ethernet, WirePacket.ethernet(46, [UInt8](repeating: 0, count: 46)), .failure(.notIP)),
        Self("nothing", .ethernet, [], .failure(.malformed)),
        Self("no IP", .raw, [0x10, 0, 0, 0] + four, .failure(.malformed)),
        Self("an Ethernet header cut", .ethernet, Array(WirePacket.ethernet(four).prefix(13)), .failure(.malformed)),
        Self(
            "a tag cut", .ethernet, Array(WirePacket.ethernet(tags: [(0x8100, 1)], four).prefix(17)),
            .failure(.malformed)),
        Self(
            "IPv4 of another version", .ethernet, WirePacket.ethernet([0x55] + four.dropFirst()), .failure(.malformed)),
        Self("a short IPv4 header", .raw, [0x44] + four.dropFirst(), .failure(.malformed)),
        Self("an IPv4 header cut", .raw, four, snapshot: 19, .failure(.malformed)),
        Self("a UDP header cut", .raw, four, snapshot: 27, .failure(.malformed)),
        Self("IPv4 shorter than its header", .raw, WirePacket.ipv4(length: 19, udp), .failure(.malformed)),
        Self("IPv4 longer than the packet", .raw, WirePacket.ipv4(length: 500, udp), .success(.whole)),
        Self("UDP longer than IP", .raw, WirePacket.ipv4(WirePacket.udp(length: 200, payload)), .failure(.malformed)),
        Self(
            "UDP shorter than its header", .raw, WirePacket.ipv4(WirePacket.udp(length: 7, payload)),
            .failure(.malformed)),
        Self(
            "an IPv6 extension cut", .raw, WirePacket.ipv6(extensions: [(0, [0, 200, 1, 4, 0, 0, 0, 0])], udp),
            .failure(.malformed)),
    ]
}

@Suite("Layers of captured packets")
struct LayerTests {
    @Test(
        "are taken apart down to the datagram, or told apart",
        arguments: LayerCase.links + LayerCase.headers + LayerCase.others)
    func layers(of each: LayerCase) throws {
        let seen = Array(each.packet.prefix(each.snapshot))
        switch (OuterLayers(seen.span, wireBytes: each.packet.count, each.link), each.expected) {
        case (.datagram(let place), .success(let extent)):
            #expect(place.extent == extent)
            let isIPv6 = place.isIPv6
            #expect(place.source(in: seen.span).description == (isIPv6 ? "[2001:db8::1]:3210" : "192.0.2.1:3210"))
            #expect(place.destination(in: seen.span).description == (isIPv6 ? "[2001:db8::2]:3210" : "192.0.2.2:3210"))
            let payload = Array(seen[place.payload])
            #expect(extent == .whole ? payload == LayerCase.payload : LayerCase.payload.starts(with: payload))
        case (.other(let reason), .failure(let expected)): #expect(reason == expected)
        case (let found, let expected): Issue.record("\(found), and not \(expected)")
        }
    }

    @Test("of each link type are known by the numbers of libpcap")
    func links() {
        #expect([1, 113, 276, 12, 14, 101, 228, 229, 0, 108].allSatisfy { LinkType(datalink: $0) != nil })
        #expect(LinkType(datalink: 105) == nil)
        #expect(LinkType(datalink: 101) == .raw)
    }
}
