import Glibc
import Testing

extension KernelTests {
    @Suite("A node survives", .serialized)
    struct Robustness {
        /// Two nodes that reach each other; the second connects to the first.
        private static func pair(
            _ hosts: [Host], _ options: NodeOptions = NodeOptions(device: .tun)
        ) async throws -> (Node, Node) {
            var options = options
            let first = try await hosts[0].start(options)
            options.peers += [hosts[0].ipv4]
            let second = try await hosts[1].start(options)
            try await second.reaches(first)
            return (first, second)
        }

        @Test("its device going down and up again", arguments: NodeOptions.Device.allCases)
        func deviceDownAndUp(device: NodeOptions.Device) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let (first, second) = try await Self.pair(hosts, NodeOptions(device: device))
                try await hosts[0].namespace.ip("link set \(Node.device) down")
                // Packets arrive for a device that is down.
                for _ in 0..<3 {
                    let answers = try await hosts[1].namespace.pings(hosts[0].inner4, within: 0.1)
                    try claim(!answers, "a device that is down answers")
                }
                try await waitUntil("refused frames are counted") {
                    (try? first.statistics())?.drops("device_refused") ?? 0 > 0
                }
                // Setting a device down takes its IPv6 addresses away.
                try await hosts[0].namespace.ip(
                    "link set \(Node.device) up", "addr replace \(hosts[0].inner6)/16 dev \(Node.device) nodad")
                try await second.reaches(first)
                try claim(first.process.poll() == nil, "the node ended")
            }
        }

        @Test("the loss of its device only by ending properly: it tells its peers and runs ifdown")
        func deviceDeleted() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun)
                let downPath = "\(lab.directory)/down"
                options.more = ["--ifdown", "echo $IFNAME >> \(downPath)"]
                let (first, second) = try await Self.pair(hosts, options)
                try await hosts[0].namespace.ip("link del \(Node.device)")
                let ending = try await first.process.wait(within: .seconds(3))
                try claim(ending != .exited(0), "the loss of the device is no success")
                if case .signalled(let signal) = ending { throw LabError("it died of signal \(signal)") }
                try claim(contents(of: downPath) == "\(Node.device)\n", "ifdown did not run")
                try await waitUntil("the peer forgets it", within: .seconds(2)) {
                    (try? second.statistics())?.peers.isEmpty == true
                }
            }
        }

        @Test("ICMP errors: ports and hosts that cannot be reached")
        func unreachable() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var options = NodeOptions(device: .tun)
                // A closed port, an address that nobody has, an address without a route; in both families.
                options.peers = [
                    "\(hosts[2].ipv4):3999", "192.0.2.250:3210", "203.0.113.1:3210",
                    "[\(hosts[2].ipv6)]:3999", "[2001:db8::fa]:3210", "[2001:db9::1]:3210",
                ]
                let (first, second) = try await Self.pair(hosts, options)
                // Long enough for errors from neighbour discovery, which come after 3 s.
                try await Task.sleep(for: .seconds(4))
                try await second.reaches(first, within: .seconds(1))
                try claim(first.process.poll() == nil && second.process.poll() == nil, "a node ended")
                try claim(second.log.contains("cannot send to 203.0.113.1:3210"), "the log names no address")
            }
        }

        @Test("a firewall that refuses to send to one of two peers")
        func refusedSends() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                let (_, second) = try await Self.pair(hosts, NodeOptions(device: .tap, mode: "hub"))
                var options = NodeOptions(device: .tap, mode: "hub")
                options.peers = [hosts[1].ipv4]
                let third = try await hosts[2].start(options)
                try await third.reaches(second)
                try await hosts[1].namespace.shell(
                    "nft 'add table ip lab; add chain ip lab out { type filter hook output priority 0; }; "
                        + "add rule ip lab out ip daddr \(hosts[0].ipv4) udp dport 3210 drop'")
                // The first peer in the table is refused with EPERM, the other still gets everything.
                try await second.reaches(third, within: .seconds(2))
                try await waitUntil("the refusals are counted") {
                    (try? second.statistics())?.peer(at: hosts[0])?.failedSends ?? 0 > 0
                }
                try claim(second.process.poll() == nil, "the node ended")
            }
        }

        @Test("a machine without IPv6", arguments: NodeOptions.Device.allCases)
        func withoutIPv6(device: NodeOptions.Device) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                for host in hosts { try await host.namespace.shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1") }
                var options = NodeOptions(device: device)
                options.addresses = ["\(hosts[0].inner4)/16"]
                try await hosts[0].start(options)
                options.addresses = ["\(hosts[1].inner4)/16"]
                options.peers = [hosts[0].ipv4]
                try await hosts[1].start(options)
                try await waitUntil("IPv4 alone carries pings") {
                    try await hosts[1].namespace.pings(hosts[0].inner4)
                }
            }
        }

        @Test("a machine without IPv4 addresses outside")
        func withoutIPv4() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                for host in hosts { try await host.namespace.ip("addr del \(host.ipv4)/24 dev eth0") }
                var options = NodeOptions(device: .tun)
                let first = try await hosts[0].start(options)
                options.peers = [hosts[0].ipv6]
                let second = try await hosts[1].start(options)
                try await second.reaches(first)
            }
        }

        @Test("a name that does not resolve at its start, and goes on with its other peers")
        func unresolvableName() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun)
                options.peers = ["no-such-name.invalid:3210"]
                let (_, second) = try await Self.pair(hosts, options)
                try await waitUntil("the log names it") { second.log.contains("no-such-name.invalid") }
                try claim(second.process.poll() == nil, "the node ended")
            }
        }

        @Test("a resolver that hangs: no packet waits for it, nor does the end")
        func hangingResolver() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                // The third host is everybody's name server, and drops all questions.
                try await hosts[2].namespace.shell(
                    "nft 'add table ip lab; add chain ip lab in { type filter hook input priority 0; policy drop; }'")
                var options = NodeOptions(device: .tun)
                options.resolverConfiguration = try lab.write(
                    "nameserver \(hosts[2].ipv4)\noptions timeout:30\n", to: "resolv.conf")
                options.peers = ["a-name.example:3210"]
                let (first, second) = try await Self.pair(hosts, options)
                let time = try await second.reaches(first)
                try claim(time < .milliseconds(200), "pings took \(time)")
                let start = ContinuousClock.now
                let ending = try await second.stop(SIGTERM, within: .seconds(5))
                try claim(ending == .exited(0), "it ended with \(ending)")
                try claim(ContinuousClock.now - start < .seconds(1), "the end waited for the resolver")
            }
        }

        @Test("names that resolve, to both families")
        func resolvesNames() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun)
                options.hostNames = try lab.write(
                    "\(hosts[0].ipv4) first.example\n\(hosts[0].ipv6) first.example\n", to: "hosts")
                let first = try await hosts[0].start(options)
                options.peers = ["first.example:3210"]
                let second = try await hosts[1].start(options)
                try await second.reaches(first)
                try await waitUntil("both addresses belong to one peer") {
                    let addresses = (try? second.statistics())?.peer(at: hosts[0])?.addresses ?? []
                    return addresses.contains("\(hosts[0].ipv4):3210")
                        && addresses.contains("[\(hosts[0].ipv6)]:3210")
                }
            }
        }

        @Test("a flood of bad packets, which costs at most ten log lines a second")
        func flood() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun)
                options.verbose = false
                let (first, second) = try await Self.pair(hosts, options)
                let before = first.log.split(separator: "\n").count
                let start = ContinuousClock.now
                let socket = try FloodSocket(hosts[1].namespace, to: hosts[0].ipv4, port: 3210)
                for number in 0..<20_000 { socket.send([UInt8](repeating: UInt8(number & 0xff), count: number % 64)) }
                try await waitUntil("the drops are counted") {
                    guard let statistics = try? first.statistics() else { return false }
                    return statistics.drops("truncated_packet") + statistics.drops("foreign_magic") > 1000
                }
                try await second.reaches(first)
                let seconds = Int((ContinuousClock.now - start).components.seconds) + 1
                let lines = first.log.split(separator: "\n").count - before
                try claim(lines <= 10 * seconds + 10, "\(lines) lines in \(seconds) s")
            }
        }
    }
}
