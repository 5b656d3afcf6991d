import Testing
import VPNProtocol

@testable import VPNNode

@Suite("The addresses of a frame")
struct FrameAddressesTests {
    private static let here: UInt64 = 0x0200_0000_0001
    private static let there: UInt64 = 0x0200_0000_0002

    private func addresses(_ frame: [UInt8], _ type: DeviceType = .tap) -> FrameAddresses? {
        FrameAddresses(frame.span, deviceType: type)
    }

    @Test("are the two MAC addresses, destination first, in VLAN 0 where there is no tag")
    func untagged() throws {
        let found = try #require(addresses(ethernet(to: Self.there, from: Self.here)))
        #expect(found.destination == StationAddress(vlan: 0, mac: Self.there))
        #expect(found.source == StationAddress(vlan: 0, mac: Self.here))
    }

    @Test(
        "are within the VLAN that the low 12 bits of the tag say, whatever priority the others say",
        arguments: [
            (0x0000, 0), (0x000a, 10), (0xe00a, 10), (0x100a, 10), (0xf00a, 10), (0x0fff, 4095), (0xe000, 0),
        ] as [(UInt16, UInt16)])
    func tagged(tag: UInt16, vlan: UInt16) throws {
        let found = try #require(addresses(ethernet(to: Self.there, from: Self.here, tag: tag)))
        #expect(found.destination == StationAddress(vlan: vlan, mac: Self.there))
        #expect(found.source == StationAddress(vlan: vlan, mac: Self.here))
    }

    @Test("are within the outer VLAN of nested tags")
    func nested() throws {
        var frame = ethernet(to: Self.there, from: Self.here, tag: 10)
        frame.insert(contentsOf: [0x81, 0x00, 0x00, 0x14], at: 16)
        #expect(try #require(addresses(frame)).source == StationAddress(vlan: 10, mac: Self.here))
    }

    @Test(
        "are untagged in frames of any other type, also of 802.3 with a length",
        arguments: [0x0026, 0x0000, 0x05dc, 0x0800, 0x0806, 0x86dd, 0x88a8, 0x9100, 0x0081, 0xffff] as [UInt16])
    func otherTypes(type: UInt16) throws {
        // The two bytes behind the type would be a VLAN number, if this were a tag.
        let found = try #require(addresses(ethernet(to: Self.there, from: Self.here, type: type)))
        #expect(found.source == StationAddress(vlan: 0, mac: Self.here))
    }

    @Test("need 14 bytes, or 18 with a tag", arguments: 0..<19)
    func shortFrames(count: Int) {
        let untagged = Array(ethernet(to: Self.there, from: Self.here).prefix(count))
        #expect((addresses(untagged) != nil) == (count >= 14))
        let tagged = Array(ethernet(to: Self.there, from: Self.here, tag: 10).prefix(count))
        #expect((addresses(tagged) != nil) == (count >= 18))
    }

    @Test("of an IPv4 packet are its own, if 20 bytes are there", arguments: [0, 1, 12, 16, 19, 20, 21, 60])
    func ipv4Packets(count: Int) {
        let packet = Array(ipv4(from: IPAddress(10, 0, 1, 1), to: IPAddress(10, 0, 2, 2)).prefix(count))
        let found = addresses(packet, .tun)
        #expect((found != nil) == (count >= 20))
        if let found {
            #expect(found.source == StationAddress(IPAddress(10, 0, 1, 1)))
            #expect(found.destination == StationAddress(IPAddress(10, 0, 2, 2)))
        }
    }

    @Test("of an IPv6 packet are its own, if 40 bytes are there", arguments: [0, 1, 20, 24, 39, 40, 41])
    func ipv6Packets(count: Int) throws {
        let packet: [UInt8] =
            [0x60, 0, 0, 0, 0, 0, 59, 64] + [0xfd] + [UInt8](repeating: 0, count: 14) + [1] + [0xfd]
            + [UInt8](repeating: 0, count: 14) + [2, 0]
        let found = addresses(Array(packet.prefix(count)), .tun)
        #expect((found != nil) == (count >= 40))
        if let found {
            #expect(found.source == StationAddress(try #require(IPAddress("fd00::1"))))
            #expect(found.destination == StationAddress(try #require(IPAddress("fd00::2"))))
        }
    }

    @Test("are not there in a packet of another IP version", arguments: (0..<16).filter { $0 != 4 && $0 != 6 })
    func otherVersions(version: UInt8) {
        #expect(addresses([version << 4] + [UInt8](repeating: 0, count: 59), .tun) == nil)
    }
}
