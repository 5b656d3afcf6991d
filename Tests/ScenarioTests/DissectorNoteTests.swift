import Foundation
import TestVectors
import Testing

/// What the dissector says of packets that are malformed or odd.
@Suite("The notes of the Wireshark dissector", .enabled(if: Wireshark.runsScripts, "\(Wireshark.needed)"))
struct DissectorNoteTests {
    /// A packet, what the info column says of it, and which notes there are.
    struct Case: Sendable {
        let bytes: String
        let info: String
        let notes: Set<String>
        var missing = 0

        init(_ bytes: String, _ info: String, _ notes: Set<String>, missing: Int = 0) {
            self.bytes = bytes
            self.info = info
            self.notes = notes
            self.missing = missing
        }
    }

    private static let node = "8b9f8d0de7b61eba8751a85bca9619e8"
    private static let initial = "76706e0100000002"
    private static let peers = "76706e0100000001"
    private static let data = "76706e0100000000"
    private static let words = "init, stage 0 (request), node \(node)"
    private static let reason = Wireshark.hasCiphers ? "no shared key is given" : "this Wireshark has no ciphers"

    private static let plain: [Case] = [
        Case("7670", "no whole header [2 of 4 bytes of the magic are missing]", ["truncated"]),
        Case("76706e01000000", "no whole header [1 of 1 byte of the message type are missing]", ["truncated"]),
        Case("76706e0103000001aa", "peers [Unknown crypto method 3]", ["unknown_crypto_method"]),
        Case("76706e0100000004aa", "unknown [Unknown message type 4]", ["unknown_type"]),
        Case("76706e0100010003", "close", ["reserved_bytes"]),
        Case("76706e0100000003ff", "close, and 1 byte more", ["trailing_bytes"]),
        Case(data, "data, 0 bytes [Data without a frame]", ["empty_frame"]),
        Case("\(data)ffff", "data, 2 bytes [No IP packet, as data of a TUN device is]", ["no_ip_packet"]),
        Case(
            "\(initial)00\(node.dropLast(2))", "init, stage 0 (request) [1 of 16 bytes of the node id are missing]",
            ["truncated"]),
        Case(
            "\(initial)02\(node)00", "init, stage 2 (unknown), node \(node), no subnets [Unknown stage 2]",
            ["unknown_stage"]),
        Case(
            "\(initial)00\(String(repeating: "0", count: 32))00",
            "init, stage 0 (request), node \(String(repeating: "0", count: 32)), no subnets", ["zero_node_id"]),
        Case(
            "\(initial)00\(node)01050a0000000008",
            "\(words), subnets 0a00000000/8 [A base address of 5 bytes, where 4, 6, 8 and 16 are known]",
            ["unknown_address_length"]),
        Case(
            "\(initial)00\(node)01040a00000021",
            "\(words), subnets 10.0.0.0/33 [A prefix of 33 bits of an address that has 32]", ["long_prefix"]),
        Case("\(initial)00\(node)01040a00000108", "\(words), subnets 10.0.0.1/8", ["host_bits"]),
        Case(
            "\(initial)00\(node)02060200000000013008ffff02000000000140",
            "\(words), subnets 02:00:00:00:00:01/48 65535/02:00:00:00:00:01/64", ["odd_vlan"]),
        Case(
            "\(initial)00\(node)02040a00000008040a00",
            "\(words), subnets 10.0.0.0/8 [3 of 6 bytes of a subnet are missing]", ["truncated"]),
        Case("\(initial)00\(node)00003c", "\(words), no subnets, timeout 60 s", ["short_peer_timeout"]),
        Case("\(initial)00\(node)00000102", "\(words), no subnets, and 3 bytes more", ["trailing_bytes"]),
        Case("\(peers)01c0000201000000", "peers, 192.0.2.1:0", ["unusable_address"]),
        Case("\(peers)01e00000010c8a00", "peers, 224.0.0.1:3210", ["unusable_address"]),
        Case(
            "\(peers)0001fe8000000000000000000000000000010c8a", "peers, [fe80::1]:3210", ["link_local_address"]),
        Case("\(peers)0000ff", "peers, none, and 1 byte more", ["trailing_bytes"]),
        Case(
            "\(peers)02c00002010c8ac0", "peers, 192.0.2.1:3210 [5 of 6 bytes of an IPv4 address are missing]",
            ["truncated"]),
        Case(
            "76706e0101000001\(String(repeating: "00", count: 20))", "peers [8 of 16 bytes of the tag are missing]",
            ["truncated"]),
        Case(
            "76706e0101000001\(String(repeating: "00", count: 28))",
            "peers, 0 bytes sealed with ChaCha20-Poly1305 (\(reason))", ["sealed"]),
        Case(
            "76706e0102000000\(String(repeating: "00", count: 29))",
            "data, 1 byte sealed with AES-256-GCM (\(reason))", ["sealed"]),
        Case("\(peers)01c00002010c8a00", "peers, none", ["cut"], missing: 3),
        Case(
            "76706e0101000001\(String(repeating: "00", count: 40))", "peers, sealed with ChaCha20-Poly1305", ["cut"],
            missing: 1),
    ]

