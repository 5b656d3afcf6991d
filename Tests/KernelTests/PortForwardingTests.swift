import Glibc
import Testing

extension KernelTests {
    @Suite(
        "Behind a router", .serialized, .enabled(if: Router.isInstalled, "\(Router.needs)"))
    struct PortForwarding {
        @Test("a node has its port mapped, is reached through it, renews it, and has it removed at its end")
        func mapping() async throws {
            try await withLab { lab in
                let router = try await Router(in: lab)
                var options = NodeOptions(device: .tun)
                options.forwardsPort = true
                options.environment["VPNCLOUD_PORT_LEASE"] = "4"
                let inside = try await router.inside.start(options)
                try await waitUntil("the router has the mapping") {
                    try await router.ports(of: router.inside) == [3210]
                }
                try await waitUntil("the node tells its address outside") {
                    inside.log.contains("\(Router.outsideAddress):3210")
                }

                // The node inside knows nobody: only the mapping leads to it.
                var other = NodeOptions(device: .tun)
                other.peers = [Router.outsideAddress]
                let outside = try await router.outside.start(other)
                try await outside.reaches(inside)
                try await inside.reaches(outside)

                try await waitUntil("the mapping is renewed twice", within: .seconds(10)) {
                    router.requests(port: 3210, lease: 4) >= 3
                }
                let ports = try await router.ports(of: router.inside)
                try claim(ports == [3210], "the mapping is gone although it was renewed")

                let ending = try await inside.stop(SIGTERM, within: .seconds(5))
                try claim(ending == .exited(0), "the node ended with \(ending)")
                let mappings = try await router.mappings()
                try claim(!mappings.contains("3210"), "the mapping outlives the node: \(mappings)")
            }
        }

        @Test("a second node gets another port where the first has the own, and is reached through that")
        func otherPort() async throws {
            try await withLab { lab in
                let router = try await Router(in: lab)
                var options = NodeOptions(device: .tun)
                options.forwardsPort = true
                try await router.inside.start(options)
                try await waitUntil("the first has its port") {
                    try await router.ports(of: router.inside) == [3210]
                }
                let second = try await router.neighbour.start(options)
                try await waitUntil("the second has another port") {
                    try await router.ports(of: router.neighbour).count == 1
                }
                let port = try await router.ports(of: router.neighbour)[0]
                try claim(port != 3210, "both have the port 3210")

                var other = NodeOptions(device: .tun)
                other.peers = ["\(Router.outsideAddress):\(port)"]
                let outside = try await router.outside.start(other)
                try await outside.reaches(second)
            }
        }

        @Test("a router that hangs later delays neither pings nor, for long, the end")
        func hangingRouter() async throws {
            try await withLab { lab in
                let router = try await Router(in: lab)
                var options = NodeOptions(device: .tun)
                let outside = try await router.outside.start(options)
                options.forwardsPort = true
                options.peers = [router.outside.ipv4]
                options.environment["VPNCLOUD_PORT_LEASE"] = "2"
                let inside = try await router.inside.start(options)
                try await inside.reaches(outside)
                try await waitUntil("the port is mapped") { try await router.ports(of: router.inside) == [3210] }
                let daemon = try require(router.daemon, "miniupnpd")
                daemon.signal(SIGSTOP)
                // Renewals fall into this time, and get no answer.
                let answered = try await inside.host.namespace.answeredPings(
                    outside.host.inner4, bytes: 1400, count: 150)
                try claim(answered == 150, "only \(answered) of 150 pings were answered")
                let end = ContinuousClock.now
                let ending = try await inside.stop()
                try claim(ending == .exited(0), "the node ended with \(ending)")
                try claim(ContinuousClock.now - end < .seconds(3), "the end waited for the router")
            }
        }

        @Test("a router that never answers delays neither start, pings nor end")
        func silentRouter() async throws {
            try await withLab { lab in
                let router = try await Router(in: lab, answers: false)
                var options = NodeOptions(device: .tun)
                let outside = try await router.outside.start(options)
                options.forwardsPort = true
                options.peers = [router.outside.ipv4]
                let start = ContinuousClock.now
                let inside = try await router.inside.start(options)
                try await inside.reaches(outside, within: .seconds(2))
                let time = ContinuousClock.now - start
                try claim(time < .seconds(2), "it took \(time) until the first ping")
                let answered = try await inside.host.namespace.answeredPings(
                    outside.host.inner4, bytes: 1400, count: 100)
                try claim(answered == 100, "only \(answered) of 100 pings were answered")
                let end = ContinuousClock.now
                let ending = try await inside.stop()
                try claim(ending == .exited(0), "the node ended with \(ending)")
                try claim(ContinuousClock.now - end < .seconds(1), "the end waited for the router")
            }
        }
    }
}
