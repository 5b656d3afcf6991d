import Foundation
import Glibc
import Testing

extension KernelTests {
    @Suite("A live capture", .serialized)
    struct LiveCapture {
        /// Two nodes that reach each other, of which the first captures.
        private static func withPair(
            _ first: NodeOptions, in lab: Lab, hosts: [Host]
        ) async throws -> (Node, Node) {
            var second = first
            second.more = []
            second.prelude = nil
            second.ifup = nil
            second.verbose = false
            second.peers = [hosts[0].ipv4]
            let captured = try await hosts[0].start(first)
            let other = try await hosts[1].start(second)
            try await other.reaches(captured)
            return (captured, other)
        }

        private static func options(_ device: NodeOptions.Device, _ more: String...) -> NodeOptions {
            var options = NodeOptions(device: device, crypto: .aes256)
            options.verbose = false
            options.more = more
            return options
        }

        private static func stop(_ nodes: Node...) async throws {
            for node in nodes {
                let ending = try await node.stop()
                try claim(ending == .exited(0), "a node ended with \(ending)")
            }
        }

        /// Claims that every packet is captured or counted, and returns what the node said at its end.
        private static func account(of node: Node) throws -> Statistics {
            let statistics = try node.statistics()
            let contradictions = statistics.contradictions
            try claim(contradictions.isEmpty, "the counters do not add up: \(contradictions)")
            let (inner, outer) = (statistics.captureSum("inner"), statistics.captureSum("outer"))
            try claim(inner == statistics.innerPackets, "inner: \(inner) of \(statistics.innerPackets) packets")
            try claim(outer == statistics.outerPackets, "outer: \(outer) of \(statistics.outerPackets) packets")
            return statistics
        }

        @Test(
            "of a node at full load has every packet that is not counted as dropped, with right checksums, for its user only",
            .enabled(if: CaptureTools.areInstalled, CaptureTools.needs), arguments: NodeOptions.Device.allCases)
        func load(device: NodeOptions.Device) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let folder = "\(lab.directory)/captures"
                let options = Self.options(device, "--capture", folder, "--user", "nobody", "--group", "nogroup")
                let (first, second) = try await Self.withPair(options, in: lab, hosts: hosts)
                try await waitUntil("the pings can be read while the node runs") {
                    try await lab.run(["sh", "-c", "tcpdump -n -r \(folder)/inner.pcap icmp | grep -c reply"]).succeeded
                }
                for (address, options) in [
                    (hosts[1].inner4, ["-n", "12M"]),
                    (hosts[1].inner6, ["-n", "2M", "-u", "-b", "200M", "-l", "1333"]),
                ] {
                    try await Load.start(first.host, second.host, to: address, options).finish()
                }
                try await Self.stop(second, first)

