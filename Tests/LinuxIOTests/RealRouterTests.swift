import Testing
import VPNProtocol

@testable import VPNLinuxIO

@Suite(
    "Port forwarding by miniupnpd",
    .enabled(
        if: Machine.hasDevices && Machine.has("miniupnpd") && Machine.has("nft"),
        "needs root, miniupnpd (Debian: miniupnpd-nftables) and nft"))
struct RealRouterTests {
    @Test("maps the port, another where that is taken, and takes both back")
    func life() async throws {
        try await onThread {
            let network = try RoutedNetwork()
            let (first, firstAnswers) = try network.forwarder()
            try network.inside.run { first.map(port: 3210, lease: .seconds(300)) }
            guard case .mapped(_, let address, 3210, .seconds(300)) = try firstAnswers.next() else {
                throw TestFailure("not mapped")
            }
            #expect(address == RoutedNetwork.outsideAddress)
            #expect(try network.rules().contains("dport 3210 dnat ip to 192.168.7.2:3210"))

            // Renewed: the same port again.
            try network.inside.run { first.map(port: 3210, lease: .seconds(120)) }
            guard case .mapped(_, _, 3210, .seconds(120)) = try firstAnswers.next() else {
                throw TestFailure("not renewed")
            }

            // Another node on the same machine, on another port of it, wants the same port outside.
            let (second, secondAnswers) = try network.forwarder()
            try network.neighbour.run { second.map(port: 3210, lease: .seconds(300)) }
            guard case .mapped(_, _, let port, _) = try secondAnswers.next() else { throw TestFailure("not mapped") }
            #expect(port != 3210)
            #expect(try network.rules().contains("dport \(port) dnat ip to 192.168.7.3:3210"))

            try network.inside.run { first.finish(within: .seconds(5)) }
            try network.neighbour.run { second.finish(within: .seconds(5)) }
            #expect(try firstAnswers.next() == .removed(port: 3210))
            #expect(try secondAnswers.next() == .removed(port: port))
            #expect(try !network.rules().contains("dnat"))
        }
    }
}

/// Two machines behind a router with miniupnpd, all in namespaces.
private final class RoutedNetwork: Sendable {
    /// miniupnpd serves no router whose own address is reserved, so this one must look like any other.
    static let outsideAddress = IPAddress(1, 2, 3, 4)

    let router: Namespace
    let inside: Namespace
    let neighbour: Namespace
    private let directory: TemporaryDirectory

    init() throws {
        let directory = try TemporaryDirectory()
        let (router, inside, neighbour) = (try Namespace(), try Namespace(), try Namespace())
        let path = directory.path
        let configuration = """
            ext_ifname=wan0
            listening_ip=lan0
            http_port=0
            enable_upnp=yes
            enable_natpmp=no
            upnp_table_name=filter
            upnp_nat_table_name=filter
            upnp_forward_chain=forwarded
            upnp_nat_chain=mapped
            upnp_nat_postrouting_chain=returned
            uuid=5ae2ac75-2f31-4f23-8fa0-1f0c9b1f7c01
            allow 1024-65535 192.168.7.0/24 1024-65535
            """
        let rules = """
            table inet filter {
              chain forwarded { }
              chain mapped { }
              chain returned { }
              chain pre { type nat hook prerouting priority -100; jump mapped; }
              chain post { type nat hook postrouting priority 100; jump returned; }
              chain through { type filter hook forward priority 0; jump forwarded; }
            }
            """
        try router.run {
            try shell("ip link add lan0 type bridge && ip link set lan0 up && ip addr add 192.168.7.1/24 dev lan0")
            try shell(
                "ip link add wan0 type veth peer name wan1 && ip link set wan0 up && ip addr add 1.2.3.4/24 dev wan0")
            for (number, machine) in [(2, inside), (3, neighbour)] {
                try shell("ip link add port\(number) type veth peer name eth0 netns \(machine.number)")
                try shell("ip link set port\(number) master lan0 up")
            }
            try shell("echo '\(configuration)' > \(path)/configuration && echo '\(rules)' | nft -f -")
        }
        for (number, machine) in [(2, inside), (3, neighbour)] {
            try machine.run {
                try shell("ip addr add 192.168.7.\(number)/24 dev eth0 && ip link set eth0 up")
                try shell("ip route add default via 192.168.7.1")
            }
        }
        try router.run {
            try shell(
                """
                miniupnpd -d -f \(path)/configuration -P \(path)/none > \(path)/log 2>&1 &
                echo $! > \(path)/pid
                """)
        }
        (self.router, self.inside, self.neighbour) = (router, inside, neighbour)
        self.directory = directory
        try eventually("miniupnpd listens") { contents(of: "\(path)/log")?.contains("HTTP listening") == true }
    }

    deinit { _ = HookCommand.run("kill $(cat \(directory.path)/pid)", interface: "") }

    func forwarder() throws -> (PortForwarder, ForwardingAnswers) {
        let answers = ForwardingAnswers()
        return (try PortForwarder { answers.put($0) }, answers)
    }

    /// What the router has in its firewall.
    func rules() throws -> String {
        let path = "\(directory.path)/rules"
        try router.run { try shell("nft list chain inet filter mapped > \(path)") }
        return contents(of: path) ?? ""
    }
}