    /// Packets that call for preferences.
    private static let others: [(options: [String], cases: [Case])] = [
        (["dialect:1"], [Case("\(initial)00\(node)00", "\(words), no subnets", ["no_peer_timeout"])]),
        (
            ["dialect:0.8"],
            [
                Case("\(initial)00\(node)000258", "\(words), no subnets, and 2 bytes more", ["trailing_bytes"]),
                Case(
                    "\(peers)000100000000000000000000ffffc00002010c8a", "peers, [::ffff:192.0.2.1]:3210",
                    ["mapped_address"]),
            ]
        ),
        (
            ["device_type:tap"],
            [
                Case(
                    "\(data)ffff", "data, 2 bytes [Too short for an Ethernet frame, as data of a TAP device is]",
                    ["no_ethernet_frame"])
            ]
        ),
        (["magic:00000001"], [Case("\(data.dropLast())3", "close", ["foreign_magic"])]),
    ]

    private static func check(_ cases: [Case], options: [String] = []) throws {
        let folder = try Folder()
        var file = DatagramFile()
        for example in cases {
            file.append(try #require([UInt8](hexadecimal: example.bytes)), missing: example.missing)
        }
        let path = "\(folder.path)/odd.pcap"
        try file.write(to: path)
        let fields = ["_ws.lua.error", "_ws.col.Info"] + Self.notes.map { "vpncloud.expert.\($0)" }
        let rows = try Wireshark.rows(of: path, fields, options: options)
        #expect(rows.count == cases.count)
        for (row, example) in zip(rows, cases) {
            #expect(row["_ws.col.Info"] == example.info)
            #expect(Set(Self.notes.filter { row["vpncloud.expert.\($0)"] != "" }) == example.notes, "\(example.info)")
            #expect(row["_ws.lua.error"] == "")
        }
    }

    /// The names of the notes that the script has.
    private static let notes: [String] = {
        let text = (try? Repository.text(of: "wireshark/vpncloud.lua")) ?? ""
        return text.matches(of: /\n    \{ "([a-z_]+)", "[^"]+", "[A-Z]+", "[A-Z]+" \},/).map { String($0.1) }
    }()

    @Test("name what is malformed or odd, and the info column what programs drop")
    func oddPackets() throws { try Self.check(Self.plain) }

    @Test("follow the preferences", arguments: others.indices)
    func preferences(index: Int) throws {
        try Self.check(Self.others[index].cases, options: Self.others[index].options)
    }

    @Test("go down to packets within packets, not for ever")
    func nestedPackets() throws {
        var bytes = try #require([UInt8](hexadecimal: "\(Self.initial)00\(Self.node)00"))
        for _ in 0..<300 { bytes = try #require([UInt8](hexadecimal: Self.data)) + DatagramFile.packet(bytes) }
        let folder = try Folder()
        var file = DatagramFile()
        file.append(bytes)
        // An ICMP message in an IPv4 packet that ends before its length says so.
        file.append(try #require([UInt8](hexadecimal: "\(Self.data)4500005400000000400100000a6301010a6302010800")))
        let path = "\(folder.path)/nested.pcap"
        try file.write(to: path)
        let filters = ["_ws.lua.error", "vpncloud.expert.nested", "vpncloud.expert.malformed_frame"]
        #expect(try Wireshark.counts(in: path, filters) == [0, 1, 1])
    }

    @Test("have each a packet here, but for that of a wrong key")
    func complete() {
        let tested = (Self.plain + Self.others.flatMap(\.cases)).reduce(into: Set<String>()) { $0.formUnion($1.notes) }
        #expect(tested.union(["nested", "malformed_frame", "wrong_tag"]) == Set(Self.notes))
    }
}
