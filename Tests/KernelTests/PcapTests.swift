import Foundation
import Testing

extension KernelTests {
    @Suite("A capture of all devices of a node's host", .serialized)
    struct Pcap {
        static let isInstalled = ["/usr/bin", "/usr/sbin"].contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/tcpdump")
        }

        /// What tcpdump writes for '-i any', by the name of its option.
        enum Cooked: String, CaseIterable { case LINUX_SLL, LINUX_SLL2 }

        static let networks: [(NodeOptions.Device, NodeOptions.Crypto, Cooked)] = [
            (.tun, .aes256, .LINUX_SLL2), (.tap, .chacha20, .LINUX_SLL2), (.tap, .aes256, .LINUX_SLL),
            (.tun, .none, .LINUX_SLL2),
        ]

        @Test(
            "is opened to the last packet, and has every ping",
            .enabled(if: isInstalled, "tcpdump is not installed"), arguments: networks)
        func live(device: NodeOptions.Device, crypto: NodeOptions.Crypto, cooked: Cooked) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let capture = "\(lab.directory)/any.pcap"
                let command = [
                    "tcpdump", "-Z", "root", "--immediate-mode", "-n", "-i", "any", "-y", cooked.rawValue, "-B",
                    "65536", "-w", capture,
                ]
                let tcpdump = try lab.start(hosts[0].namespace.inside(command), name: "tcpdump")
                try await waitUntil("tcpdump listens") { tcpdump.output.contains("listening on") }

                let key = try lab.write("\(Node.key)\n", to: "key")
                var options = NodeOptions(device: device, crypto: crypto)
                options.verbose = false
                let first = try await hosts[0].start(options)
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)
                try await second.reaches(first)
                let pings = 5
                for address in [hosts[1].inner4, hosts[1].inner6] {
                    let answered = try await hosts[0].namespace.answeredPings(address, bytes: 1399, count: pings)
                    try claim(answered == pings, "\(answered) of \(pings) pings to \(address) were answered")
                }
                // Under load the capture sees runs of datagrams that no device has cut.
                try transferStream(
                    from: hosts[0], to: hosts[1], address: hosts[1].inner4, ownAddress: hosts[0].inner4,
                    count: 3_000_000)
                try await second.stop()
                try await first.stop()
                let system = try first.statistics()
                tcpdump.signal(SIGINT)
                try await tcpdump.wait()

                let inner = "\(lab.directory)/inner.pcap"
                let outcome = try await lab.run(
                    [try Program.path(), "pcap", "decrypt", capture, "--shared-key-file", key, "--inner", inner])
                try claim(outcome.succeeded && !outcome.output.contains("NOT opened"), outcome.output)
                let opened = try Self.number(before: "opened: ", in: outcome.output)
                let exchanged = system.system("datagrams_sent") + system.system("datagrams_received")
                let isWhole = tcpdump.output.contains("\n0 packets dropped by kernel")
                try claim(
                    !isWhole || opened >= exchanged, "\(opened) opened, \(exchanged) exchanged:\n\(outcome.output)")
                if crypto != .none {
                    try claim(
                        outcome.output.contains(", \(crypto.rawValue), key as in the dialects manual and 0.8)"),
                        outcome.output)
                }
                for type in ["init", "peers", "close"] {
                    try claim(outcome.output.contains(" \(type)"), outcome.output)
                }

                let text = try await lab.succeed(["tcpdump", "-n", "-r", inner])
                for (kind, address) in [("ICMP", hosts[0].inner4), ("ICMP6,", hosts[0].inner6)] {
                    for what in ["request", "reply"] {
                        let lines = text.split(separator: "\n").filter {
                            $0.contains("\(kind) echo \(what)") && $0.contains(address)
                        }
                        try claim(!isWhole || lines.count >= pings, "\(lines.count) \(kind) echo \(what) of \(pings)")
                    }
                }
            }
        }

        /// The number at the start of the line that goes on with words.
        private static func number(before words: String, in text: String) throws -> Int {
            let line = try require(text.split(separator: "\n").first { $0.contains(words) }, words)
            return try require(Int(line.drop { $0 == " " }.prefix { $0 != " " }.filter { $0 != "," }), words)
        }
    }
}
