import Foundation
import Testing
import VPNProtocol

/// 100,000 packets with random changes: half of them shown in full, half of them held against our own decoder.
@Suite("The Wireshark dissector and mutated packets", .enabled(if: Wireshark.runsScripts, "\(Wireshark.needed)"))
struct DissectorMutationTests {
    private static let count = 50_000

    /// Packets between the usual ports and others, of which the capture has some in part only.
    private static func write(_ count: Int, to path: String) throws {
        var packets = try MutatedPackets(seed: 1)
        var file = DatagramFile()
        for index in 0..<count {
            let packet = packets.next()
            file.append(
                packet, port: index.isMultiple(of: 3) ? 4711 : 3210,
                missing: index.isMultiple(of: 20) ? packets.number(below: packet.count + 1) : 0)
        }
        try file.write(to: path)
    }

    @Test("get on without an error of Lua")
    func errors() throws {
        let folder = try Folder()
        let path = "\(folder.path)/mutated.pcap"
        try Self.write(Self.count, to: path)
        let counts = try Wireshark.counts(in: path, ["_ws.lua.error", "vpncloud", "vpncloud.expert.truncated"])
        #expect(counts[0] == 0)
        #expect(counts[1] > Self.count * 9 / 10 && counts[2] > Self.count / 20)
    }

    @Test("would be noticed by an error of Lua, where the dissector forgot a bound")
    func plantedErrors() throws {
        let text = try Repository.text(of: "wireshark/vpncloud.lua")
        let broken = text.replacing("if left >= count then", with: "if true then")
        #expect(broken != text)
        let folder = try Folder()
        let path = "\(folder.path)/mutated.pcap"
        try Self.write(2000, to: path)
        let script = try folder.file("vpncloud.lua", broken)
        #expect(try Wireshark.counts(in: path, ["_ws.lua.error"], script: script)[0] > 100)
    }

    @Test("agree on each packet with the decoder of the program: malformed or not, and what it says")
    func agreement() throws {
        let folder = try Folder()
        let path = "\(folder.path)/mutated.pcap"
        var packets = try MutatedPackets(seed: 2)
        var file = DatagramFile()
        var expected: [Reading] = []
        for _ in 0..<Self.count {
            let packet = packets.next()
            file.append(packet)
            expected.append(Reading(packet))
        }
        try file.write(to: path)
        let rows = try Wireshark.rows(of: path, ["_ws.lua.error"] + Reading.fields)
        #expect(rows.count == Self.count)
        var differences: [String] = []
        for (row, reading) in zip(rows, expected) {
            let shown = Reading(row)
            if row["_ws.lua.error"] != "" || shown != reading { differences.append("\(shown), not \(reading)") }
        }
        #expect(differences.count == 0, "\(differences.prefix(3))")
        #expect(expected.count { $0.isMalformed } > Self.count / 20)
        #expect(expected.count { !$0.fields.isEmpty } > Self.count / 25)
    }
}

/// What is read in a packet: whether it is malformed, and the values of an Init or a list that is not.
private struct Reading: Equatable {
    var isMalformed = false
    var fields: [String] = []

    private static let faults = [
        "truncated", "unknown_crypto_method", "unknown_type", "unknown_stage", "unknown_address_length", "long_prefix",
    ].map { "vpncloud.expert.\($0)" }
    private static let values = ["init.stage", "init.node_id", "init.subnet", "peers.address"].map { "vpncloud.\($0)" }
    static let fields = faults + values + ["vpncloud.type", "vpncloud.crypto_method"]

    /// As the dissector shows it.
    init(_ row: [String: String]) {
        isMalformed = Self.faults.contains { row[$0] != "" }
        guard !isMalformed, row["vpncloud.crypto_method"] == "0", ["1", "2"].contains(row["vpncloud.type"]) else {
            return
        }
        fields = Self.values.map { row[$0, default: ""] }
        fields[3] = fields[3].split(separator: " ").map { Endpoint($0)?.description ?? "\($0)" }
            .joined(separator: " ")
    }

    /// As the program reads it.
    init(_ packet: [UInt8]) {
        guard packet.count >= PacketHeader.byteCount, let method = CryptoMethod(rawValue: packet[4]),
            let type = MessageType(rawValue: packet[7])
        else {
            isMalformed = true
            return
        }
        let bytes = packet.span.extracting(PacketHeader.byteCount...)
        guard method == .none else {
            isMalformed = bytes.count < method.headBytes + method.tailBytes
            return
        }
        do throws(DecodeError) {
            switch type {
            case .initial:
                let message = try InitMessage(bytes)
                let subnets = message.subnets.map(\.description).joined(separator: " ")
                fields = ["\(message.stage.rawValue)", "\(message.nodeID)", subnets, ""]
            case .peers:
                let list = try PeerListMessage(bytes)
                fields = ["", "", "", (list.ipv4 + list.ipv6).map(\.description).joined(separator: " ")]
            case .data, .close: break
            }
        } catch { isMalformed = true }
    }
}
