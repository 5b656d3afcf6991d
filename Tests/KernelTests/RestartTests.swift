import Glibc
import Testing

extension KernelTests {
    @Suite("A node that goes", .serialized)
    struct Restart {
        struct Case: CustomTestStringConvertible {
            let device: NodeOptions.Device
            /// Without encryption there are no nonces that tell a new message from an old one.
            let crypto: NodeOptions.Crypto
            /// Whether the victim is the one that the others are configured to connect to.
            let isKnown: Bool
            /// Whether it is started anew with an address to connect to.
            let connects: Bool
            var testDescription: String {
                "\(device) with \(crypto), \(isKnown ? "known to the others" : "not known to the others"), "
                    + "\(connects ? "with" : "without") an address to connect to"
            }

            static let all = [(NodeOptions.Device.tun, .chacha20), (.tap, .aes256), (.tun, .none)].flatMap {
                (device, crypto: NodeOptions.Crypto) in
                [true, false].flatMap { isKnown in
                    [true, false].map { Case(device: device, crypto: crypto, isKnown: isKnown, connects: $0) }
                }
            }
        }

        /// Three nodes in a full mesh; the first two were told of the third.
        private static func mesh(of hosts: [Host], _ options: NodeOptions) async throws -> [Node] {
            var options = options
            let third = try await hosts[2].start(options)
            options.peers = [hosts[2].ipv4]
            let nodes = [try await hosts[0].start(options), try await hosts[1].start(options), third]
            try await nodes[0].reaches(nodes[1])
            try await nodes[0].reaches(nodes[2])
            try await nodes[1].reaches(nodes[2])
            return nodes
        }

        @Test("with kill -9 and comes again is reached by all others within 3 s", arguments: Case.all)
        func killed(example: Case) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var options = NodeOptions(device: example.device, crypto: example.crypto)
                let nodes = try await Self.mesh(of: hosts, options)
                let victim = nodes[example.isKnown ? 2 : 1]
                try await victim.stop(SIGKILL)

                if example.connects { options.peers = [hosts[0].ipv4] }
                let again = try victim.host.launch(options)
                var waiting = nodes.filter { $0.host.number != again.host.number }
                try await waitUntil("the others reach the node that came again", within: .seconds(3)) {
                    for node in waiting where try await node.pings(again) {
                        waiting.removeAll { $0 === node }
                    }
                    return waiting.isEmpty
                }
            }
        }

        @Test(
            "with a signal is forgotten at once, runs its ifdown command and exits with 0",
            arguments: [SIGTERM, SIGINT, SIGQUIT])
        func terminated(signal: Int32) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var options = NodeOptions(device: .tun)
                let downPath = "\(lab.directory)/down"
                options.more = ["--ifdown", "echo $IFNAME >> \(downPath)"]
                let nodes = try await Self.mesh(of: hosts, options)
                nodes[0].process.signal(signal)
                try await waitUntil("the others forget it", within: .seconds(1)) {
                    nodes[1...].allSatisfy { $0.hasSaidGoodbye(to: nodes[0]) }
                }
                let ending = try await nodes[0].process.wait(within: .seconds(2))
                try claim(ending == .exited(0), "it ended with \(ending)")
                try claim(contents(of: downPath) == "\(Node.device)\n", "ifdown did not run once with its device")
                let hasDevice = try await hosts[0].hasConfiguredDevice()
                try claim(!hasDevice, "the device is still there")
                for node in nodes[1...] {
                    try await waitUntil("the statistics name one peer only", within: .seconds(3)) {
                        (try? node.statistics())?.peers.count == 1
                    }
                }
            }
        }

        @Test("with kill -9 and stays away is forgotten after the peer timeout")
        func timesOut() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun)
                options.more = ["--peer-timeout", "3"]
                let first = try await hosts[0].start(options)
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)
                try await second.reaches(first)
                // It lives as long as it speaks, although nothing but lists is sent.
                try await Task.sleep(for: .seconds(4))
                try claim(!first.log.contains("is gone"), "a peer that speaks timed out")
                try await second.stop(SIGKILL)
                try await waitUntil("the first forgets it", within: .seconds(5)) {
                    (try? first.statistics())?.peers.isEmpty == true
                }
            }
        }
    }
}

extension Node {
    /// Whether its log says that a peer left by itself.
    fileprivate func hasSaidGoodbye(to peer: Node) -> Bool {
        log.split(separator: "\n").contains { $0.contains(" at \(peer.host.ipv4):3210 is gone: it said goodbye") }
    }
}