                let statistics = try Self.account(of: first)
                let nobody = try Account.nobody()
                for stream in ["inner", "outer"] {
                    let path = "\(folder)/\(stream).pcap"
                    let attributes = try FileManager.default.attributesOfItem(atPath: path)
                    let (owner, mode) = (attributes[.ownerAccountID] as? Int, attributes[.posixPermissions] as? Int)
                    try claim(
                        owner == Int(nobody.user) && mode == 0o600,
                        "\(path) is of \(owner ?? -1) with mode \(mode ?? -1)")
                    let captured = statistics.capture(stream, "captured")
                    let findings = try await SharkFindings(path, in: lab)
                    try claim(
                        findings.faults.isEmpty,
                        "\(stream): \(findings.faults.count) faults: \(findings.faults.prefix(3))")
                    try claim(
                        findings.packets == captured, "\(stream): tshark reads \(findings.packets) of \(captured)")
                    let printed = try await lab.packetsOfTcpdump(path)
                    try claim(printed == captured, "\(stream): tcpdump prints \(printed) of \(captured)")
                    try claim(
                        captured > 5000 && findings.rightChecksums > captured * 9 / 10,
                        "\(stream): \(findings.rightChecksums) right checksums in \(captured) packets")
                    if stream == "inner" {
                        let longest = device == .tap ? 1414 : 1400
                        try claim(findings.longest == longest, "the longest packet has \(findings.longest) bytes")
                    } else {
                        try claim(
                            findings.sources == [Substring(hosts[0].ipv4), Substring(hosts[1].ipv4)],
                            "the datagrams come from \(findings.sources)")
                    }
                }
                let warnings = first.log.split(separator: "\n").filter { $0.contains("plain text") }
                try claim(warnings.count == 1 && warnings[0].contains(folder), "the log warns: \(warnings)")
                try claim(
                    first.log.contains("capture: inner \(statistics.capture("inner", "captured")) captured"),
                    "the log does not sum up: \(first.recentLog)")
                let mode = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int
                try claim(mode == 0o700, "the folder has the mode \(mode ?? -1)")
            }
        }

        @Test("to the standard output is what tcpdump prints meanwhile, and nothing else goes there")
        func standardOutput() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let pipe = "\(lab.directory)/pipe"
                try await lab.succeed(["mkfifo", pipe])
                let reader = try lab.start(["sh", "-c", "exec tcpdump -l -n -r - < \(pipe)"], name: "tcpdump")
                var options = Self.options(.tun, "--capture", "-", "--ifdown", "echo more noise")
                options.prelude = "exec > \(pipe)"
                options.ifup =
                    "echo noise && ip link set $IFNAME mtu 1400 up && ip addr add \(hosts[0].inner4)/16 dev $IFNAME "
                    + "&& ip addr add \(hosts[0].inner6)/16 dev $IFNAME nodad"
                let (first, second) = try await Self.withPair(options, in: lab, hosts: hosts)
                try await waitUntil("tcpdump prints the pings while the node runs") {
                    reader.output.contains("ICMP echo reply")
                }
                try await Self.stop(second, first)
                let ending = try await reader.wait()
                try claim(ending == .exited(0), "tcpdump ended with \(ending): \(reader.output)")
                let statistics = try first.statistics()
                let captured = statistics.capture("inner", "captured")
                // A time, IP or IP6, and what it is.
                let printed = reader.output.split(separator: "\n").count { line in
                    line.split(separator: " ").dropFirst().first?.hasPrefix("IP") == true
                }
                try claim(
                    printed == captured && captured == statistics.innerPackets, "\(printed) of \(captured) packets")
                try claim(statistics.captureSum("outer") == 0, "datagrams were counted")
                let noise = first.log.split(separator: "\n").filter { $0 == "noise" || $0 == "more noise" }
                try claim(noise == ["noise", "more noise"], "commands print elsewhere: \(first.log)")
            }
        }

        @Test("begins new files when they are full, in order, and keeps those of another run")
        func rotation() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let folder = "\(lab.directory)/captures"
                var sums = (inner: 0, outer: 0, files: 0)
                for run in 1...2 {
                    let options = Self.options(
                        .tun, "--capture", folder, "--capture-size", "1", "--capture-files", "200")
                    let (first, second) = try await Self.withPair(options, in: lab, hosts: hosts)
                    try transferStream(
                        from: hosts[0], to: hosts[1], address: hosts[1].inner4, ownAddress: hosts[0].inner4,
                        count: 4_000_000)
                    try await Self.stop(second, first)
                    let statistics = try Self.account(of: first)
                    sums.inner += statistics.capture("inner", "captured")
                    sums.outer += statistics.capture("outer", "captured")
                    sums.files += statistics.captureCount("files")
                    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                    try claim(names.count == sums.files && names.count >= run * 8, "run \(run) leaves \(names)")
                    for (stream, expected) in [("inner", sums.inner), ("outer", sums.outer)] {
                        let captures = try names.filter { $0.hasPrefix(stream) }.map {
                            try NodeCapture("\(folder)/\($0)")
                        }
                        let count = captures.reduce(0) { $0 + $1.count }
                        try claim(count == expected, "\(stream): \(count) of \(expected) packets")
                        try claim(captures.allSatisfy { $0.byteCount <= 1_000_000 }, "\(stream): a file is too long")
                        let times = captures.flatMap(\.times)
                        try claim(times == times.sorted(), "\(stream): the files are not in order of time")
                    }
                }
                let newest = try await lab.packetsOfTcpdump("\(folder)/inner.pcap")
                try claim(newest > 0, "the last file is empty")
            }
        }

        /// What makes files unwritable, and the system's words for it.
        struct Obstacle: CustomTestStringConvertible {
            let testDescription: String
            let prelude: String
            let words: String

            static let all = [
                // Of the node's own mounts, since its namespace has its own.
                Obstacle(
                    testDescription: "a full disk", prelude: "mount -t tmpfs -o size=200k tmpfs FOLDER",
                    words: "No space left on device"),
                // In blocks of 512 bytes.
                Obstacle(testDescription: "a limit of the system", prelude: "ulimit -f 400", words: "File too large"),
            ]
        }

        @Test(
            "that cannot be written is told once, ends with whole packets, and leaves the node at work",
            arguments: Obstacle.all)
        func unwritable(obstacle: Obstacle) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let folder = "\(lab.directory)/captures"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
                var options = Self.options(.tun, "--capture", folder)
                options.prelude = obstacle.prelude.replacing("FOLDER", with: folder)
                let (first, second) = try await Self.withPair(options, in: lab, hosts: hosts)
                try transferStream(
                    from: hosts[0], to: hosts[1], address: hosts[1].inner4, ownAddress: hosts[0].inner4,
                    count: 2_000_000)
                try await waitUntil("the log tells the fault") { first.log.contains("nothing more is captured") }
                try await second.reaches(first)
                let seen = "/proc/\(first.process.pid)/root\(folder)"
                let (inner, outer) = (try NodeCapture("\(seen)/inner.pcap"), try NodeCapture("\(seen)/outer.pcap"))
                try await Self.stop(second, first)
                let statistics = try Self.account(of: first)
                let captured = (statistics.capture("inner", "captured"), statistics.capture("outer", "captured"))
                try claim(
                    (inner.count, outer.count) == captured, "\((inner.count, outer.count)) packets of \(captured)")
                try claim(captured.0 > 0 && statistics.capture("inner", "dropped") > 0, "nothing was lost: \(captured)")
                try claim(statistics.captureCount("errors") == 1, "\(statistics.captureCount("errors")) errors")
                let lines = first.log.split(separator: "\n").filter { $0.contains("nothing more is captured") }
                try claim(lines.count == 1 && lines[0].contains(obstacle.words), "the log says \(lines)")
            }
        }

        @Test("whose folder goes away is told, and leaves the node at work")
        func folderGone() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let folder = "\(lab.directory)/captures"
                let options = Self.options(.tun, "--capture", folder, "--capture-size", "1")
                let (first, second) = try await Self.withPair(options, in: lab, hosts: hosts)
                try FileManager.default.moveItem(atPath: folder, toPath: "\(folder)-moved")
                try transferStream(
                    from: hosts[0], to: hosts[1], address: hosts[1].inner4, ownAddress: hosts[0].inner4,
                    count: 2_000_000)
                try await waitUntil("the log tells the fault") {
                    first.log.contains(
                        "cannot be opened for writing: No such file or directory; nothing more is captured")
                }
                try await second.reaches(first)
                try await Self.stop(second, first)
                _ = try Self.account(of: first)
            }
        }

        @Test("with a filter has what the filter matches, and counts the rest")
        func filter() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let folder = "\(lab.directory)/captures"
                let filter = "icmp or (udp port 3210 and len <= 60)"
                let options = Self.options(.tap, "--capture", folder, "--capture-filter", filter)
                let (first, second) = try await Self.withPair(options, in: lab, hosts: hosts)
                let answered = try await hosts[0].namespace.answeredPings(hosts[1].inner4, bytes: 100, count: 5)
                try claim(answered == 5, "\(answered) of 5 pings were answered")
                try await Self.stop(second, first)
                let statistics = try Self.account(of: first)
                let inner = try NodeCapture("\(folder)/inner.pcap")
                let outer = try NodeCapture("\(folder)/outer.pcap")
                try claim(inner.count == statistics.capture("inner", "captured"), "\(inner.count) packets")
                try claim(outer.count == statistics.capture("outer", "captured"), "\(outer.count) packets")
                let printed = try await lab.succeed(["sh", "-c", "tcpdump -n -r \(folder)/inner.pcap 2>/dev/null"])
                let lines = printed.split(separator: "\n")
                try claim(lines.count >= 10 && lines.allSatisfy { $0.contains("ICMP") }, "it holds \(lines)")
                // The goodbye of the node has 50 bytes: Ethernet, IPv4, UDP and a header.
                try claim(outer.lengths.last == 50 && outer.lengths.allSatisfy { $0 <= 60 }, "\(outer.lengths)")
                for stream in ["inner", "outer"] {
                    try claim(statistics.capture(stream, "filtered") > 0, "nothing is filtered of \(stream)")
                }
            }
        }

        /// A start that must fail.
        struct Failure: CustomTestStringConvertible {
            let testDescription: String
            let options: [String]
            let status: Int32
            let words: String

            static let all = [
                Failure(
                    testDescription: "a filter that is none",
                    options: ["--capture", "FOLDER", "--capture-filter", "tcp prot 80"],
                    status: 2, words: "the capture filter 'tcp prot 80' is not right: "),
                Failure(
                    testDescription: "a filter for another kind of packets",
                    options: ["--capture", "FOLDER", "--capture-filter", "ether host 02:00:00:00:00:01"], status: 2,
                    words: "ethernet addresses supported only on"),
                Failure(
                    testDescription: "the standard output of a daemon", options: ["--capture", "-", "--daemon"],
                    status: 2, words: "'--daemon'"),
                Failure(
                    testDescription: "a folder that cannot be made",
                    options: ["--capture", "/no-such-folder/captures"],
                    status: 1, words: "'/no-such-folder/captures' for captures cannot be used: No such file"),
                Failure(
                    testDescription: "a folder that the user cannot write to",
                    options: ["--capture", "/root", "--user", "nobody"], status: 1, words: "give it to user 'nobody'"),
                Failure(
                    testDescription: "a file for a folder", options: ["--capture", "/etc/passwd"], status: 1,
                    words: "Not a directory"),
            ]
        }

        @Test("that cannot begin is an error before anything is set up", arguments: Failure.all)
        func failing(failure: Failure) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                var options = NodeOptions(device: .tun)
                options.writesStatistics = false
                options.more = failure.options.map { $0 == "FOLDER" ? "\(lab.directory)/captures" : $0 }
                let node = try hosts[0].launch(options)
                let ending = try await node.process.wait(within: .seconds(5))
                try claim(ending == .exited(failure.status), "it ended with \(ending): \(node.log)")
                try claim(node.log.contains(failure.words), "it says \(node.log)")
                try claim(!node.log.contains("created the"), "it made a device: \(node.log)")
            }
        }

        @Test("of a daemon belongs to its user, and its folder to one node only")
        func daemon() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Daemon.Files(lab)
                let folder = "\(files.folder)/captures"
                var options = Daemon.options(files)
                options.more += ["--capture", folder]
                let pid = try await Daemon.start(options, files, on: hosts[0])
                let owner = try FileManager.default.attributesOfItem(atPath: "\(folder)/inner.pcap")[.ownerAccountID]
                try claim(
                    owner as? Int == Int(try Account.nobody().user), "the file belongs to \(String(describing: owner))")

                var other = NodeOptions(device: .tun)
                other.more = ["--capture", folder, "--device", "vpn1"]
                other.port = 3211
                other.addresses = []
                other.writesStatistics = false
                let second = try hosts[0].launch(other)
                let ending = try await second.process.wait(within: .seconds(5))
                try claim(ending == .exited(1), "it ended with \(ending)")
                try claim(second.log.contains("is used by another node"), "it says \(second.log)")

                kill(pid, SIGTERM)
                try await waitUntil("it ends", within: .seconds(3)) { kill(pid, 0) == -1 && errno == ESRCH }
                let log = contents(of: files.log) ?? ""
                try claim(log.contains("plain text") && log.contains("capture: inner "), "the log says \(log)")
                let packets = try NodeCapture("\(folder)/inner.pcap").count
                try claim(log.contains("capture: inner \(packets) captured"), "\(packets) packets; the log says \(log)")
            }
        }
    }
}
