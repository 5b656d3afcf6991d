import Glibc
import Testing
import VPNLinuxIO
import VPNProtocol

@testable import VPNNode
@testable import vpncloud

/// Follows keys and list positions into a YAML document.
private func value(_ node: YAMLNode?, _ path: Any...) -> String? {
    var node = node
    for step in path {
        switch (node?.content, step) {
        case (.mapping(let entries)?, let key as String):
            node =
                entries.first { if case .scalar(let name) = $0.key.content { name.text == key } else { false } }?.value
        case (.list(let items)?, let index as Int): node = items.indices.contains(index) ? items[index] : nil
        default: return nil
        }
    }
    guard case .scalar(let scalar)? = node?.content else { return nil }
    return scalar.text
}

/// A configuration of a node that is not started, for its empty statistics.
private func emptyStatistics() throws -> NodeStatistics {
    let engine = try NodeEngine(
        NodeConfiguration(seal: PacketSeal(unencrypted: .standard)), seed: Seed(1, 2, 3, 4), startingAt: .zero)
    return engine.statistics()
}

private func peer(_ bytes: UInt64, packets: UInt64) -> PeerStatistics {
    PeerStatistics(
        id: NodeID(bits: 7),
        addresses: [Endpoint(IPAddress(192, 0, 2, 1), port: 3210), Endpoint(IPAddress(bits: 1), port: 5)],
        subnets: [], joined: .zero + .seconds(10), heard: .zero + .seconds(50),
        received: Traffic(packets: packets, bytes: bytes), sent: Traffic(packets: 0, bytes: 0), failedSends: 3)
}

