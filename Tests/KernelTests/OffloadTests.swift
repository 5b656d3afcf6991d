import Testing

extension KernelTests {
    @Suite("Many packets at once", .serialized)
    struct Offload {
        /// One network's devices and ciphers, for a table of arguments.
        static let ciphers = NodeOptions.Device.allCases.flatMap { device in
            [NodeOptions.Crypto.aes256, .chacha20].map { (device, $0) }
        }

        /// Two nodes that reach each other; the second connects to the first.
        private static func withPair(
            _ first: NodeOptions, _ second: NodeOptions? = nil, overIPv6: Bool = false,
            _ prepare: (Host) async throws -> Void = { _ in },
            _ test: (Node, Node) async throws -> Void
        ) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                for host in hosts { try await prepare(host) }
                var options = [first, second ?? first]
                for index in 0...1 { options[index].verbose = false }
                options[1].peers = [overIPv6 ? hosts[0].ipv6 : hosts[0].ipv4]
                let first = try await hosts[0].start(options[0])
                let second = try await hosts[1].start(options[1])
                try await second.reaches(first)
                try await test(first, second)
            }
        }

        @Test(
            "packets on the wire under load have right checksums and fit the MTU, and TCP repeats next to none",
            .enabled(if: Load.isInstalled, Load.needs), arguments: NodeOptions.Device.allCases)
        func captures(device: NodeOptions.Device) async throws {
            let prepare: (Host) async throws -> Void = { host in
                // The wire is to carry datagrams as a network card sends them.
                try await host.namespace.succeed("ethtool", "-K", "eth0", "tx-udp-segmentation", "off")
            }
            try await Self.withPair(NodeOptions(device: device, crypto: .none), nil, prepare) { first, second in
                let hosts = [first.host, second.host]
                for address in [second.host.inner4, second.host.inner6] {
                    var captures: [WireCapture] = []
                    for host in hosts { captures.append(try await WireCapture(on: host)) }
                    for options in [["-n", "40M"], ["-n", "4M", "-u", "-b", "200M", "-l", "1333"]] {
                        try await Load.start(first.host, second.host, to: address, options).finish()
                    }
                    for (index, capture) in captures.enumerated() {
                        let findings = WireFindings(try await capture.finish(), device: device)
                        let words = "to \(address) at host \(index + 1): \(findings)"
                        try claim(findings.faults == 0, "wrong packets \(words)")
                        try claim(findings.longest == 1400, "the longest packet is not as long as the MTU, \(words)")
                        try claim(findings.tcp > 5000 && findings.udp > 1000, "too few packets \(words)")
                    }
                }
                for host in hosts {
                    let counts = try await KernelCounts(of: host.namespace)
                    try claim(counts.checksumErrors == 0, "\(counts.checksumErrors) wrong checksums")
                    let (repeated, sent) = (counts.tcpSegmentsRepeated, counts.tcpSegmentsSent)
                    try claim(repeated * 1000 < sent, "\(repeated) of \(sent) segments were sent again")
                }
            }
        }

        @Test(
            "a node with all shortcuts and one with none, and no library but libsodium, understand each other",
            arguments: ciphers)
        func compatible(device: NodeOptions.Device, crypto: NodeOptions.Crypto) async throws {
            let fast = NodeOptions(device: device, crypto: crypto)
            var plain = fast
            plain.more = ["--no-offload", "--crypto-provider", "libsodium"]
            try await Self.withPair(fast, plain, overIPv6: device == .tap) { first, second in
                try claim(
                    first.log.contains("exchanged with the kernel: segments of TCP"), "the log does not tell shortcuts")
                try claim(
                    second.log.contains("exchanged with the kernel: single packets on the device, single datagrams"),
                    "the log does not tell that there are none")
                for (sender, receiver) in [(first.host, second.host), (second.host, first.host)] {
                    for (own, address) in [(sender.inner4, receiver.inner4), (sender.inner6, receiver.inner6)] {
                        try transferStream(
                            from: sender, to: receiver, address: address, ownAddress: own, count: 25_000_000)
                        try transferDatagrams(from: sender, to: receiver, address: address, ownAddress: own)
                        for bytes in [64, 65, 1399, 1400] {
                            let answered = try await sender.namespace.answeredPings(address, bytes: bytes, count: 2)
                            try claim(answered == 2, "\(answered) of 2 pings of \(bytes) bytes were answered")
                        }
                    }
                    let counts = try await KernelCounts(of: receiver.namespace)
                    try claim(counts.checksumErrors == 0, "\(counts.checksumErrors) wrong checksums")
                }
                let used = try first.statistics().peers.first?.addresses.first ?? "none"
                try claim(used.hasPrefix("[") == (device == .tap), "the address outside is \(used)")
                try await Self.stop(second, first)
                let (many, single) = (try first.statistics(), try second.statistics())
                let reads = (many.system("device_reads"), many.system("frames_read"))
                try claim(reads.0 * 2 < reads.1, "shortcuts: \(reads.1) frames took \(reads.0) reads")
                let plainReads = (single.system("device_reads"), single.system("frames_read"))
                try claim(plainReads.0 == plainReads.1, "none: \(plainReads.1) frames took \(plainReads.0) reads")
            }
        }

        /// Ends nodes, and claims that their counters add up.
        static func stop(_ nodes: Node...) async throws {
            for node in nodes {
                let ending = try await node.stop()
                try claim(ending == .exited(0), "a node ended with \(ending)")
                let contradictions = try node.statistics().contradictions
                try claim(contradictions.isEmpty, "the counters do not add up: \(contradictions)")
            }
        }

        @Test("packets that are too long for the network outside go one by one in fragments, and the log says so once")
        func smallOutside() async throws {
            let prepare: (Host) async throws -> Void = { host in
                try await host.namespace.ip("link set eth0 mtu 1400")
            }
            try await Self.withPair(NodeOptions(device: .tun), nil, prepare) { first, second in
                try transferStream(
                    from: first.host, to: second.host, address: second.host.inner4, ownAddress: first.host.inner4,
                    count: 20_000_000)
                let lines = first.log.split(separator: "\n").filter { $0.contains("go one by one") }
                try claim(lines.count == 1 && lines[0].contains("do not fit the MTU"), "the log says \(lines)")
                try await Self.stop(second, first)
                let statistics = try first.statistics()
                try claim(statistics.system("send_errors") == 0, "\(statistics.system("send_errors")) sends failed")
                let counts = try await KernelCounts(of: first.host.namespace)
                try claim(counts.packetsFragmented > 10_000, "\(counts.packetsFragmented) packets were fragmented")
                // A run that was refused is tried again after a while; each such try is a call more.
                let (calls, datagrams) = (statistics.system("send_calls"), statistics.system("datagrams_sent"))
                try claim(calls < datagrams, "\(datagrams) datagrams took \(calls) calls")
            }
        }

        @Test(
            "TCP flows over a device outside that makes no checksums",
            .enabled(if: Load.isInstalled, Load.needs))
        func withoutChecksumsOutside() async throws {
            let prepare: (Host) async throws -> Void = { host in
                try await host.namespace.succeed("ethtool", "-K", "eth0", "tx", "off")
            }
            try await Self.withPair(NodeOptions(device: .tun), nil, prepare) { first, second in
                for (sender, receiver) in [(first.host, second.host), (second.host, first.host)] {
                    try transferStream(
                        from: sender, to: receiver, address: receiver.inner4, ownAddress: sender.inner4,
                        count: 20_000_000)
                }
                // A kernel that refuses runs there (Linux before 6.11) is asked once.
                let lines = first.log.split(separator: "\n").filter { $0.contains("go one by one") }
                try claim(lines.count <= 1, "the log says \(lines)")
                try await Self.stop(second, first)
            }
        }
    }
}
