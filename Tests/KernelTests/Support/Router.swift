import Foundation

/// A router with UPnP between a network inside and the rest of the world: the real miniupnpd with nftables.
///
/// Two hosts inside, whose addresses the world does not know, and a host outside, which reaches the inside through
/// mappings only.
struct Router {
    static let isInstalled = ["miniupnpd", "nft"].allSatisfy { name in
        ["/usr/sbin/", "/sbin/", "/usr/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + name) }
    }
    static let needs = "needs miniupnpd (Debian: miniupnpd-nftables) and nft"

    /// miniupnpd maps nothing for a router whose outside address is reserved. These exist only in the namespaces.
    static let outsideAddress = "8.9.10.1"

    let namespace: Namespace
    let inside: Host
    let neighbour: Host
    let outside: Host
    let daemon: Child?

    /// A router; without `answers` it drops every question from inside, and there is no daemon.
    init(in lab: Lab, answers: Bool = true) async throws {
        namespace = try await lab.namespace("router")
        inside = Host(number: 1, namespace: try await lab.namespace("in"), ipv4: "192.168.7.2")
        neighbour = Host(number: 2, namespace: try await lab.namespace("in2"), ipv4: "192.168.7.3")
        outside = Host(number: 3, namespace: try await lab.namespace("out"), ipv4: "8.9.10.2")
        try await namespace.ip("link add lan0 type bridge mcast_snooping 0", "link set lan0 up")
        for host in [inside, neighbour] {
            try await lab.connect(namespace, "lan\(host.number)", host.namespace, "eth0")
            try await namespace.ip("link set lan\(host.number) master lan0")
        }
        try await lab.connect(namespace, "wan0", outside.namespace, "eth0")
        try await namespace.ip("addr add 192.168.7.1/24 dev lan0", "addr add \(Self.outsideAddress)/24 dev wan0")
        for host in [inside, neighbour] {
            try await host.namespace.ip("addr add \(host.ipv4)/24 dev eth0", "route add default via 192.168.7.1")
        }
        try await outside.namespace.ip("addr add \(outside.ipv4)/24 dev eth0")
        try await namespace.shell("sysctl -qw net.ipv4.ip_forward=1")
        try await namespace.succeed("nft", "-f", try lab.write(Self.rules(answers: answers), to: "rules.nft"))
        daemon = answers ? try Self.startDaemon(namespace, lab) : nil
        if let daemon {
            try await waitUntil("miniupnpd listens") { daemon.output.contains("HTTP listening") }
        }
    }

    /// The mappings as the router's kernel has them.
    func mappings() async throws -> String {
        try await namespace.succeed("nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd")
    }

    /// The outside ports that lead to the VPN port of a host inside.
    func ports(of host: Host) async throws -> [Int] {
        // iif "wan0" @nh,72,8 0x11 th dport 3210 dnat ip to 192.168.7.2:3210
        try await mappings().split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.last == "\(host.ipv4):3210", let place = words.firstIndex(of: "dport") else { return nil }
            return Int(words[place + 1])
        }
    }

    /// How often a mapping of the port was asked for, for so many seconds.
    func requests(port: Int, lease: Int) -> Int {
        let lines = (daemon?.output ?? "").split(separator: "\n")
        return lines.count {
            $0.contains("AddPortMapping: ext port \(port) ") && $0.contains(" leaseduration=\(lease) ")
        }
    }

    private static func rules(answers: Bool) -> String {
        """
        table inet filter {
            chain miniupnpd { }
            chain prerouting_miniupnpd { }
            chain postrouting_miniupnpd { }
            chain input {
                type filter hook input priority 0; policy \(answers ? "accept" : "drop");
            }
            chain forward {
                type filter hook forward priority 0; policy drop;
                jump miniupnpd
                iifname "lan0" accept
                ct state established,related accept
            }
            chain prerouting {
                type nat hook prerouting priority -100; policy accept;
                jump prerouting_miniupnpd
            }
            chain postrouting {
                type nat hook postrouting priority 100; policy accept;
                jump postrouting_miniupnpd
                oifname "wan0" masquerade
            }
        }
        """
    }

    private static func startDaemon(_ namespace: Namespace, _ lab: Lab) throws -> Child {
        let configuration = """
            ext_ifname=wan0
            listening_ip=lan0
            http_port=0
            enable_natpmp=no
            enable_upnp=yes
            secure_mode=yes
            upnp_table_name=filter
            upnp_nat_table_name=filter
            upnp_forward_chain=miniupnpd
            upnp_nat_chain=prerouting_miniupnpd
            upnp_nat_postrouting_chain=postrouting_miniupnpd
            uuid=3a4ee4f5-7dd4-4b0d-9c1c-0f0c7e9d0001
            allow 1024-65535 192.168.7.0/24 1024-65535
            deny 0-65535 0.0.0.0/0 0-65535

            """
        let path = try lab.write(configuration, to: "miniupnpd.conf")
        // -d keeps it in the foreground and lets it tell every request.
        return try lab.start(
            namespace.inside(["miniupnpd", "-d", "-f", path, "-P", "\(lab.directory)/miniupnpd.pid"]),
            name: "miniupnpd")
    }
}