@Suite("The statistics")
struct StatisticsTests {
    @Test("are YAML that a program can read, with peers, table, drops and evictions")
    func yaml() throws {
        var statistics = try emptyStatistics()
        statistics.peers = [peer(5_000, packets: 50)]
        statistics.stations = [
            StationStatistics(
                address: StationAddress(vlan: 10, mac: 0x0200_0000_0001), peer: NodeID(bits: 7),
                seen: .zero + .seconds(59))
        ]
        var text = StatisticsText()
        let first = text.text(statistics, io: IOCounters(), offload: OffloadInUse(), uptime: .seconds(60), time: "now")
        let document = try YAMLNode.parse(Array(first.utf8))
        #expect(value(document, "written") == "now")
        #expect(value(document, "uptime") == "60.000")
        #expect(value(document, "peers", 0, "id") == "00000000000000000000000000000007")
        #expect(value(document, "peers", 0, "addresses", 0) == "192.0.2.1:3210")
        #expect(value(document, "peers", 0, "addresses", 1) == "[::1]:5")
        #expect(value(document, "peers", 0, "connected") == "50.000")
        #expect(value(document, "peers", 0, "last_heard") == "10.000")
        #expect(value(document, "peers", 0, "received", "bytes") == "5000")
        #expect(value(document, "peers", 0, "received", "bytes_per_second") == "100.0")
        #expect(value(document, "peers", 0, "failed_sends") == "3")
        #expect(value(document, "table", 0, "address") == "10/02:00:00:00:00:01")
        #expect(value(document, "table", 0, "seen") == "1.000")
        for reason in DropReason.allCases { #expect(value(document, "drops", reason.name.snakeCase) == "0") }
        #expect(value(document, "answers_withheld") == "0")
        for table in BoundedTable.allCases { #expect(value(document, "evictions", table.name.snakeCase) == "0") }
        #expect(value(document, "device", "to_device", "packets") == "0")
        #expect(value(document, "system", "datagrams_received") == "0")
    }

    @Test("have the rates since they were written before")
    func rates() throws {
        var statistics = try emptyStatistics()
        var text = StatisticsText()
        statistics.peers = [peer(5_000, packets: 50)]
        _ = text.text(statistics, io: IOCounters(), offload: OffloadInUse(), uptime: .seconds(60), time: "now")
        statistics.peers = [peer(65_000, packets: 53)]
        let second = text.text(
            statistics, io: IOCounters(), offload: OffloadInUse(), uptime: .seconds(120), time: "now")
        let document = try YAMLNode.parse(Array(second.utf8))
        #expect(value(document, "peers", 0, "received", "bytes_per_second") == "1000.0")
        #expect(value(document, "peers", 0, "received", "packets_per_second") == "0.1")
        #expect(value(document, "peers", 0, "sent", "bytes_per_second") == "0.0")
    }

    @Test("tell what was captured, where something is")
    func capture() throws {
        var capture = CaptureStatistics(files: 3, errors: 1)
        capture.inner.captured = 10
        capture.inner.dropped = 2
        capture.outer.filtered = 7
        var text = StatisticsText()
        let statistics = try emptyStatistics()
        let written = text.text(
            statistics, io: IOCounters(), offload: OffloadInUse(), capture: capture, uptime: .zero, time: "now")
        let document = try YAMLNode.parse(Array(written.utf8))
        #expect(value(document, "capture", "inner", "captured") == "10")
        #expect(value(document, "capture", "inner", "dropped") == "2")
        #expect(value(document, "capture", "outer", "filtered") == "7")
        #expect(value(document, "capture", "files") == "3")
        #expect(value(document, "capture", "errors") == "1")
        #expect(
            capture.summary
                == "capture: inner 10 captured, 2 dropped, 0 filtered; outer 0 captured, 0 dropped, 7 filtered; 3 files, 1 error"
        )
        let without = text.text(
            statistics, io: IOCounters(), offload: OffloadInUse(), uptime: .zero, time: "now")
        #expect(!without.contains("capture"))
    }

    @Test(
        "tell how far a recording is, and why it has ended, where there is one",
        arguments: zip(
            [nil, .nodeEnded, .limit, .tooSlow, .writeFailed] as [RecordingEnd?],
            ["running", "node_ended", "limit", "too_slow", "write_failed"]))
    func recording(end: RecordingEnd?, state: String) throws {
        var text = StatisticsText()
        let written = text.text(
            try emptyStatistics(), io: IOCounters(), offload: OffloadInUse(),
            recording: RecordingWriter.Statistics(byteCount: 1234, end: end), uptime: .zero, time: "now")
        let document = try YAMLNode.parse(Array(written.utf8))
        #expect(value(document, "recording", "bytes") == "1234" && value(document, "recording", "state") == state)
        let without = text.text(
            try emptyStatistics(), io: IOCounters(), offload: OffloadInUse(), uptime: .zero, time: "now")
        #expect(!without.contains("recording"))
    }

    @Test("without peers are YAML, too")
    func empty() throws {
        var text = StatisticsText()
        let document = try YAMLNode.parse(
            Array(
                text.text(try emptyStatistics(), io: IOCounters(), offload: OffloadInUse(), uptime: .zero, time: "now")
                    .utf8))
        #expect(value(document, "uptime") == "0.000")
    }

    @Test("are whole for who reads them while they are replaced, and leave nothing beside them")
    func atomicity() async throws {
        let folder = TemporaryFolder()
        let path = try folder.file("stats", content(0))
        let torn = Task.detached {
            var (torn, last) = (0, [UInt8]())
            while last.first != UInt8(ascii: "e") {
                last = try FileBytes.read(path, atMost: 1 << 20)
                if Set(last).count != 1 || last.count != 50_000 { torn += 1 }
            }
            return torn
        }
        for number in 0..<300 { try FileBytes.replace(path, with: Array(content(number).utf8)) }
        try FileBytes.replace(path, with: Array(repeating: UInt8(ascii: "e"), count: 50_000))
        #expect(try await torn.value == 0)
        #expect(folder.names == ["stats"])
    }

    @Test("that cannot be written are an error that says why")
    func failure() {
        #expect(throws: FileError(code: 2)) { try StatisticsFile("/nonexistent/stats").tryOut() }
    }

    @Test("leave nothing behind where it is found out whether they can be written")
    func attempt() throws {
        let folder = TemporaryFolder()
        try StatisticsFile("\(folder.path)/stats").tryOut()
        #expect(folder.names.isEmpty)
    }

    @Test("do not take the place of a device, a folder or a link")
    func otherFiles() throws {
        let folder = TemporaryFolder()
        let path = try folder.file("stats", "")
        // Both texts end with a zero byte.
        let linked = unsafe symlink(path, "\(folder.path)/link")
        #expect(linked == 0)
        #expect(!FileBytes.isOtherThanFile(path))
        #expect(!FileBytes.isOtherThanFile("\(folder.path)/new"))
        for other in ["/dev/null", folder.path, "\(folder.path)/link"] { #expect(FileBytes.isOtherThanFile(other)) }
    }

    private func content(_ number: Int) -> String {
        String(repeating: String(number % 10), count: 50_000)
    }
}
