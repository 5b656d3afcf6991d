import Testing

extension KernelTests {
    @Suite("Three nodes of which two know only the third", .serialized)
    struct Mesh {
        @Test("become a full mesh that needs the third no more", arguments: NodeOptions.Device.allCases)
        func fullMesh(device: NodeOptions.Device) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var options = NodeOptions(device: device)
                let third = try await hosts[2].start(options)
                options.peers = [hosts[2].ipv4]
                let first = try await hosts[0].start(options)
                let second = try await hosts[1].start(options)

                for (node, others) in [(first, [1, 2]), (second, [0, 2]), (third, [0, 1])] {
                    try await waitUntil("\(node.host.namespace.name) counts both others as peers") {
                        guard let statistics = try? node.statistics() else { return false }
                        return others.allSatisfy { statistics.peer(at: hosts[$0]) != nil }
                    }
                }
                try await first.reaches(third)
                try await second.reaches(third)
                try await third.stop()
                try await first.reaches(second, within: .seconds(3))
            }
        }

        @Test("become a full mesh across address families")
        func mixedFamilies() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                var options = NodeOptions(device: .tun)
                try await hosts[2].start(options)
                options.peers = [hosts[2].ipv4]
                let first = try await hosts[0].start(options)
                options.peers = [hosts[2].ipv6]
                let second = try await hosts[1].start(options)
                try await first.reaches(second)
            }
        }
    }
}
