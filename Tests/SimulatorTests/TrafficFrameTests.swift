import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

/// What a frame of the traffic looks like on each kind of device.
struct FrameKind: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let device: DeviceType
    var claims = ["", ""]
    var vlan: UInt16?
    var isARP = false
    var isToAll = false

    static let all = [
        FrameKind(testDescription: "IPv4 on TUN", device: .tun),
        FrameKind(testDescription: "IPv4 of claims on TUN", device: .tun, claims: ["10.1.0.0/16", "10.2.3.4/32"]),
        FrameKind(testDescription: "IPv6 on TUN", device: .tun, claims: ["fd00::/64", "fd00:1::7/128"]),
        FrameKind(testDescription: "IPv6 to all", device: .tun, claims: ["fd00::/64", "fd00:1::/64"], isToAll: true),
        FrameKind(testDescription: "IPv4 to all", device: .tun, isToAll: true),
        FrameKind(testDescription: "IPv4 on TAP", device: .tap),
        FrameKind(testDescription: "IPv4 on TAP in a VLAN", device: .tap, vlan: 4094),
        FrameKind(testDescription: "IPv4 on TAP to all", device: .tap, isToAll: true),
        FrameKind(testDescription: "ARP", device: .tap, isARP: true),
        FrameKind(testDescription: "ARP in a VLAN", device: .tap, vlan: 7, isARP: true),
    ]

    func stations() throws -> [Station] {
        try claims.enumerated().map { number, claim in
            var configuration = NodeConfiguration(seal: encrypted)
            configuration.deviceType = device
            if !claim.isEmpty { configuration.subnets = [try Subnet(parsing: claim)] }
            return Station(number: number, configuration: configuration)
        }
    }

    func frame(_ size: Int, _ identity: FrameIdentity) throws -> TrafficFrame {
        let stations = try stations()
        return TrafficFrame(
            source: stations[0], destination: isToAll ? nil : stations[1], vlan: vlan, isARP: isARP, byteCount: size,
            identity: identity)
    }
}

@Suite("A frame of the traffic")
struct TrafficFrameTests {
    /// The sum of 16-bit words, carries added (RFC 1071); all ones where a checksum in it is right.
    private func sum(_ bytes: some Sequence<UInt8>, _ more: Int = 0) -> Int {
        var (total, isHigh) = (more, true)
        for byte in bytes {
            total += isHigh ? Int(byte) << 8 : Int(byte)
            isHigh.toggle()
        }
        while total > 0xffff { total = (total & 0xffff) + total >> 16 }
        return total
    }

    private func number(_ bytes: [UInt8], _ range: Range<Int>) -> Int { bytes[range].reduce(0) { $0 << 8 | Int($1) } }

