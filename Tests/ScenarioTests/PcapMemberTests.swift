import Foundation
import TestVectors
import Testing
import VPNCaptures

/// A table of docs/inspecting.md.
private struct DocumentedTable {
    /// What stands there as code, by row and column.
    private let rows: [[Set<String>]]

    /// Finds the table by the start of its first line.
    init(_ head: String) throws {
        let lines = try Repository.text(of: "docs/inspecting.md").components(separatedBy: "\n")
            .drop { !$0.hasPrefix("| \(head) |") }.prefix { $0.hasPrefix("|") }
        // The head, and the line below it.
        try #require(lines.count > 2)
        rows = lines.dropFirst(2).map { $0.split(separator: "|").map(Self.code) }
    }

    private static func code(_ cell: Substring) -> Set<String> {
        let parts = cell.components(separatedBy: "`")
        return Set(parts.indices.filter { !$0.isMultiple(of: 2) }.map { parts[$0] })
    }

    func column(_ number: Int) -> Set<String> { rows.reduce(into: []) { $0.formUnion($1[number]) } }
}

/// What docs/inspecting.md says of 'pcap show --json'.
@Suite("The document of 'pcap show --json'", .enabled(if: Repository.exists, "the repository is not here"))
struct PcapMemberTests {
    /// A capture of packets that are malformed, of an unknown type, and encrypted.
    private static func oddCapture() throws -> [UInt8] {
        let payloads: [[UInt8]] = [
            [0x76, 0x70, 0x6e, 1, 0, 0, 0, 2, 9], [0x76, 0x70, 0x6e, 1, 0, 0, 0, 9],
            [0x76, 0x70, 0x6e, 1, 1, 0, 0, 0] + [UInt8](repeating: 1, count: 40),
        ]
        let packets = payloads.map { CaptureBytes.Packet(WirePacket.ipv4(WirePacket.udp($0))) }
        return CaptureBytes(link: 101, packets).bytes
    }

    @Test("names every member, and none that there is not")
    func members() throws {
        let folder = try Folder()
        var files = try Capture.all.map { try #require($0.file).path }
        files.append(try folder.file("odd.pcap", bytes: Self.oddCapture()))
        var (members, inMessages): (Set<String>, Set<String>) = ([], [])
        for file in files {
            for line in try Tool.pcap(["show", file, "--json", "--shared-key", "test123"]).lines {
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                let packet = try #require(object as? [String: Any])
                members.formUnion(packet.keys)
                inMessages.formUnion(try #require(packet["message"] as? [String: Any]).keys)
            }
        }
        #expect(try DocumentedTable("member").column(0) == members)
        let table = try DocumentedTable("type")
        #expect(table.column(1).union(["type"]) == inMessages)
        #expect(table.column(0) == ["data", "peers", "init", "close"])
    }

    @Test("names every reason, and none that there is not")
    func reasons() throws {
        let names = Refusal.allCases.filter(\.isOfProtocol).map(\.name)
        #expect(try DocumentedTable("reason").column(0) == Set(names))
    }
}
