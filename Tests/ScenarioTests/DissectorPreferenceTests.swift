import Foundation
import TestVectors
import Testing

/// Which packets the dissector takes, and what it makes of names and passwords.
@Suite("The preferences of the Wireshark dissector", .enabled(if: Wireshark.runsScripts, "\(Wireshark.needed)"))
struct DissectorPreferenceTests {
    /// Preferences, a golden capture, and how many of its packets fit a filter with them.
    struct Case: Sendable, CustomTestStringConvertible {
        let options: [String]
        let capture: String
        let filter: String
        let count: Int

        var testDescription: String { "\(options.joined(separator: " ")): \(filter) in \(capture)" }
    }

    private static let cases = [
        Case(options: [], capture: "1-tap-chacha20", filter: "vpncloud", count: 34),
        Case(options: ["port:1"], capture: "1-tap-chacha20", filter: "vpncloud", count: 0),
        Case(options: ["port:3209-3210,5000"], capture: "1-tap-chacha20", filter: "vpncloud", count: 34),
        Case(options: ["port:1"], capture: "0.8-tun-aes256", filter: "vpncloud", count: 14),
        Case(options: ["port:1", "magic:c2cf8757"], capture: "1-tap-chacha20", filter: "vpncloud", count: 34),
        Case(options: ["port:1", "magic:hash:mynet"], capture: "1-tap-chacha20", filter: "vpncloud", count: 34),
        Case(
            options: ["port:1", "magic:hash:xmynet", "dialect:0.8"], capture: "1-tap-chacha20", filter: "vpncloud",
            count: 34),
        Case(
            options: ["port:1", "magic:hash:xmynet", "dialect:1"], capture: "1-tap-chacha20", filter: "vpncloud",
            count: 0),
        Case(
            options: ["magic:76706e01"], capture: "1-tap-chacha20", filter: "vpncloud.expert.foreign_magic", count: 34),
        Case(
            options: ["device_type:tap"], capture: "0.8-tun-plain-ipv6", filter: "vpncloud.data.device_type==tap",
            count: 8),
        Case(
            options: ["device_type:tun"], capture: "0.8-tap-plain", filter: "vpncloud.data.device_type==tun",
            count: 25),
    ]

    @Test("decide which packets are shown, and how", arguments: cases)
    func packets(example: Case) throws {
        let capture = try #require(Capture.all.first { $0.capture == "\(example.capture).pcap" })
        let counts = try Wireshark.counts(in: #require(capture.file).path, [example.filter], options: example.options)
        #expect(counts == [example.count])
    }

    @Test("turn passwords into the keys of the golden captures, with Lua alone")
    func keys() throws {
        let folder = try Folder()
        let derived = Capture.all.filter { $0.dialect == "1" }.compactMap { capture in
            capture.sharedKey.flatMap { password in capture.derivedKey.map { (password, $0) } }
        }
        let raw = String(repeating: "0123456789abcdef", count: 4)
        let passwords = derived + derived.map { ("hash:\($0.0)", $0.1) } + [("hex:\(raw)", raw)]
        #expect(passwords.count == 5)
        // From RFC 7914, 12, and, as the real parameters take Lua seconds, smaller ones by Python's hashlib.scrypt.
        let scrypt = [
            (
                "'', '', 16, 1, 64",
                "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"
                    + "fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"
            ),
            (
                "'test123', 'vpncloudVPNCLOUDvpncl0udVpnCloud', 128, 8, 32",
                "803991a7b2f2c1c31970e684f3eb08a26957b3877946ac57f7f19654c4cee003"
            ),
        ]
        let calls = passwords.map { "key.pbkdf2_key('\($0.0)')" } + scrypt.map { "key.scrypt(\($0.0))" }
        let script = try folder.file(
            "keys.lua",
            """
            local key = dofile('\(Repository.root.path)/wireshark/vpncloud-key.lua')
            for _, bytes in ipairs({ \(calls.joined(separator: ", ")) }) do
                print((bytes:gsub('.', function(byte) return string.format('%02x', byte:byte()) end)))
            end
            """)
        let outcome = try Tool.run(["tshark", "-X", "lua_script:\(script)", "-G", "folders"])
        let expected = passwords.map(\.1) + scrypt.map(\.1)
        #expect(Array(outcome.lines.prefix(expected.count)) == expected, "\(outcome.errors)")
    }
}
