import Glibc
import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@testable import VPNCaptures
@testable import vpncloud

/// A program that reads captures, and what it said.
private enum Reader {
    static func isThere(_ name: String) -> Bool {
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].contains { unsafe access("\($0)/\(name)", X_OK) == 0 }
    }

    /// The lines that a shell command prints.
    static func lines(_ command: String) throws -> [String] {
        // The stream is read to its end and closed below, and nowhere else.
        guard let pipe = unsafe popen("LC_ALL=C \(command) 2>/dev/null", "r") else { return [] }
        var text: [UInt8] = []
        while true {
            let byte = unsafe getc(pipe)
            guard byte != EOF else { break }
            text.append(UInt8(truncatingIfNeeded: byte))
        }
        let status = unsafe pclose(pipe)
        #expect(status == 0, "\(command)")
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// A run of three nodes with everything that a capture shows: IPv4 and IPv6, lost and refused datagrams.
private final class CapturedRun {
    var packets: [CaptureStream: Int] = [:]
    var times: [UInt64] = []

    init(into folder: CaptureFolder, device: DeviceType) throws {
        let network = VirtualNetwork()
        network.add(
            NetworkCapture { packet in
                folder.write(packet)
                self.packets[packet.stream, default: 0] += 1
                if packet.stream == .outer(node: "one") { self.times.append(packet.time.nanoseconds) }
            })
        var sent = 0
        network.fate = { _ in
            sent += 1
            return switch sent % 9 {
            case 7: .refused(errorCode: EPERM)
            case 8: .lost
            default: .arrives(after: .nanoseconds(12_345_678 + sent))
            }
        }
        let key = SecretKey([UInt8](repeating: 9, count: 32).span)
        let seal = try PacketSeal(magic: .standard, method: .chacha20, key: key)
        let hub = Endpoint(IPAddress(192, 0, 2, 1), port: 3210)
        let hub6 = Endpoint(IPAddress(bits: 0x2001_0db8 << 96 | 1), port: 3210)
        var nodes: [VirtualNode] = []
        for (number, name) in ["one", "two", "three"].enumerated() {
            var configuration = NodeConfiguration(seal: seal)
            configuration.deviceType = device
            configuration.subnets = [try Subnet(parsing: "10.0.0.\(number + 1)/32")]
            if number > 0 { configuration.peers = [try #require(PeerName((number == 1 ? hub : hub6).description))] }
            let addresses =
                switch number {
                case 0: [hub, hub6]
                case 1: [Endpoint(IPAddress(192, 0, 2, 2), port: 3210)]
                default: [Endpoint(IPAddress(bits: 0x2001_0db8 << 96 | 3), port: 4000)]
                }
            nodes.append(try network.start(name, configuration, at: addresses, seed: Seed(UInt64(number), 1, 2, 3)))
        }
        network.run(for: .seconds(30))
        for _ in 0..<20 {
            network.send(Self.frame(device), from: nodes[1])
            network.run(for: .milliseconds(100))
        }
    }

    /// UDP with right checksums from the second node to the first.
    private static func frame(_ device: DeviceType) -> [UInt8] {
        let source = Endpoint(IPAddress(10, 0, 0, 2), port: 1)
        let frame = UDPFrame(from: source, to: Endpoint(IPAddress(10, 0, 0, 1), port: 2), payload: Array("hello".utf8))
        let bytes = frame?.bytes ?? []
        return device == .tap ? bytes : Array(bytes.dropFirst(14))
    }
}

private let checks = "-o ip.check_checksum:TRUE -o udp.check_checksum:TRUE"

@Suite("Capture files")
struct CaptureFileTests {
    @Test(
        "are read by tshark without a bad checksum or a malformed packet, as many as there were",
        .enabled(if: Reader.isThere("tshark"), "tshark is not installed"), arguments: DeviceType.allCases)
    func tshark(device: DeviceType) throws {
        let folder = TemporaryFolder()
        let captures = try CaptureFolder(folder.path)
        let run = try CapturedRun(into: captures, device: device)
        try captures.close()
        #expect(folder.names.count == 6)
        for (stream, count) in run.packets {
            let file = "\(folder.path)/\(CaptureFolder.name(of: stream))"
            let fields = "-e udp.checksum.status -e ip.checksum.status -e _ws.malformed -e _ws.expert.severity"
            let rows = try Reader.lines("tshark \(checks) -n -r \(file) -T fields -E separator=, \(fields)")
            // 1 is a good checksum, none of IP being there over IPv6. Nothing is malformed or worth a remark.
            #expect(rows.count == count && rows.allSatisfy { $0 == "1,1,," || $0 == "1,,," }, "\(stream) \(rows)")
        }
    }

    @Test(
        "have nanoseconds of virtual time and the addresses of both ends",
        .enabled(if: Reader.isThere("tshark"), "tshark is not installed"))
    func fields() throws {
        let folder = TemporaryFolder()
        let captures = try CaptureFolder(folder.path)
        let run = try CapturedRun(into: captures, device: .tap)
        try captures.close()
        let fields = "-T fields -e frame.time_epoch -e ip.src -e ipv6.src -e udp.srcport -e udp.dstport"
        let lines = try Reader.lines("tshark -n -r \(folder.path)/one.outer.pcap \(fields) -E separator=,")
        let rows = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        let times = rows.map { row in
            let parts = row[0].split(separator: ".")
            return (UInt64(parts[0]) ?? 0) * 1_000_000_000 + (UInt64(parts[1]) ?? 0)
        }
        #expect(times == run.times && times.contains { $0 % 1000 != 0 })
        #expect(Set(rows.map { $0[1] + $0[2] }) == ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::3"])
        #expect(Set(rows.map { $0[3] }) == ["3210", "4000"])
    }

    @Test(
        "are read by tcpdump, as many as there were, with good checksums",
        .enabled(if: Reader.isThere("tcpdump"), "tcpdump is not installed"), arguments: DeviceType.allCases)
    func tcpdump(device: DeviceType) throws {
        let folder = TemporaryFolder()
        let captures = try CaptureFolder(folder.path)
        let run = try CapturedRun(into: captures, device: device)
        try captures.close()
        for (stream, count) in run.packets {
            let file = "\(folder.path)/\(CaptureFolder.name(of: stream))"
            #expect(try Reader.lines("tcpdump -n -r \(file)").count == count)
            let lines = try Reader.lines("tcpdump -n -vv -r \(file)")
            #expect(!lines.contains { $0.contains("bad") || $0.contains("wrong") || $0.contains("trunc") })
            #expect(lines.count { $0.contains("[udp sum ok]") } == count)
        }
    }

    @Test(
        "are the same whether they stay open or are closed for others, and replace those of another run",
        arguments: [1, 2, 400])
    func openLimit(limit: Int) throws {
        let folder = TemporaryFolder()
        let other = TemporaryFolder()
        for limit in [400, limit] {
            let captures = try CaptureFolder(folder.path, openLimit: limit)
            _ = try CapturedRun(into: captures, device: .tun)
            try captures.close()
        }
        let captures = try CaptureFolder(other.path)
        _ = try CapturedRun(into: captures, device: .tun)
        try captures.close()
        #expect(folder.names == other.names)
        for name in folder.names {
            #expect(
                try FileBytes.read("\(folder.path)/\(name)", atMost: 1 << 20)
                    == FileBytes.read("\(other.path)/\(name)", atMost: 1 << 20))
        }
    }

    @Test(
        "stay in their folder whatever a node is called",
        arguments: [
            ("a", "a"), ("../a", "%2e.%2fa"), (".", "%2e"), ("a b/ü", "a%20b%2f%c3%bc"), ("%2f", "%252f"), ("", ""),
        ])
    func names(node: String, file: String) {
        #expect(CaptureFolder.name(of: .inner(node: node, .tun)) == "\(file).inner.pcap")
        #expect(CaptureFolder.name(of: .outer(node: node)) == "\(file).outer.pcap")
    }
}

@Suite("Captures that cannot be written")
struct CaptureErrorTests {
    private func packet(_ node: String = "a", bytes: Int = 100) -> CapturedPacket {
        CapturedPacket(.outer(node: node), at: .zero, [UInt8](repeating: 0, count: bytes))
    }

    @Test("are an error that names a full disk, at once or at the end", arguments: [(1, 100), (1000, 60_000)])
    func fullDisk(count: Int, bytes: Int) throws {
        let folder = TemporaryFolder()
        let file = "\(folder.path)/a.outer.pcap"
        let status = unsafe symlink("/dev/full", file)
        try #require(status == 0)
        let captures = try CaptureFolder(folder.path)
        for _ in 0..<count { captures.write(packet(bytes: bytes)) }
        #expect(throws: CaptureError.write(file, reason: "No space left on device")) { try captures.close() }
        #expect(captures.failure != nil && (count == 1 || captures.packets < 1000))
    }

    @Test("are an error that names a folder that cannot be made")
    func noFolder() {
        #expect(throws: CaptureError.folder("/nonexistent/x", reason: "No such file or directory")) {
            _ = try CaptureFolder("/nonexistent/x")
        }
        #expect(throws: CaptureError.folder("/dev/null", reason: "Not a directory")) {
            _ = try CaptureFolder("/dev/null")
        }
        #expect(throws: CaptureError.folder("/proc/x", reason: "No such file or directory")) {
            _ = try CaptureFolder("/proc/x")
        }
    }

    @Test("are an error that names a file that cannot be opened, and nothing more is written")
    func noFile() throws {
        // Nobody may make a file here, not even root.
        let captures = try CaptureFolder("/proc")
        captures.write(packet())
        captures.write(packet("b"))
        #expect(captures.failure == .open("/proc/a.outer.pcap", reason: "No such file or directory"))
        #expect(captures.packets == 0)
        #expect(throws: CaptureError.self) { try captures.close() }
    }

    @Test("are an error where a folder may not be written to", .enabled(if: getuid() != 0, "root may write everywhere"))
    func noPermission() throws {
        let captures = try CaptureFolder("/usr")
        captures.write(packet())
        #expect(captures.failure == .open("/usr/a.outer.pcap", reason: "Permission denied"))
    }

    @Test("are an error where one name has devices of two kinds")
    func mixedDevices() throws {
        let folder = TemporaryFolder()
        let captures = try CaptureFolder(folder.path)
        captures.write(CapturedPacket(.inner(node: "a", .tun), at: .zero, [0x45]))
        captures.write(CapturedPacket(.inner(node: "a", .tap), at: .zero, [0x45]))
        #expect(captures.failure == .mixedDevices("\(folder.path)/a.inner.pcap"))
    }
}
