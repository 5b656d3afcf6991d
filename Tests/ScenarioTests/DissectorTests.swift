import Foundation
import TestVectors
import Testing
import VPNProtocol

/// What tshark shows of the golden captures, held against their descriptions.
@Suite("The Wireshark dissector", .enabled(if: Wireshark.runsScripts, "\(Wireshark.needed)"))
struct DissectorTests {
    @Test(
        "shows header, nonce and tag of every golden packet, and of plain ones all the fields", arguments: Capture.all)
    func captures(capture: Capture) throws {
        let file = try #require(capture.file).path
        #expect(try Self.rows(of: file) == capture.packets.map { ShownPacket.expected($0, of: capture) })
    }

    @Test(
        "shows every field of every encrypted golden packet once 'pcap decrypt' opened them",
        arguments: Capture.all.filter { $0.sharedKey != nil })
    func decryptedCaptures(capture: Capture) throws {
        let file = try #require(capture.file).path
        let folder = try Folder()
        let key = try folder.file("key", try #require(capture.sharedKey))
        let opened = "\(folder.path)/opened.pcap"
        let outputs = ["--outer", opened, "--inner", "\(folder.path)/inner.pcap"]
        let outcome = try Tool.run([Tool.program(), "pcap", "decrypt", file, "--shared-key-file", key] + outputs)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            try Self.rows(of: opened) == capture.packets.map { ShownPacket.expected($0, of: capture, decrypted: true) })
    }

    @Test(
        "opens every encrypted golden packet itself, with the key",
        .enabled(if: Wireshark.hasCiphers, "Wireshark has no ciphers for Lua, which come with 4.6"),
        arguments: Capture.all.filter { $0.sharedKey != nil })
    func openedCaptures(capture: Capture) throws {
        let file = try #require(capture.file).path
        let options = ["shared_key:\(try #require(capture.sharedKey))", "dialect:\(capture.dialect)"]
        #expect(
            try Self.rows(of: file, options: options)
                == capture.packets.map { ShownPacket.expected($0, of: capture, opened: true) })
    }

    private static func rows(of file: String, options: [String] = []) throws -> [ShownPacket] {
        let places = ["ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst", "udp.dstport", "frame.protocols"]
        let faults = ["_ws.lua.error", "_ws.malformed"]
        return try Wireshark.rows(of: file, ShownPacket.fields + places + faults, options: options).map { row in
            func first(_ field: String) -> String { String(row[field, default: ""].split(separator: " ").first ?? "") }
            func endpoint(_ ipv4: String, _ ipv6: String, _ port: String) -> String {
                // The addresses of frames come after those of the datagram.
                row["frame.protocols", default: ""].prefix(while: { $0 != "u" }).contains("ipv6")
                    ? "[\(first(ipv6))]:\(first(port))" : "\(first(ipv4)):\(first(port))"
            }
            #expect(faults.allSatisfy { row[$0] == "" }, "\(row)")
            return ShownPacket(
                values: row.filter { ShownPacket.fields.contains($0.key) && $0.value != "" },
                from: endpoint("ip.src", "ipv6.src", "udp.srcport"), to: endpoint("ip.dst", "ipv6.dst", "udp.dstport"),
                inside: row["frame.protocols", default: ""].components(separatedBy: "vpncloud:").dropFirst().last.map {
                    String($0.prefix { $0 != ":" })
                })
        }
    }
}

/// What is shown of a packet: the values of fields that are there, its endpoints, and the protocol of its frame.
private struct ShownPacket: Equatable {
    var values: [String: String]
    let from: String
    let to: String
    var inside: String?

    static let fields =
        ["magic", "crypto_method", "reserved", "type", "nonce", "ciphertext", "tag", "data.frame", "data.device_type"]
        .map { "vpncloud.\($0)" }
        + [
            "stage", "node_id", "subnet_count", "subnet", "subnet.address_length", "subnet.ipv4", "subnet.ipv6",
            "subnet.prefix_length", "trailing", "peer_timeout",
        ].map { "vpncloud.init.\($0)" }
        + ["ipv4_count", "ipv6_count", "address", "ipv4", "ipv6", "port", "trailing"].map { "vpncloud.peers.\($0)" }
        + ["close.trailing", "undecoded"].map { "vpncloud.\($0)" }

