import Testing
import VPNProtocol

@Suite("The name of a peer")
struct PeerNameTests {
    @Test(
        "is a host and a port",
        arguments: [
            ("host:1", "host", 1), ("host", "host", 3210), ("remote.machine.foo:3210", "remote.machine.foo", 3210),
            ("REMOTE_HOST:3210", "REMOTE_HOST", 3210), ("a-b.example.:65535", "a-b.example.", 65535),
            ("192.0.2.1", "192.0.2.1", 3210), ("192.0.2.1:1", "192.0.2.1", 1),
            ("[2001:db8::1]", "2001:db8::1", 3210), ("[2001:db8::1]:1", "2001:db8::1", 1),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1), ("1host:2", "1host", 2),
            ("bücher.example", "bücher.example", 3210),
        ] as [(String, String, UInt16)])
    func parts(text: String, host: String, port: UInt16) throws {
        let name = try #require(PeerName(text))
        #expect(name.host == host)
        #expect(name.port == port)
        #expect(PeerName(name.description) == name)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", ":", ":3210", "host:", "host:0", "host:65536", "host:-1", "host:+1", "host:x", "host: 1", "host:1:2",
            "ho st", "host/24", "host\n", "-host", ".host", "10", "10:1", "1.2.3", "1.2.3.4.5", "256.1.1.1:1",
            "01.2.3.4", "2001:db8::1", "::1", "[::1", "[]", "[]:1", "[::1]x", "[::1]:", "[::1]:0", "[::1]1",
            "[192.0.2.1]:1", "[host]:1", "[::1]:80]", "http://host:1", "$(reboot)",
        ])
    func nothingElse(text: String) {
        #expect(PeerName(text) == nil)
    }

    @Test("is no longer than a host name can be")
    func length() {
        #expect(PeerName(String(repeating: "a", count: 253)) != nil)
        #expect(PeerName(String(repeating: "a", count: 254)) == nil)
    }

    @Test(
        "needs no resolution where the host is an address",
        arguments: [
            ("192.0.2.1:1", "192.0.2.1:1"), ("[2001:db8::1]", "[2001:db8::1]:3210"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1:1"), ("host:1", nil), ("[fe80::1%eth0]:1", nil),
        ])
    func literal(text: String, endpoint: String?) throws {
        #expect(try #require(PeerName(text)).literal?.description == endpoint)
    }
}

@Suite("A magic")
struct MagicTests {
    @Test(
        "is eight hexadecimal digits or the hash of a name",
        arguments: [
            ("76706e01", Dialect.manual, "76706e01"), ("76706E01", .v1, "76706e01"), ("00000000", .manual, "00000000"),
            ("ffffffff", .v0_9, "ffffffff"),
            ("hash:mynet", .manual, "c2cf8757"), ("hash:mynet", .v0_9, "c2cf8757"), ("hash:mynet", .v1, "c2cf8757"),
            ("hash:mynet", .v0_8, "b8a11cf6"), ("hash:ynet", .manual, "b8a11cf6"),
        ])
    func forms(text: String, dialect: Dialect, expected: String) throws {
        #expect(try #require(Magic(text, dialect: dialect)).description == expected)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "1234567", "123456789", "0x123456", "1234567g", "+1234567", "-1234567", "-0000000", " 1234567",
            "mynet", "Hash:mynet", "hash", "12 45678",
        ])
    func nothingElse(text: String) {
        for dialect in Dialect.allCases { #expect(Magic(text, dialect: dialect) == nil) }
    }

    @Test("of an empty name exists", arguments: Dialect.allCases)
    func emptyName(dialect: Dialect) {
        #expect(Magic("hash:", dialect: dialect) != nil)
        #expect(Magic("hash:", dialect: dialect) == Magic("hash:", dialect: .manual))
    }

    @Test("is by default what the manual says")
    func standard() {
        #expect(Magic.standard.description == "76706e01")
        #expect(Magic.standard.bits == 0x7670_6e01)
    }
}

@Suite("A node id")
struct NodeIDTests {
    @Test("is written in 32 digits and ordered by its bytes")
    func text() {
        #expect(NodeID(bits: 1).description == "00000000000000000000000000000001")
        #expect(NodeID(bits: .max).description == String(repeating: "f", count: 32))
        #expect(NodeID(bits: 1) < NodeID(bits: 2))
        #expect(NodeID(bits: 1 << 64) > NodeID(bits: UInt128(UInt64.max)))
        #expect(NodeID(bits: 1 << 100).bits == 1 << 100)
    }
}
