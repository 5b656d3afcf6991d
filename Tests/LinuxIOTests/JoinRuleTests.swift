import Testing
import VPNNode

@testable import VPNLinuxIO

/// A difference between a segment and the one before it.
struct Difference: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var isTCPOnly = false
    var isIPv4Only = false
    let make: @Sendable (inout PlainPacket) -> Void

    static let separating: [Difference] = [
        .tcp("FIN") { $0.flags |= 0x01 }, .tcp("SYN") { $0.flags |= 0x02 }, .tcp("RST") { $0.flags |= 0x04 },
        .tcp("URG") { $0.flags |= 0x20 }, .tcp("ECE") { $0.flags |= 0x40 }, .tcp("CWR") { $0.flags |= 0x80 },
        .tcp("no ACK") { $0.flags = 0 }, .tcp("a reserved bit") { $0.reserved = 1 },
        .tcp("another acknowledgement") { $0.acknowledgement += 1 }, .tcp("another window") { $0.window += 1 },
        .tcp("an urgent pointer") { $0.urgent = 1 },
        .tcp("a gap") { $0.sequence += 1 }, .tcp("an overlap") { $0.sequence -= 1 },
        .tcp("the same data again") { $0.sequence -= 1000 },
        .tcp("another option") { $0.transportOptions[11] ^= 1 },
        .tcp("more options") { $0.transportOptions += [1, 1, 1, 1] },
        .tcp("no options") { $0.transportOptions = [] },
        .init(testDescription: "another type of service") { $0.trafficClass ^= 4 },
        .init(testDescription: "congestion experienced") { $0.trafficClass ^= 1 },
        .init(testDescription: "another time to live") { $0.hopLimit -= 1 },
        .init(testDescription: "another source port") { $0.ports[0] ^= 1 },
        .init(testDescription: "another destination port") { $0.ports[3] ^= 1 },
        .init(testDescription: "another source") { $0.source[$0.source.count - 1] ^= 1 },
        .init(testDescription: "another destination") { $0.destination[0] ^= 1 },
        .init(testDescription: "another protocol") { $0.isUDP.toggle() },
        .init(testDescription: "no payload") { $0.payload = [] },
        .init(testDescription: "more payload") { $0.payload.append(1) },
        .ipv4("a skipped identification") { $0.identification &+= 1 },
        .ipv4("an identification that goes back") { $0.identification &-= 2 },
        .ipv4("another rule for fragments") { $0.fragment ^= 0x4000 },
        .ipv4("more fragments") { $0.fragment |= 0x2000 },
        .ipv4("an offset") { $0.fragment |= 1 },
        .ipv4("the reserved bit") { $0.fragment |= 0x8000 },
        .ipv4("options of IP") { $0.networkOptions = [1, 1, 1, 1] },
        .init(testDescription: "an extension header") {
            guard $0.isIPv6 else { return $0.networkOptions = [1, 1, 1, 1] }
            $0.firstExtension = 60
            $0.networkOptions = [$0.protocolNumber, 0, 1, 4, 0, 0, 0, 0]
        },
        .init(testDescription: "another flow label") {
            if $0.isIPv6 { $0.flowLabel += 1 } else { $0.hopLimit -= 1 }
        },
        .init(testDescription: "another address of Ethernet") { $0.link[6] ^= 2 },
        .init(testDescription: "another VLAN") { $0.link[15] ^= 1 },
        .init(testDescription: "another priority") { $0.link[14] ^= 0x80 },
        .init(testDescription: "no tag") { $0.link.removeSubrange(12..<16) },
        .init(testDescription: "three tags") { $0.link.insert(contentsOf: [0x81, 0, 0, 1, 0x81, 0, 0, 1], at: 12) },
    ]

    static func tcp(_ name: String, _ make: @escaping @Sendable (inout PlainPacket) -> Void) -> Difference {
        Difference(testDescription: name, isTCPOnly: true, make: make)
    }

    static func ipv4(_ name: String, _ make: @escaping @Sendable (inout PlainPacket) -> Void) -> Difference {
        Difference(testDescription: name, isIPv4Only: true, make: make)
    }
}

