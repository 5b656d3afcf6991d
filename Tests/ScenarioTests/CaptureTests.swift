import Foundation
import Testing

/// Captures of a run with TUN and TAP, VLAN, ARP, IPv4 and IPv6, encryption, NAT, loss and copies, held against its event log.
@Suite(
    "The captures of 'sim run'",
    .enabled(if: Tool.isThere("tshark") && Tool.isThere("tcpdump"), "tshark or tcpdump is not installed"))
struct CaptureTests {
    private static let scenario = """
        name: everything that captures show
        seed: 3
        duration: 40s
        networks:
          internet: { latency: 20ms, jitter: 2ms, loss: 3%, duplication: 2%, families: [ipv4, ipv6] }
          home: { latency: 1ms, behind: { network: internet, nat: home } }
        defaults: { crypto: aes256, shared_key: secret, port_forwarding: false }
        nodes:
          - { name: tap-a, network: internet, device_type: tap, magic: "00000001", link: { mtu: 1500, icmp: true } }
          - { name: tap-b, network: home, device_type: tap, magic: "00000001", peers: [tap-a] }
          - { name: tun-a, network: internet, device_type: tun, magic: "00000002", subnets: [10.0.1.0/24] }
          - { name: tun-b, network: home, device_type: tun, magic: "00000002", peers: [tun-a], subnets: [10.0.2.0/24] }
          - { name: six-a, network: internet, device_type: tun, magic: "00000003", subnets: ["fd00:1::/64"] }
          - { name: six-b, network: internet, device_type: tun, magic: "00000003", peers: [six-a], subnets: ["fd00:2::/64"] }
        traffic:
          - { from: tap-a, to: tap-b, every: 1s, start: 2s, size: 1400, echo: true }
          - { from: tap-b, to: tap-a, every: 1s, start: 2s, vlan: 10, size: 600 }
          - { from: tap-b, to: tap-a, every: 1s, start: 3s, kind: arp }
          - { from: tap-a, to: tap-b, every: 5s, start: 3s, size: 1490 }
          - { from: tun-a, to: tun-b, every: 1s, start: 2s, size: 1000, echo: true }
          - { from: six-a, to: six-b, every: 1s, start: 2s, size: 65, echo: true }
          - { from: six-b, to: all, every: 5s, start: 2s, size: 66 }
        """
    private static let checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]

    private let folder: Folder
    /// For each capture, what the event log has of it: time, addresses of datagrams, and length.
    private let logged: [String: [String]]

    init() throws {
        folder = try Folder()
        let file = try folder.file("x.yaml", Self.scenario)
        let outcome = try Tool.sim(["run", file, "--pcap", "\(folder.path)/captures", "--log", "\(folder.path)/log"])
        guard outcome.status == 0 else { throw ToolError(text: outcome.output + outcome.errors) }
        logged = try Self.entries(ofLog: folder.text(of: "log"))
    }

    private static func entries(ofLog log: String) throws -> [String: [String]] {
        var entries: [String: [String]] = [:]
        let device = /^([0-9.]+) s  ([a-z-]+): frame of ([0-9]+) bytes (?:from|to) the device.*/
        let wire =
            /^([0-9.]+) s  (?:([a-z-]+): sent|([a-z-]+): got|lost) #[0-9]+ ([^ ]+) > ([^ ]+) [a-z]+, ([0-9]+) bytes, .*/
        for line in log.split(separator: "\n") {
            if let match = line.wholeMatch(of: device) {
                entries["\(match.2).inner.pcap", default: []].append("\(match.1) \(match.3)")
            } else if let match = line.wholeMatch(of: wire) {
                let name = match.2 ?? match.3
                let entry = "\(match.1) \(plain(match.4)) \(plain(match.5)) \(match.6)"
                entries[name.map { "\($0).outer.pcap" } ?? "dropped.pcap", default: []].append(entry)
            }
        }
        return entries
    }

    /// `[2001:db8::1]:3210` as `2001:db8::1 3210`, and IPv4 likewise.
    private static func plain(_ endpoint: Substring) -> String {
        let colon = endpoint.lastIndex(of: ":") ?? endpoint.startIndex
        return "\(endpoint[..<colon].filter { !"[]".contains($0) }) \(endpoint[colon...].dropFirst())"
    }

    private func rows(of name: String, _ fields: [String]) throws -> [[String]] {
        let path = "\(folder.path)/captures/\(name)"
        let arguments = ["tshark"] + Self.checks + ["-n", "-r", path, "-T", "fields", "-E", "separator=;"]
        let outcome = try Tool.run(arguments + fields.flatMap { ["-e", $0] })
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.lines.map { $0.split(separator: ";", omittingEmptySubsequences: false).map(String.init) }
    }

    @Test("are one file for each device and each wire, and one for what got lost")
    func files() throws {
        let nodes = ["six-a", "six-b", "tap-a", "tap-b", "tun-a", "tun-b"]
        let names = nodes.flatMap { ["\($0).inner.pcap", "\($0).outer.pcap"] } + ["dropped.pcap"]
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/captures").sorted() == names.sorted())
        #expect(logged.keys.sorted() == names.sorted())
        #expect(logged.values.allSatisfy { $0.count > 10 })
    }

    @Test("hold each datagram of the event log at its time, with its addresses and length, opened")
    func wires() throws {
        let fields = [
            "frame.time_epoch", "ip.src", "ipv6.src", "udp.srcport", "ip.dst", "ipv6.dst", "udp.dstport", "udp.length",
            "udp.checksum.status", "ip.checksum.status", "_ws.malformed",
        ]
        var families: Set<Bool> = []
        for name in logged.keys where !name.hasSuffix(".inner.pcap") {
            let rows = try rows(of: name, fields)
            // Opened, a datagram has no nonce of 12 bytes and no tag of 16; a UDP header has 8.
            let seen = rows.map { row in
                "\(row[0]) \(row[1])\(row[2]) \(row[3]) \(row[4])\(row[5]) \(row[6]) \((Int(row[7]) ?? 0) - 8 + 28)"
            }
            #expect(seen == logged[name], "\(name)")
            #expect(
                rows.allSatisfy { $0[8] == "1" && ($0[9] == "1" || $0[1].isEmpty && $0[9].isEmpty) && $0[10].isEmpty })
            families.formUnion(rows.map { $0[1].isEmpty })
        }
        #expect(families == [false, true])
    }

    @Test("hold each frame of the event log at its time, with its length, and nothing malformed")
    func devices() throws {
        let fields = [
            "frame.time_epoch", "frame.len", "udp.checksum.status", "ip.checksum.status", "arp.opcode", "_ws.malformed",
        ]
        for name in logged.keys where name.hasSuffix(".inner.pcap") {
            let rows = try rows(of: name, fields)
            #expect(rows.map { "\($0[0]) \($0[1])" } == logged[name], "\(name)")
            #expect(rows.allSatisfy { $0[5].isEmpty && ($0[2] == "1" || !$0[4].isEmpty) && $0[3] != "0" }, "\(name)")
        }
        let tagged = try rows(of: "tap-b.inner.pcap", ["vlan.id", "arp.opcode", "eth.src", "ip.src"])
        #expect(Set(tagged.map { $0[0] }) == ["", "10"] && Set(tagged.map { $0[1] }) == ["", "1", "2"])
        #expect(Set(tagged.map { $0[2] }) == ["02:00:00:00:00:01", "02:00:00:00:00:02"])
        #expect(Set(tagged.map { $0[3] }) == ["", "10.128.0.1", "10.128.0.2"])
        let routed = try rows(of: "tun-b.inner.pcap", ["ip.src", "ip.dst"])
        #expect(Set(routed) == [["10.0.1.1", "10.0.2.1"], ["10.0.2.1", "10.0.1.1"]])
        let six = try rows(of: "six-b.inner.pcap", ["ipv6.src", "ipv6.dst"])
        #expect(Set(six) == [["fd00:1::1", "fd00:2::1"], ["fd00:2::1", "fd00:1::1"], ["fd00:2::1", "ff02::1"]])
    }

    @Test("are read by tcpdump, as many packets as the event log has, with good checksums")
    func tcpdump() throws {
        for (name, entries) in logged {
            let path = "\(folder.path)/captures/\(name)"
            let outcome = try Tool.run(["tcpdump", "-n", "-r", path])
            #expect(outcome.status == 0 && outcome.lines.count == entries.count, "\(name)")
            let text = try Tool.run(["tcpdump", "-n", "-vv", "-r", path]).output
            #expect(text.count(of: "udp sum ok") + text.count(of: "ARP, ") == entries.count, "\(name)")
            #expect(!["bad ", "wrong", "trunc", "invalid"].contains { text.contains($0) }, "\(name)")
        }
    }
}

extension String {
    fileprivate func count(of words: String) -> Int { components(separatedBy: words).count - 1 }
}
