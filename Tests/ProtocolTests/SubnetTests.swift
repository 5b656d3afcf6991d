import Testing
import VPNProtocol

@Suite("A subnet")
struct SubnetTests {
    @Test(
        "is read and written in the same words",
        arguments: [
            "10.1.1.0/24", "0.0.0.0/0", "10.1.1.7/32", "10.1.1.7/24", "fd00::/64", "::/0", "2001:db8::1/128",
            "02:00:00:00:00:01/48", "02:00:00:00:00:00/24", "10/02:00:00:00:00:01/64", "4094/02:00:00:00:00:01/16",
            "0/02:00:00:00:00:01/64",
        ])
    func canonical(text: String) throws {
        #expect(try Subnet(parsing: text).description == text)
    }

    @Test(
        "is read in other spellings, too",
        arguments: [
            ("FD00:0::/64", "fd00::/64"), ("AA:BB:CC:DD:EE:FF/48", "aa:bb:cc:dd:ee:ff/48"),
            ("010/02:00:00:00:00:01/64", "10/02:00:00:00:00:01/64"), ("10.0.0.0/08", "10.0.0.0/8"),
        ])
    func spellings(text: String, canonical: String) throws {
        #expect(try Subnet(parsing: text).description == canonical)
    }

    @Test("with an IPv4-mapped base stays an IPv6 subnet when written and read again")
    func mappedBase() throws {
        let subnet = try Subnet(parsing: "::ffff:10.0.0.0/104")
        #expect(subnet.form == .ipv6)
        #expect(try Subnet(parsing: subnet.description) == subnet)
    }

    @Test(
        "that is wrong says how",
        arguments: [
            ("10.1.1.0", SubnetTextError.missingPrefixLength),
            ("", .missingPrefixLength),
            ("/24", .invalidAddress("")),
            ("10.1.1/24", .invalidAddress("10.1.1")),
            ("host/24", .invalidAddress("host")),
            ("02:00:00:00:00/48", .invalidAddress("02:00:00:00:00")),
            ("2:0:0:0:0:1/48", .invalidAddress("2:0:0:0:0:1")),
            ("02:00:00:00:00:0g/48", .invalidAddress("02:00:00:00:00:0g")),
            ("02:00:00:00:00:+1/48", .invalidAddress("02:00:00:00:00:+1")),
            ("02:00:00:00:00:-0/48", .invalidAddress("02:00:00:00:00:-0")),
            ("10.1.1.0/33", .invalidPrefixLength("33", longest: 32)),
            ("10.1.1.0/", .invalidPrefixLength("", longest: 32)),
            ("10.1.1.0/-1", .invalidPrefixLength("-1", longest: 32)),
            ("10.1.1.0/+8", .invalidPrefixLength("+8", longest: 32)),
            ("10.1.1.0/65536", .invalidPrefixLength("65536", longest: 32)),
            ("10.1.1.0/24 ", .invalidPrefixLength("24 ", longest: 32)),
            ("fd00::/129", .invalidPrefixLength("129", longest: 128)),
            ("02:00:00:00:00:01/49", .invalidPrefixLength("49", longest: 48)),
            ("10/02:00:00:00:00:01/65", .invalidPrefixLength("65", longest: 64)),
            ("4095/02:00:00:00:00:01/64", .invalidVLAN("4095")),
            ("-1/02:00:00:00:00:01/64", .invalidVLAN("-1")),
            ("/02:00:00:00:00:01/64", .invalidVLAN("")),
            ("10/10.1.1.0/24", .invalidAddress("10.1.1.0")),
            ("1/2/02:00:00:00:00:01/64", .invalidAddress("1/2/02:00:00:00:00:01")),
        ])
    func wrong(text: String, expected: SubnetTextError) {
        #expect(throws: expected) { try Subnet(parsing: text) }
    }

    @Test("errors say what would be right")
    func errorTexts() {
        #expect(SubnetTextError.missingPrefixLength.description.contains("10.1.1.0/24"))
        #expect(SubnetTextError.invalidAddress("x").description.contains("'x'"))
        #expect(SubnetTextError.invalidVLAN("4095").description.contains("0 to 4094"))
        #expect(SubnetTextError.invalidPrefixLength("33", longest: 32).description.contains("0 to 32"))
    }

    @Test("has no prefix longer than its address", arguments: Subnet.Form.allCases)
    func longestPrefix(form: Subnet.Form) {
        #expect(Subnet(form, base: 0, prefixLength: UInt8(form.bitWidth)) != nil)
        #expect(Subnet(form, base: 0, prefixLength: UInt8(form.bitWidth) + 1) == nil)
        #expect(Subnet(form, base: 0, prefixLength: 255) == nil)
    }