@Suite("Segments are joined") struct JoinRuleTests {
    /// Segments of 1000 bytes with TCP options, behind a VLAN tag.
    static func segments(_ count: Int, isIPv6: Bool, isUDP: Bool, _ change: (inout PlainPacket) -> Void = { _ in })
        -> [PlainPacket]
    {
        var packet = PlainPacket()
        packet.isIPv6 = isIPv6
        packet.isUDP = isUDP
        packet.link = PlainPacket.link(tags: 1, isIPv6: isIPv6)
        packet.sequence = 0xffff_f800
        packet.identification = 0xfffe
        if isIPv6 {
            packet.source = [0xfd] + [UInt8](repeating: 1, count: 15)
            packet.destination = [0xfd] + [UInt8](repeating: 2, count: 15)
        }
        if !isUDP { packet.transportOptions = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] }
        packet.payload = (0..<1000 * count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        change(&packet)
        return packet.segments(of: 1000)
    }

    @Test("unless there is a difference", arguments: Difference.separating)
    func separating(difference: Difference) {
        for (isIPv6, isUDP) in [(false, false), (true, false), (false, true), (true, true)] {
            if difference.isTCPOnly && isUDP || difference.isIPv4Only && isIPv6 { continue }
            var packets = Self.segments(4, isIPv6: isIPv6, isUDP: isUDP)
            difference.make(&packets[2])
            let joining = Joining(packets.map { $0.encoded() }, .tap)
            #expect(joining.counts.count > 1)
            #expect(joining.counts.reduce(0, +) == 4)
            // What comes after the odd one goes on with the first two only where the odd one is of another flow.
            let first = PlainPacket(reading: joining.written[0].frame, linkBytes: 18)
            let others = joining.counts[0] == 3 ? packets[3].payload : []
            #expect(first.payload == packets[0].payload + packets[1].payload + others)
            if joining.counts[1] == 1 { #expect(joining.written[1].frame == packets[2].encoded()) }
        }
    }

    @Test("where checksums are wrong in none of them", arguments: [false, true], [false, true])
    func damaged(isIPv6: Bool, isUDP: Bool) {
        let frames = Self.segments(5, isIPv6: isIPv6, isUDP: isUDP).map { $0.encoded() }
        let headerBytes = 18 + (isIPv6 ? 40 : 20) + (isUDP ? 8 : 32)
        for damaged in 0..<5 {
            // The last byte, one of the payload, a checksum of TCP or UDP, and that of IPv4.
            for offset in [frames[0].count - 1, headerBytes, headerBytes - (isUDP ? 1 : 15), 18 + 10] {
                if isIPv6 && offset == 28 { continue }
                var frames = frames
                frames[damaged][offset] ^= 0x10
                let joining = Joining(frames, .tap)
                #expect(joining.counts == [[1, 4], [1, 1, 3], [2, 1, 2], [3, 1, 1], [4, 1]][damaged])
                let alone = joining.written[min(damaged, 1)]
                #expect(alone.frame == frames[damaged])
                #expect(alone.header == OffloadHeader())
            }
        }
    }

    @Test("up to one with PSH, which the whole keeps")
    func pushed() {
        for isIPv6 in [false, true] {
            var packets = Self.segments(5, isIPv6: isIPv6, isUDP: false)
            packets[2].flags |= 0x08
            let joining = Joining(packets.map { $0.encoded() }, .tap)
            #expect(joining.counts == [3, 2])
            #expect(joining.written.map { PlainPacket(reading: $0.frame, linkBytes: 18).flags } == [0x18, 0x10])
        }
    }

    @Test("up to a shorter one", arguments: [false, true], [false, true])
    func shorter(isIPv6: Bool, isUDP: Bool) {
        var packets = Self.segments(5, isIPv6: isIPv6, isUDP: isUDP)
        packets[2].payload.removeLast()
        for index in 3..<5 where !isUDP { packets[index].sequence -= 1 }
        let joining = Joining(packets.map { $0.encoded() }, .tap)
        #expect(joining.counts == [3, 2])
        #expect(joining.written[0].header.segmentBytes == 1000)
    }

    @Test("with one identification for all, where fragments are forbidden")
    func constantIdentification() {
        for (fragment, counts) in [(UInt16(0x4000), [4]), (0, [1, 1, 1, 1])] {
            var packets = Self.segments(4, isIPv6: false, isUDP: false) { $0.fragment = fragment }
            for index in packets.indices { packets[index].identification = 0 }
            #expect(Joining(packets.map { $0.encoded() }, .tap).counts == counts)
        }
        // What began with one identification does not go on with others.
        var packets = Self.segments(4, isIPv6: false, isUDP: false)
        packets[1].identification = packets[0].identification
        #expect(Joining(packets.map { $0.encoded() }, .tap).counts == [2, 2])
    }

    @Test("unless Ethernet padded one of them", arguments: [false, true], [false, true])
    func padded(isIPv6: Bool, isUDP: Bool) {
        var frames = Self.segments(4, isIPv6: isIPv6, isUDP: isUDP).map { $0.encoded() }
        frames[1] += [0, 0]
        #expect(Joining(frames, .tap).counts == [1, 1, 2])
    }

    @Test("unless all of them are fragments, or have options of IP")
    func allAlike() {
        for isUDP in [false, true] {
            for (fragment, options) in [(UInt16(0x2000), 0), (0xc000, 0), (0x4001, 0), (0x4000, 1)] {
                let packets = Self.segments(3, isIPv6: false, isUDP: isUDP) {
                    $0.fragment = fragment
                    $0.networkOptions = [UInt8](repeating: 1, count: 4 * options)
                }
                #expect(Joining(packets.map { $0.encoded() }, .tap).counts == [1, 1, 1])
            }
        }
    }

    @Test("unless a packet is shorter than it says, or longer", arguments: [false, true], [UInt8(1), 0xff])
    func packetLength(isUDP: Bool, difference: UInt8) {
        var frames = Self.segments(4, isIPv6: true, isUDP: isUDP).map { $0.encoded() }
        // The low byte of the payload length, which no checksum is over.
        frames[1][18 + 5] &+= difference
        #expect(Joining(frames, .tap).counts == [1, 1, 2])
    }

    @Test("unless a UDP datagram has no checksum, or another length than its packet")
    func udpHeader() {
        for (offset, bytes) in [(18 + 20 + 6, [UInt8(0), 0]), (18 + 20 + 4, [3, 0xe7])] {
            var frames = Self.segments(4, isIPv6: false, isUDP: true).map { $0.encoded() }
            frames[1].replaceSubrange(offset..<offset + 2, with: bytes)
            #expect(Joining(frames, .tap).counts == [1, 1, 2])
        }
    }

    @Test("only of the protocols that the device takes joined")
    func protocols() {
        for isUDP in [false, true] {
            let frames = Self.segments(3, isIPv6: false, isUDP: isUDP).map { $0.encoded() }
            #expect(Joining(frames, .tap, joinsTCP: isUDP, joinsUDP: !isUDP).counts == [1, 1, 1])
            #expect(Joining(frames, .tap, joinsTCP: !isUDP, joinsUDP: isUDP).counts == [3])
        }
    }

    @Test("to no longer frame than 65535 bytes", arguments: [false, true])
    func longest(isIPv6: Bool) {
        let joining = Joining(Self.segments(100, isIPv6: isIPv6, isUDP: false).map { $0.encoded() }, .tap)
        #expect(joining.counts == [65, 35])
    }

    @Test("to no more datagrams than 64")
    func mostDatagrams() {
        var packets = Self.segments(100, isIPv6: false, isUDP: true)
        for index in packets.indices { packets[index].payload = [1, 2] }
        #expect(Joining(packets.map { $0.encoded() }, .tap).counts == [64, 36])
    }

    @Test("of 16 flows at a time, and of a 17th at the cost of the one that rested the longest")
    func manyFlows() {
        for (flows, count) in [(16, 16), (17, 51)] {
            let all = (0..<flows).map { flow in
                Self.segments(3, isIPv6: false, isUDP: false) { $0.ports[1] = UInt8(flow) }.map { $0.encoded() }
            }
            let frames = (0..<3).flatMap { index in all.map { $0[index] } }
            #expect(Joining(frames, .tap).counts.count == count)
        }
    }

    @Test("until there is no room for more frames, or for more groups")
    func room() {
        var joiner = FrameJoiner(deviceType: .tap, joinsTCP: true, joinsUDP: true)
        var frame = Self.segments(1, isIPv6: false, isUDP: false)[0].encoded()
        for expected in 1...64 {
            var span = frame.mutableSpan
            joiner.append(0..<span.count, in: &span)
            let (groups, isFull) = (joiner.groupCount, joiner.isFull)
            #expect(groups == expected)
            #expect(isFull == (expected == 64))
        }
        var span = frame.mutableSpan
        joiner.finish(&span)
        joiner.removeAll()
        let isEmpty = joiner.isEmpty
        #expect(isEmpty)
        var datagrams = Self.segments(1, isIPv6: false, isUDP: true) { $0.fragment = 0x4000 }[0].encoded()
        for expected in 1...512 {
            var span = datagrams.mutableSpan
            joiner.append(0..<span.count, in: &span)
            let isFull = joiner.isFull
            #expect(isFull == (expected == 512))
        }
        let groups = joiner.groupCount
        #expect(groups == 8)
    }
}