    init(values: [String: String], from: String, to: String, inside: String?) {
        self.values = values
        self.from = from
        self.to = to
        self.inside = inside
        // An address has several spellings.
        for field in ["vpncloud.peers.address", "vpncloud.peers.ipv6"] {
            self.values[field] = values[field].map {
                $0.split(separator: " ").map { Endpoint($0)?.description ?? IPAddress($0)?.description ?? "\($0)" }
                    .joined(separator: " ")
            }
        }
    }

    /// What a description says.
    ///
    /// - Parameters:
    ///   - decrypted: whether the packet has become one of method 0.
    ///   - opened: whether the dissector has the key.
    static func expected(
        _ packet: Capture.Packet, of capture: Capture, decrypted: Bool = false, opened: Bool = false
    ) -> ShownPacket {
        let message = packet.message
        let isSealed = packet.method != 0 && !decrypted
        var values = [
            "vpncloud.magic": "0x\(capture.magic)", "vpncloud.crypto_method": isSealed ? "\(packet.method)" : "0",
            "vpncloud.reserved": "0x" + packet.packet.dropFirst(10).prefix(4),
            "vpncloud.type": ["data": "0", "peers": "1", "init": "2", "close": "3"][message.type] ?? "",
        ]
        if isSealed {
            values["vpncloud.nonce"] = packet.nonce
            values["vpncloud.ciphertext"] = String(packet.packet.dropFirst(2 * 20).dropLast(2 * 16))
            values["vpncloud.tag"] = String(packet.packet.suffix(2 * 16))
        }
        var inside: String?
        if !isSealed || opened {
            values.merge(fields(of: message, device: capture.device)) { $1 }
            let version = message.frame?.first == "6" ? "ipv6" : "ip"
            inside = message.frame.map { _ in capture.device == "tap" ? "eth" : version }
        }
        return ShownPacket(
            values: values.compactMapValues { $0 == "" ? nil : $0 }, from: packet.from, to: packet.to, inside: inside)
    }

    private static func fields(of message: Capture.Message, device: String) -> [String: String] {
        let list: ([String]) -> String = { $0.joined(separator: " ") }
        switch message.type {
        case "data": return ["vpncloud.data.frame": message.frame ?? "", "vpncloud.data.device_type": device]
        case "peers":
            let addresses = message.addresses ?? []
            let (ipv4, ipv6) = (addresses.filter { !$0.contains("[") }, addresses.filter { $0.contains("[") })
            let host: (String) -> String = { text in
                String(text.hasPrefix("[") ? text.dropFirst().prefix { $0 != "]" } : text.prefix { $0 != ":" })
            }
            return [
                "vpncloud.peers.ipv4_count": "\(ipv4.count)", "vpncloud.peers.ipv6_count": "\(ipv6.count)",
                "vpncloud.peers.address": list(addresses), "vpncloud.peers.ipv4": list(ipv4.map(host)),
                "vpncloud.peers.ipv6": list(ipv6.map(host)),
                "vpncloud.peers.port": list(addresses.map { String($0.split(separator: ":").last ?? "") }),
                "vpncloud.peers.trailing": message.trailing ?? "",
            ]
        case "init":
            let subnets = message.subnets ?? []
            let parts = subnets.map { $0.split(separator: "/").map(String.init) }
            let timeout = message.trailing.flatMap { $0.count == 4 ? UInt16($0, radix: 16) : nil }
            return [
                "vpncloud.init.stage": message.stage.map { "\($0)" } ?? "",
                "vpncloud.init.node_id": message.nodeId ?? "", "vpncloud.init.subnet_count": "\(subnets.count)",
                "vpncloud.init.subnet": list(subnets),
                "vpncloud.init.subnet.address_length": list(subnets.map { $0.contains(":") ? "16" : "4" }),
                "vpncloud.init.subnet.ipv4": list(parts.map { $0[0] }.filter { !$0.contains(":") }),
                "vpncloud.init.subnet.ipv6": list(parts.map { $0[0] }.filter { $0.contains(":") }),
                "vpncloud.init.subnet.prefix_length": list(parts.map { $0[1] }),
                "vpncloud.init.trailing": message.trailing ?? "",
                "vpncloud.init.peer_timeout": timeout.map { "\($0)" } ?? "",
            ]
        default: return ["vpncloud.close.trailing": message.trailing ?? ""]
        }
    }
}