    /// Where IP or ARP begins; checks Ethernet on the way.
    private func start(_ bytes: [UInt8], _ kind: FrameKind, isReply: Bool) -> Int {
        guard kind.device == .tap else { return 0 }
        let isBroadcast = kind.isToAll || kind.isARP && !isReply
        #expect(number(bytes, 0..<6) == (isBroadcast ? 0xffff_ffff_ffff : 0x0200_0000_0002))
        #expect(number(bytes, 6..<12) == 0x0200_0000_0001)
        let start = kind.vlan == nil ? 14 : 18
        if let vlan = kind.vlan { #expect(number(bytes, 12..<14) == 0x8100 && number(bytes, 14..<16) == Int(vlan)) }
        #expect(number(bytes, start - 2..<start) == (kind.isARP ? 0x0806 : 0x0800))
        return start
    }

    private func checkARP(_ packet: [UInt8], isReply: Bool) {
        // RFC 826: Ethernet, IPv4, lengths 6 and 4, the operation, then who asks and who is asked for.
        #expect(Array(packet[0..<8]) == [0, 1, 8, 0, 6, 4, 0, isReply ? 2 : 1])
        #expect(Array(packet[8..<18]) == [2, 0, 0, 0, 0, 1, 10, 128, 0, 1])
        #expect(Array(packet[18..<28]) == (isReply ? [2, 0, 0, 0, 0, 2] : [0, 0, 0, 0, 0, 0]) + [10, 128, 0, 2])
    }

    private func checkIP(_ packet: [UInt8]) {
        let isIPv6 = packet[0] >> 4 == 6
        let udp = isIPv6 ? 40 : 20
        let length = packet.count - udp
        if isIPv6 {
            #expect(number(packet, 4..<6) == length && packet[6] == 17)
            #expect(sum(packet[8...], 17 + length) == 0xffff)
        } else {
            #expect(packet[0] == 0x45 && number(packet, 2..<4) == packet.count && packet[9] == 17)
            #expect(sum(packet[..<20]) == 0xffff)
            #expect(sum(packet[12...], 17 + length) == 0xffff)
        }
        #expect(number(packet, udp..<udp + 2) == 50_000 && number(packet, udp + 2..<udp + 4) == 50_000)
        #expect(number(packet, udp + 4..<udp + 6) == length && number(packet, udp + 6..<udp + 8) != 0)
    }

    @Test(
        "has its size, right headers and checksums, and is known by its identity, in all sizes",
        arguments: FrameKind.all)
    func frames(_ kind: FrameKind) throws {
        for size in 64...1500 {
            let isReply = size.isMultiple(of: 2) && !kind.isToAll
            let identity = FrameIdentity(
                flow: size * 7919 & 0xff_ffff, number: size << 16 | 3, direction: isReply ? .reply : .request)
            let bytes = try kind.frame(size, identity).bytes
            try #require(bytes.count == size)
            let packet = Array(bytes[start(bytes, kind, isReply: isReply)...])
            if kind.isARP { checkARP(packet, isReply: isReply) } else { checkIP(packet) }
            #expect(TrafficFrame.readIdentity(in: bytes, of: kind.device) == identity)
            #expect(FrameIdentity.occurs(in: bytes))
        }
    }

    @Test("is for the station of its receiver", arguments: FrameKind.all.filter { !$0.isToAll && !$0.isARP })
    func destination(_ kind: FrameKind) throws {
        let frame = try kind.frame(100, FrameIdentity(flow: 0, number: 0, direction: .request))
        let station = try kind.stations()[1].stationAddress(vlan: kind.vlan)
        #expect(TrafficFrame.readDestination(of: frame.bytes, kind.device) == station)
    }

    @Test("has the first address of what its node claims, and a host's own address as it is")
    func stations() throws {
        let kind = FrameKind(testDescription: "", device: .tun, claims: ["10.1.0.0/16", "10.2.3.4/32"])
        #expect(try kind.stations().map(\.address) == [IPAddress(10, 1, 0, 1), IPAddress(10, 2, 3, 4)])
        let ethernet = FrameKind(
            testDescription: "", device: .tap, claims: ["02:00:00:00:bb:01/48", "10/02:00:00:00:bb:02/64"])
        #expect(try ethernet.stations().map(\.vlan) == [nil, 10])
        #expect(try ethernet.stations()[1].mac == 0x0200_0000_bb02)
    }

    @Test("differs from every other one, and is not known where a bit of its mark is another")
    func identities() throws {
        let kind = FrameKind.all[0]
        let frames = try (0..<50).map {
            try kind.frame(80, FrameIdentity(flow: 1, number: $0, direction: .request)).bytes
        }
        #expect(Set(frames).count == 50)
        for bit in 0..<48 {
            var bytes = frames[0]
            bytes[28 + bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(TrafficFrame.readIdentity(in: bytes, of: .tun) == nil)
        }
        #expect(TrafficFrame.readIdentity(in: [], of: .tap) == nil)
        #expect(TrafficFrame.readIdentity(in: Array(frames[0][..<63]), of: .tun) == nil)
    }
}
