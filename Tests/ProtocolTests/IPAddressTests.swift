import TestNumbers
import Testing
import VPNProtocol

@Suite("An IP address")
struct IPAddressTests {
    @Test(
        "is read in every form of RFC 4291 and written in the one of RFC 5952",
        arguments: [
            ("0.0.0.0", "0.0.0.0"),
            ("192.0.2.1", "192.0.2.1"),
            ("255.255.255.255", "255.255.255.255"),
            ("::", "::"),
            ("::1", "::1"),
            ("1::", "1::"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
            ("2001:0db8::0001", "2001:db8::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("1:2:3:4:5:6::", "1:2:3:4:5:6::"),
            ("0:0:3:4:5:6:0:0", "::3:4:5:6:0:0"),
            ("fe80::1", "fe80::1"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:c000:0201", "192.0.2.1"),
            ("::192.0.2.1", "::c000:201"),
        ])
    func readAndWritten(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
    }

    @Test(
        "is not read from anything else",
        arguments: [
            "", " ", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..3.4", "256.1.1.1", "1.2.3.256",
            "01.2.3.4", "1.2.3.04", "1.2.3.00", "+1.2.3.4", "-1.2.3.4", "-0.2.3.4", "1.2.3.4 ", " 1.2.3.4",
            "0x1.2.3.4", "a.b.c.d", "1.2.3.٤", "1.2.3.4/8",
            ":", ":::", "::1::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", ":1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:", ":1::2", "1::2:", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::",
            "+1::", "1::-0", "-0::1", "::1%eth0", "[::1]", "::1.2.3", "::1.2.3.4.5", "1.2.3.4::", "::1.2.3.4:5",
            "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.256", "::01.2.3.4", "::1 ",
        ])
    func notRead(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("equals its IPv4-mapped spelling, in bits as in text")
    func mapped() {
        let address = IPAddress(192, 0, 2, 1)
        #expect(address == IPAddress(bits: 0xffff_c000_0201))
        #expect(address == IPAddress(ipv4: 0xc000_0201))
        #expect(address.isIPv4)
        #expect(address.ipv4 == 0xc000_0201)
        #expect(IPAddress("::c000:201")?.isIPv4 == false)
        #expect(IPAddress("1::ffff:c000:201")?.ipv4 == nil)
    }

    @Test(
        "knows what it cannot stand for",
        arguments: [
            ("0.0.0.0", true, false, false), ("::", true, false, false), ("::ffff:0:0", true, false, false),
            ("223.255.255.255", false, false, false), ("224.0.0.1", false, true, false),
            ("239.255.255.255", false, true, false), ("240.0.0.1", false, false, false),
            ("255.255.255.255", false, true, false), ("255.255.255.254", false, false, false),
            ("ff02::1", false, true, false), ("fe00::1", false, false, false),
            ("fe80::1", false, false, true), ("febf::1", false, false, true), ("fec0::1", false, false, false),
            ("127.0.0.1", false, false, false), ("::1", false, false, false), ("169.254.0.1", false, false, false),
        ])
    func kinds(text: String, unspecified: Bool, multicast: Bool, linkLocal: Bool) throws {
        let address = try #require(IPAddress(text))
        #expect(address.isUnspecified == unspecified)
        #expect(address.isMulticast == multicast)
        #expect(address.isLinkLocal == linkLocal)
    }

    @Test("written and read again is the same, whatever its bits", arguments: 0..<64)
    func roundTrip(row: Int) {
        var numbers = SplitMix(UInt64(row))
        // Groups of zeros at random places bring out every way to compress them.
        var bits: UInt128 = 0
        let zeros = numbers.next()
        for index in 0..<8 {
            let group: UInt128 = zeros >> UInt64(index) & 1 == 0 ? UInt128(numbers.next() & 0xffff) : 0
            bits = bits << 16 | group
        }
        let address = IPAddress(bits: bits)
        #expect(IPAddress(address.description) == address)
    }
}

@Suite("An endpoint")
struct EndpointTests {
    @Test(
        "is read from an address and a port",
        arguments: [
            ("192.0.2.1:3210", "192.0.2.1:3210"),
            ("192.0.2.1:0", "192.0.2.1:0"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("[::]:1", "[::]:1"),
            ("[::ffff:192.0.2.1]:3210", "192.0.2.1:3210"),
        ])
    func read(text: String, canonical: String) throws {
        let endpoint = try #require(Endpoint(text))
        #expect(endpoint.description == canonical)
        #expect(Endpoint(canonical) == endpoint)
    }

    @Test(
        "is not read from anything else",
        arguments: [
            "", ":", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1: 1",
            "192.0.2.1:1:2", "[192.0.2.1]:1", "2001:db8::1", "2001:db8::1:3210", "[2001:db8::1]", "[2001:db8::1]:",
            "[2001:db8::1", "[]:1", "[:1", "]:1", "host:3210", "192.0.2.1:٣",
        ])
    func notRead(text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test("keeps the scope of a link-local address only, and writes it")
    func scope() throws {
        let local = Endpoint(try #require(IPAddress("fe80::1")), port: 1, scope: 3)
        #expect(local.scope == 3)
        #expect(local.description == "[fe80::1%3]:1")
        #expect(local != Endpoint(try #require(IPAddress("fe80::1")), port: 1, scope: 4))
        let global = Endpoint(try #require(IPAddress("2001:db8::1")), port: 1, scope: 3)
        #expect(global.scope == 0)
        #expect(global == Endpoint(try #require(IPAddress("2001:db8::1")), port: 1))
        #expect(Endpoint(IPAddress(192, 0, 2, 1), port: 1, scope: 3).scope == 0)
    }

    @Test(
        "can be sent to where it is a port of one host",
        arguments: [
            ("192.0.2.1:3210", true), ("[2001:db8::1]:1", true), ("192.0.2.1:0", false), ("0.0.0.0:1", false),
            ("[::]:1", false), ("224.0.0.1:1", false), ("255.255.255.255:1", false), ("[ff02::1]:1", false),
        ])
    func usable(text: String, expected: Bool) throws {
        #expect(try #require(Endpoint(text)).isUsable == expected)
    }
}
