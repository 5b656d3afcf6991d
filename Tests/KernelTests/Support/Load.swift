import Foundation
import Testing

/// Load from iperf3.
enum Load {
    static let isInstalled = ["iperf3", "ethtool", "tcpdump"].allSatisfy { name in
        ["/usr/bin/", "/usr/sbin/", "/sbin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
    }
    static let needs: Comment = "needs iperf3, ethtool and tcpdump"

    /// A client under way, and the server that ends with it.
    struct Running {
        let client: Child
        let server: Child

        /// Waits until all was sent.
        func finish(within timeout: Duration = .seconds(30)) async throws {
            let ending = try await client.wait(within: timeout)
            try claim(ending == .exited(0), "iperf3 ended with \(ending): \(client.output.suffix(400))")
        }

        /// What iperf3 reports, once it has ended. Of UDP it may report numbers that are none, which no reader takes.
        func report() async throws -> Report {
            try await finish()
            let object = try? JSONSerialization.jsonObject(with: Data(client.output.utf8)) as? [String: Any]
            let root = try require(object, "a report in \(client.output.suffix(400))")
            return Report(root: root)
        }
    }

    /// The report of iperf3.
    struct Report {
        let root: [String: Any]

        /// Bits a second of each whole interval, forth and back.
        var rates: [[Double]] {
            let intervals = root["intervals"] as? [[String: Any]] ?? []
            return ["sum", "sum_bidir_reverse"].map { name in
                intervals.compactMap { interval in
                    guard let sum = interval[name] as? [String: Any], let seconds = sum["seconds"] as? Double,
                        seconds > 0.9
                    else { return nil }
                    return sum["bits_per_second"] as? Double
                }
            }
        }
    }

    /// Starts load both ways between two hosts.
    static func start(_ client: Host, _ server: Host, to address: String, _ options: [String]) async throws -> Running {
        let lab = client.namespace.lab
        let listener = try lab.start(
            server.namespace.inside(["iperf3", "-s", "-1", "--forceflush", "-B", address]), name: "iperf3-server")
        try await waitUntil("iperf3 listens") { listener.output.contains("listening on") }
        // The congestion control of every kernel.
        let process = try lab.start(
            client.namespace.inside(["iperf3", "-c", address, "--bidir", "-J"] + options), name: "iperf3")
        return Running(client: process, server: listener)
    }
}

/// What the kernel counted in a namespace since it is there.
struct KernelCounts {
    private var values: [String: Int] = [:]

    /// Reads what TCP and UDP counted for IPv4, and UDP for IPv6; TCP has one count for both.
    init(of namespace: Namespace) async throws {
        let text = try await namespace.succeed("cat", "/proc/net/snmp", "/proc/net/snmp6")
        var names: [Substring] = []
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            if words.count == 2, let value = Int(words[1]) {
                values[String(words[0])] = value
            } else if names.first == words.first {
                for (name, value) in zip(names, words).dropFirst() { values["\(names[0])\(name)"] = Int(value) }
            } else {
                names = words
            }
        }
    }

    var tcpSegmentsSent: Int { values["Tcp:OutSegs"] ?? -1 }
    var tcpSegmentsRepeated: Int { values["Tcp:RetransSegs"] ?? -1 }
    /// Packets of IPv4 that were sent in fragments.
    var packetsFragmented: Int { values["Ip:FragOKs"] ?? -1 }
    var checksumErrors: Int {
        ["Tcp:InCsumErrors", "Udp:InCsumErrors", "Udp6InCsumErrors"].reduce(0) { $0 + (values[$1] ?? 1) }
    }
    /// Datagrams that found no room in a socket.
    var datagramsWithoutRoom: Int { (values["Udp:RcvbufErrors"] ?? 0) + (values["Udp6RcvbufErrors"] ?? 0) }

    /// Packets that found no room in the queues between devices, of the whole machine.
    static func packetsWithoutQueue() throws -> Int {
        // A line for each processor, the second number of which it is, in hexadecimal digits.
        let text = try require(contents(of: "/proc/net/softnet_stat"), "the kernel's queues")
        return text.split(separator: "\n").reduce(0) { sum, line in
            sum + (line.split(separator: " ").dropFirst().first.flatMap { Int($0, radix: 16) } ?? 0)
        }
    }
}
