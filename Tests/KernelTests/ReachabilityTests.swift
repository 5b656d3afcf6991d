import Testing

extension KernelTests {
    @Suite("Two nodes", .serialized)
    struct Reachability {
        enum Underlay: String, CaseIterable { case ipv4, ipv6 }

        struct Pairing: CustomTestStringConvertible {
            let device: NodeOptions.Device
            let crypto: NodeOptions.Crypto
            let underlay: Underlay
            var testDescription: String { "\(device) with \(crypto) over \(underlay)" }

            static let all = NodeOptions.Device.allCases.flatMap { device in
                NodeOptions.Crypto.allCases.flatMap { crypto in
                    Underlay.allCases.map { Pairing(device: device, crypto: crypto, underlay: $0) }
                }
            }
        }

        @Test("carry packets of 1400 bytes, IPv4 and IPv6", arguments: Pairing.all)
        func carriesPackets(pairing: Pairing) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: pairing.device, crypto: pairing.crypto)
                let first = try await hosts[0].start(options)
                options.peers = [pairing.underlay == .ipv4 ? hosts[0].ipv4 : hosts[0].ipv6]
                let second = try await hosts[1].start(options)

                try await second.reaches(first)
                for address in [hosts[0].inner4, hosts[0].inner6] {
                    let answered = try await hosts[1].namespace.answeredPings(address, bytes: 1400, count: 5)
                    try claim(answered == 5, "only \(answered) of 5 pings to \(address) were answered")
                }
            }
        }

        @Test("stay apart with different keys")
        func differentKeys() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun, crypto: .none)
                options.more = ["--shared-key", "one"]
                let first = try await hosts[0].start(options)
                options.more = ["--shared-key", "another"]
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)

                try await waitUntil("the first drops what it cannot open") {
                    (try? first.statistics())?.drops("unauthentic") ?? 0 > 0
                }
                try claim(try await !second.pings(first), "a node with another key was answered")
            }
        }

        @Test("stay apart with different magic")
        func differentMagic() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun)
                options.more = ["--magic", "hash:one"]
                let first = try await hosts[0].start(options)
                options.more = ["--magic", "hash:another"]
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)

                try await waitUntil("the first drops what is of another network") {
                    (try? first.statistics())?.drops("foreign_magic") ?? 0 > 0
                }
                try claim(try await !second.pings(first), "a node of another network was answered")
            }
        }

        @Test("keep what they carry unreadable on the wire with a key, and only then", arguments: [true, false])
        func wireIsUnreadable(isEncrypted: Bool) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tap, crypto: isEncrypted ? .aes256 : .none)
                let first = try await hosts[0].start(options)
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)
                try await second.reaches(first)

                let wire = try PacketSocket(hosts[0].namespace, device: "eth0")
                let inside = try PacketSocket(hosts[0].namespace)
                let sender = try PacketSocket(hosts[1].namespace)
                try sender.send(TestFrame(to: hosts[0].mac, from: hosts[1].mac, text: "a secret for the first"))
                try await waitUntil("the frame arrives") { try inside.count("a secret for the first") == 1 }
                let seen = try wire.count("a secret for the first")
                try claim(seen == (isEncrypted ? 0 : 1), "the text was seen \(seen) times on the wire")
            }
        }
    }
}