    @Test(
        "covers a range of the addresses in frames",
        arguments: [
            ("10.1.1.7/24", StationAddress(IPAddress(10, 1, 1, 0)), 24),
            ("10.1.1.7/0", StationAddress(IPAddress(0, 0, 0, 0)), 0),
            ("10.1.1.7/32", StationAddress(IPAddress(10, 1, 1, 7)), 32),
            ("fd00::1/64", StationAddress(.ipv6, bits: 0xfd00 << 112), 64),
            ("02:00:00:00:00:01/48", StationAddress(vlan: 0, mac: 0x0200_0000_0001), 64),
            ("02:00:00:00:00:01/8", StationAddress(vlan: 0, mac: 0x0200_0000_0000), 24),
            ("10/02:00:00:00:00:01/64", StationAddress(vlan: 10, mac: 0x0200_0000_0001), 64),
            ("10/02:00:00:00:00:01/16", StationAddress(vlan: 10, mac: 0), 16),
            ("0/02:00:00:00:00:01/64", StationAddress(vlan: 0, mac: 0x0200_0000_0001), 64),
        ])
    func range(text: String, first: StationAddress, length: Int) throws {
        let range = try Subnet(parsing: text).range
        #expect(range.first == first)
        #expect(range.prefixLength == length)
    }
}

@Suite("A station address")
struct StationAddressTests {
    @Test(
        "is written as frames' owners know it",
        arguments: [
            (StationAddress(IPAddress(10, 0, 1, 7)), "10.0.1.7"),
            (StationAddress(.ipv6, bits: 0xfd99 << 112 | 1), "fd99::1"),
            (StationAddress(vlan: 0, mac: 0x0200_0000_0001), "02:00:00:00:00:01"),
            (StationAddress(vlan: 10, mac: 0x0200_0000_0001), "10/02:00:00:00:00:01"),
        ])
    func written(address: StationAddress, text: String) {
        #expect(address.description == text)
    }

    @Test("has only 48 bits of a MAC address")
    func macBits() {
        #expect(StationAddress(vlan: 1, mac: 0xffff_0200_0000_0001) == StationAddress(vlan: 1, mac: 0x0200_0000_0001))
    }

    @Test("of one family equals none of another, whatever the bits", arguments: StationAddress.Family.allCases)
    func families(family: StationAddress.Family) {
        for other in StationAddress.Family.allCases where other != family {
            #expect(StationAddress(family, bits: 0) != StationAddress(other, bits: 0))
        }
    }

    @Test("keeps the leading bits of a prefix and no other", arguments: StationAddress.Family.allCases)
    func prefix(family: StationAddress.Family) {
        let top = UInt128.max << UInt128(128 - family.bitWidth)
        let address = StationAddress(family, bits: top)
        for length in 0...family.bitWidth {
            let bits = address.prefix(length).bits
            #expect(bits.leadingZeroBitCount == (length == 0 ? 128 : 0))
            #expect((~bits).leadingZeroBitCount == length)
            #expect(bits.nonzeroBitCount == length)
            #expect(address.prefix(length).family == family)
        }
    }

    @Test(
        "is a group's or nobody's where no single station can have it",
        arguments: [
            (StationAddress(vlan: 0, mac: 0xffff_ffff_ffff), true),
            (StationAddress(vlan: 10, mac: 0x0180_c200_0000), true),
            (StationAddress(vlan: 10, mac: 0x3333_0000_0001), true),
            (StationAddress(vlan: 10, mac: 0), true),
            (StationAddress(vlan: 0, mac: 0x0200_0000_0001), false),
            (StationAddress(vlan: 4095, mac: 0xfe00_0000_0001), false),
            (StationAddress(IPAddress(224, 0, 0, 251)), true),
            (StationAddress(IPAddress(255, 255, 255, 255)), true),
            (StationAddress(IPAddress(0, 0, 0, 0)), true),
            (StationAddress(IPAddress(10, 0, 0, 1)), false),
            (StationAddress(IPAddress(240, 0, 0, 1)), false),
            (StationAddress(.ipv6, bits: 0), true),
            (StationAddress(.ipv6, bits: 1), false),
            (StationAddress(.ipv6, bits: 0xff02 << 112 | 1), true),
            (StationAddress(.ipv6, bits: 0xfe80 << 112 | 1), false),
        ])
    func groups(address: StationAddress, expected: Bool) {
        #expect(address.isGroup == expected)
    }
}
