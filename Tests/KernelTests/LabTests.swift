import Foundation
import Testing

extension KernelTests {
    /// The instruments are tested before anything is measured with them.
    @Suite("The lab", .serialized)
    struct Laboratory {
        @Test("has hosts that reach each other outside, with both families")
        func hosts() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                for address in [hosts[1].ipv4, hosts[1].ipv6] {
                    try await waitUntil("\(address) answers") { try await hosts[0].namespace.pings(address) }
                    let answered = try await hosts[0].namespace.answeredPings(address, bytes: 1500, count: 3)
                    try claim(answered == 3, "only \(answered) of 3 pings to \(address) were answered")
                }
                try claim(try await !hosts[0].namespace.pings("192.0.2.77"), "nobody answers")
            }
        }

        @Test("sees frames with their tags, and nothing twice")
        func frames() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let sender = try PacketSocket(hosts[0].namespace, device: "eth0")
                let receiver = try PacketSocket(hosts[1].namespace, device: "eth0")
                let to = MACAddress(0xffff_ffff_ffff)
                try sender.send(TestFrame(to: to, from: hosts[0].mac, text: "plain"))
                try sender.send(TestFrame(to: to, from: hosts[0].mac, tags: [5 << 13 | 10], text: "tagged"))
                try await waitUntil("both arrive") {
                    try receiver.count("plain") == 1 && receiver.count("tagged") == 1
                }
                try claim(receiver.frames.first { $0.contains("plain") }?.tag == nil, "a tag from nowhere")
                try claim(receiver.frames.first { $0.contains("tagged") }?.tag == 5 << 13 | 10, "the tag is lost")
                try claim(try sender.count("plain") == 0, "the sender receives its own frame")
            }
        }

        @Test("finds every flipped bit that a checksum covers in captured packets")
        func checksums() throws {
            // IPv4 with UDP outside, a header of eight bytes, and a datagram from 10.0.0.1 to 10.0.0.2.
            let outer: [UInt8] = [UInt8](repeating: 0, count: 12) + [8, 0]
            let addresses: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2]
            let outerHeaders: [UInt8] =
                [0x45, 0, 0, 67, 0, 0, 0, 0, 64, 17, 0, 0] + addresses + [12, 138, 12, 138, 0, 47, 0, 0]
            let header: [UInt8] = [0x76, 0x70, 0x6e, 1, 0, 0, 0, 0]
            let inner: [UInt8] =
                [0x45, 0, 0, 31, 0, 1, 0, 0, 64, 17, 0x66, 0xcb, 10, 0, 0, 1, 10, 0, 0, 2]
                + [0, 1, 0, 2, 0, 11, 0x78, 0xd0, 0x01, 0x02, 0x72]
            let frame = outer + outerHeaders + header + inner
            let right = WireFindings([frame[...]], device: .tun)
            try claim(right.udp == 1 && right.faults == 0 && right.longest == 31, "a right packet: \(right)")
            // Not version, lengths and protocol, which say what is covered, and not what makes it a fragment.
            let covered = [1, 4, 5, 8] + Array(10..<31)
            for place in covered {
                var damaged = frame
                damaged[frame.count - inner.count + place] ^= 4
                let findings = WireFindings([damaged[...]], device: .tun)
                try claim(findings.faults > 0, "byte \(place) changed, and nothing was found: \(findings)")
            }
        }

        @Test("leaves neither namespaces nor processes nor files, also when a test fails")
        func leavesNothing() async throws {
            var names: [String] = []
            var directory = ""
            var child: Child?
            await #expect(throws: LabError.self) {
                try await withLab { lab in
                    let host = try await lab.hosts(1)[0]
                    names = [host.namespace.name]
                    directory = lab.directory
                    child = try lab.start(host.namespace.inside(["sleep", "1000"]), name: "sleep")
                    throw LabError("a test fails")
                }
            }
            #expect(child?.poll() == .signalled(9))
            #expect(!FileManager.default.fileExists(atPath: directory))
            #expect(names.count == 1 && !FileManager.default.fileExists(atPath: "/run/netns/\(names[0])"))
        }

        @Test("reads the YAML of a statistics file")
        func yaml() throws {
            let read = try SimpleYAML(
                parsing: """
                    # comment
                    name: "a: b"
                    peers:
                      - addresses: ["1.2.3.4:5", "[::1]:6"]
                        sent: {packets: 7, bytes: 8}
                        received:
                          packets: 9
                      - addresses:
                        - 1.2.3.4:5
                    table:
                      - {address: "10/02:00:00:00:00:01", seen: 1.5}
                    empty: []
                    drops:
                      unknownSender: 3
                    """)
            #expect(read["name"]?.text == "a: b")
            #expect(read["peers"]?.items[0]["addresses"]?.items.map(\.text) == ["1.2.3.4:5", "[::1]:6"])
            #expect(read["peers"]?.items[0]["received"]?["packets"]?.number == 9)
            #expect(read["peers"]?.items[0]["sent"]?["packets"]?.number == 7)
            #expect(read["table"]?.items[0]["address"]?.text == "10/02:00:00:00:00:01")
            #expect(read["peers"]?.items[1]["addresses"]?.items == [.scalar("1.2.3.4:5")])
            #expect(read["drops"]?["unknownSender"]?.number == 3)
            #expect(read["empty"]?.items.isEmpty == true)
        }
    }
}
