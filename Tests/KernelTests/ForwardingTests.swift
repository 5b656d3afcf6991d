import Testing

extension KernelTests {
    @Suite("Forwarding", .serialized)
    struct Forwarding {
        /// Three connected nodes, and a raw socket on the device of each.
        private static func withThree(
            _ options: NodeOptions, subnets: [[String]] = [[], [], []],
            _ test: ([Node], [PacketSocket]) async throws -> Void
        ) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var nodes: [Node] = []
                for host in hosts {
                    var options = options
                    options.subnets = subnets[host.number - 1]
                    options.peers = host.number > 1 ? [hosts[0].ipv4] : []
                    nodes.append(try await host.start(options))
                }
                for node in nodes {
                    try await waitUntil("\(node.host.namespace.name) has both peers") {
                        (try? node.statistics())?.peers.count == 2
                    }
                }
                try await test(nodes, try nodes.map { try PacketSocket($0.host.namespace) })
            }
        }

        private static let unknown = MACAddress(0x0200_0000_00ff)

        @Test("a switch floods for an unknown station and sends to the one peer of a known one")
        func switchLearns() async throws {
            try await Self.withThree(NodeOptions(device: .tap)) { nodes, sockets in
                let mac = nodes.map(\.host.mac)
                try sockets[0].send(TestFrame(to: Self.unknown, from: mac[0], text: "to somebody"))
                for receiver in 1...2 {
                    try await waitUntil("the frame floods") { try sockets[receiver].count("to somebody") == 1 }
                }
                // Answers teach the first where the second and the third are.
                for sender in 1...2 {
                    try sockets[sender].send(TestFrame(to: mac[0], from: mac[sender], text: "answer \(sender)"))
                    try await waitUntil("the answer arrives") { try sockets[0].count("answer \(sender)") == 1 }
                }
                try claim(try sockets[1].count("answer 2") == 0, "an answer to the first came to the second")

                for _ in 0..<100 { try sockets[0].send(TestFrame(to: mac[1], from: mac[0], text: "to one only")) }
                try sockets[0].send(TestFrame(to: mac[2], from: mac[0], text: "the last"))
                try await waitUntil("all frames arrive") {
                    try sockets[1].count("to one only") == 100 && sockets[2].count("the last") == 1
                }
                try claim(try sockets[2].count("to one only") == 0, "a frame for the second came to the third")

                try await nodes[0].stop()
                let statistics = try nodes[0].statistics()
                let second = try require(statistics.peer(at: nodes[1].host), "the second").sentPackets
                let third = try require(statistics.peer(at: nodes[2].host), "the third").sentPackets
                try claim(second >= 100 && third < 60, "\(second) packets went to the second, \(third) to the third")
            }
        }

        @Test("a hub sends every frame to every peer")
        func hubFloods() async throws {
            try await Self.withThree(NodeOptions(device: .tap, mode: "hub")) { nodes, sockets in
                let mac = nodes.map(\.host.mac)
                try sockets[1].send(TestFrame(to: mac[0], from: mac[1], text: "here I am"))
                try await waitUntil("the frame arrives") { try sockets[0].count("here I am") == 1 }
                for _ in 0..<50 { try sockets[0].send(TestFrame(to: mac[1], from: mac[0], text: "to all")) }
                for receiver in 1...2 {
                    try await waitUntil("all frames arrive") { try sockets[receiver].count("to all") == 50 }
                }
            }
        }

        @Test("a router with TAP sends to the longest claimed prefix and drops what nobody claims")
        func tapRouter() async throws {
            let subnets = [[], ["02:00:00:00:00:00/24"], ["02:00:00:00:00:03/48"]]
            try await Self.withThree(NodeOptions(device: .tap, mode: "router"), subnets: subnets) { nodes, sockets in
                let mac = nodes.map(\.host.mac)
                try sockets[0].send(TestFrame(to: mac[1], from: mac[0], text: "to the second"))
                try sockets[0].send(TestFrame(to: mac[2], from: mac[0], text: "to the third"))
                try sockets[0].send(TestFrame(to: MACAddress(0x0600_0000_0001), from: mac[0], text: "to nobody"))
                try sockets[0].send(TestFrame(to: mac[1], from: mac[0], text: "the end"))
                try sockets[0].send(TestFrame(to: mac[2], from: mac[0], text: "the end"))
                for receiver in 1...2 {
                    try await waitUntil("the end arrives") { try sockets[receiver].count("the end") == 1 }
                }
                try claim(try sockets[1].count("to the second") == 1, "the shorter prefix got nothing")
                try claim(try sockets[2].count("to the third") == 1, "the longest prefix got nothing")
                try claim(try sockets[1].count("to the third") == 0, "a shorter prefix won")
                try claim(try sockets[2].count("to the second") == 0, "a prefix matched that does not")
                for receiver in 1...2 {
                    try claim(try sockets[receiver].count("to nobody") == 0, "a frame for nobody was sent")
                }
                try await nodes[0].stop()
                try claim(try nodes[0].statistics().drops("unknown_destination") >= 1, "the drop was not counted")
            }
        }

        @Test("a router with TAP carries pings between claimed stations that know each other")
        func tapRouterPings() async throws {
            let subnets = (1...3).map { ["02:00:00:00:00:0\($0)/48"] }
            try await Self.withThree(NodeOptions(device: .tap, mode: "router"), subnets: subnets) { nodes, _ in
                for (node, other) in [(nodes[1], nodes[2]), (nodes[2], nodes[1])] {
                    for address in [other.host.inner4, other.host.inner6] {
                        try await node.host.namespace.ip(
                            "neigh replace \(address) lladdr \(other.host.mac) dev \(Node.device) nud permanent")
                    }
                }
                try await nodes[1].reaches(nodes[2])
                let isReached = try await nodes[1].pings(nodes[0])
                try claim(!isReached, "ARP reached a station although a router drops broadcasts")
            }
        }

        @Test("a router with TUN sends to the longest claimed prefix, for each family, and drops what nobody claims")
        func tunRouter() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var options = NodeOptions(device: .tun)
                options.subnets = ["10.77.0.1/32", "fd77::1/128"]
                options.addresses = ["10.77.0.1/8", "fd77::1/8"]
                let first = try await hosts[0].start(options)
                options.peers = [hosts[0].ipv4]
                // ::/0 must not catch IPv4.
                options.subnets = ["10.77.0.0/16", "fd77::/32", "::/0"]
                options.addresses = ["10.77.5.2/8", "10.78.0.2/8", "fd77::5:2/8", "fd99::2/8"]
                try await hosts[1].start(options)
                options.subnets = ["10.77.3.0/24", "fd77:0:3::/48"]
                options.addresses = ["10.77.3.3/8", "fd77:0:3::3/8"]
                let third = try await hosts[2].start(options)
                try await waitUntil("the third has both peers") { (try? third.statistics())?.peers.count == 2 }

                let inside = hosts[0].namespace
                for address in ["10.77.5.2", "fd77::5:2", "fd99::2", "10.77.3.3", "fd77:0:3::3"] {
                    try await waitUntil("\(address) answers") { try await inside.pings(address) }
                }
                try claim(try await !inside.pings("10.78.0.2"), "an address that nobody claims was answered")
                try await first.stop()
                try claim(try first.statistics().drops("unknown_destination") >= 1, "the drop was not counted")
            }
        }

        @Test("frames with a length instead of a type pass like any other")
        func lengthFrames() async throws {
            try await Self.withThree(NodeOptions(device: .tap)) { nodes, sockets in
                // The group address and the length of spanning tree frames.
                let group = MACAddress(0x0180_c200_0000)
                let mac = nodes[1].host.mac
                try sockets[1].send(TestFrame(to: group, from: mac, type: 38, text: "BBB a bridge says"))
                for receiver in [0, 2] {
                    try await waitUntil("the frame arrives") { try sockets[receiver].count("a bridge says") == 1 }
                }
            }
        }

        @Test("one MAC address in VLAN 10 and in VLAN 20 is two stations, and priority bits make no third")
        func vlansStayApart() async throws {
            try await Self.withThree(NodeOptions(device: .tap)) { nodes, sockets in
                let shared = MACAddress(0x0200_0000_00aa)
                let mac = nodes[0].host.mac
                for (sender, tag) in [(1, UInt16(10)), (2, 20)] {
                    try sockets[sender].send(TestFrame(to: mac, from: shared, tags: [tag], text: "VLAN \(tag)"))
                    for receiver in [0, 3 - sender] {
                        try await waitUntil("VLAN \(tag) floods") { try sockets[receiver].count("VLAN \(tag)") == 1 }
                    }
                }
                let tags = Set(sockets[0].frames.filter { $0.contains("VLAN") }.map { $0.tag ?? 0 })
                try claim(tags == [10, 20], "the tags did not pass unchanged: \(tags)")

                let priority: UInt16 = 5 << 13
                for _ in 0..<20 {
                    for (text, tags) in [
                        ("to ten", [10]), ("to twenty", [20]), ("urgent", [priority | 10]), ("nested", [20, 10]),
                    ] as [(String, [UInt16])] {
                        try sockets[0].send(TestFrame(to: shared, from: mac, tags: tags, text: text))
                    }
                }
                try sockets[0].send(TestFrame(to: shared, from: mac, text: "to the untagged"))
                for receiver in 1...2 {
                    try await waitUntil("an unknown station in another VLAN is flooded for") {
                        try sockets[receiver].count("to the untagged") == 1
                    }
                }
                for (receiver, text, expected) in [
                    (1, "to ten", 20), (1, "urgent", 20), (1, "to twenty", 0), (1, "nested", 0),
                    (2, "to ten", 0), (2, "urgent", 0), (2, "to twenty", 20), (2, "nested", 20),
                ] {
                    let count = try sockets[receiver].count(text)
                    try claim(count == expected, "node \(receiver + 1) got \(count) frames \"\(text)\"")
                }
            }
        }
    }
}
