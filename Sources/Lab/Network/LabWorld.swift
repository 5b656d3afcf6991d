import VPNNode
import VPNProtocol
import VPNSimulator

/// The networks of a scenario, made of namespaces: one for each node and each gateway, and one with a switch for each network.
///
/// Addresses are those that the simulator gives: both have them from the same plan. Who sent a packet is told by a mark
/// that the sender's namespace writes into it (DSCP), which no gateway changes, so that a partition finds those of its groups.
final class LabWorld {
    /// As many as the mark in packets can tell apart: six bits (RFC 2474), and 0 is nobody.
    static let maximumNodes = 63
    /// As many as have addresses for their gateways.
    static let maximumNetworks = 200

    let scenario: Scenario
    let names: [String]
    let nodes: [LabNamespace]
    var topology: Topology
    let clock: LabClock
    private let kernel: KernelFeatures
    private(set) var translations: [Int: Translation] = [:]
    let gateways: [Int: LabNamespace]
    let fabric: LabNamespace
    let folder: String
    /// The network of each node.
    var places: [Int]
    private let ports: [UInt16]
    private let plans: [NodePlan]
    private var links: [LinkModel]
    private var inwardLinks: [LinkModel]
    private var records: [String: RecordTarget] = [:]
    private var cuts: [(groups: [[Int]], isOneWay: Bool)] = []
    private let expand: ([String]) -> [Int]
    /// The queues that devices have.
    private var queues: [String: [String]] = [:]

    init(
        _ scenario: Scenario, members: [WorldJudge.Member], clock: LabClock, kernel: KernelFeatures, folder: String,
        expand: @escaping ([String]) -> [Int]
    ) throws {
        self.scenario = scenario
        self.clock = clock
        self.kernel = kernel
        self.folder = folder
        self.expand = expand
        names = members.map(\.name)
        plans = members.map { scenario.nodes[$0.plan] }
        ports = members.map(\.configuration.port)
        topology = try Topology(scenario.networks, seed: Seed(ofScenario: scenario.seed).derived("topology"))
        for (name, plan) in zip(names, plans) {
            try topology.attach(name, to: plan.network, addresses: plan.addresses, link: plan.link)
        }
        links = scenario.networks.map(\.link)
        inwardLinks = scenario.networks.map { $0.inwardLink ?? $0.link }
        places = plans.map { plan in scenario.networks.firstIndex { $0.name == plan.network } ?? 0 }
        func namespace(_ name: String) -> LabNamespace { LabNamespace(name: "vpnlab-\(name)", folder: folder) }
        fabric = namespace("switches")
        nodes = names.map { namespace("node-\($0)") }
        var gateways: [Int: LabNamespace] = [:]
        for (number, network) in scenario.networks.enumerated() where network.gateway != nil {
            gateways[number] = namespace("gateway-\(network.name)")
        }
        self.gateways = gateways
        for record in scenario.records { records[record.name] = record.target }
    }

    /// The network outside of one; nil where there is none.
    func outer(of network: Int) -> Int? {
        guard let name = scenario.networks[network].gateway?.network else { return nil }
        return scenario.networks.firstIndex { $0.name == name }
    }

    func number(ofNetwork name: String) -> Int { scenario.networks.firstIndex { $0.name == name } ?? 0 }

    func addresses(of node: Int) -> [IPAddress] { topology.addresses(of: names[node]) }

    /// Makes everything but the nodes' programs.
    func build() throws {
        let all = [fabric] + nodes + gateways.keys.sorted().compactMap { gateways[$0] }
        try writeFile("\(folder)/namespaces", all.map { "netns add \($0.name)" }.joined(separator: "\n") + "\n")
        try runCommand("ip", ["-batch", "\(folder)/namespaces"])
        for namespace in all { try prepare(namespace) }
        var switches = ["link set lo up"]
        for network in scenario.networks.indices {
            switches += [
                "link add net\(network) mtu \(LinkRules.longestPacket) type bridge mcast_snooping 0",
                "link set net\(network) up",
            ]
        }
        try fabric.ip(switches)
        for number in gateways.keys.sorted() { try connectGateway(number) }
        for node in nodes.indices {
            try connect(node)
            try nodes[node].nft([
                "table inet mark_sender {", "chain sent {", "type filter hook output priority mangle",
                "meta nfproto ipv4 ip dscp set \(node + 1)", "meta nfproto ipv6 ip6 dscp set \(node + 1)", "}", "}",
            ])
        }
        try route()
        try fabric.nft(fabricRules)
        _ = registerAll()
        for node in nodes.indices { try setQueues(ofNode: node) }
        for number in gateways.keys.sorted() {
            try setQueues(ofGateway: number)
            try gateways[number]?.nft(translations[number]?.rules ?? [])
        }
        try writeHosts()
    }

    private func prepare(_ namespace: LabNamespace) throws {
        for key in ["all", "default"] {
            namespace.setIfThere("ipv6/conf/\(key)/accept_dad", 0)
            namespace.setIfThere("ipv6/conf/\(key)/accept_ra", 0)
            namespace.setIfThere("ipv6/conf/\(key)/router_solicitations", 0)
            try namespace.set("ipv4/conf/\(key)/rp_filter", 0)
            try namespace.set("ipv4/conf/\(key)/accept_redirects", 0)
            try namespace.set("ipv4/conf/\(key)/send_redirects", 0)
        }
        if namespace.name == fabric.name { namespace.setIfThere("ipv6/conf/all/disable_ipv6", 1) }
        // A path that became narrow is found out anew within the scenario, as the simulator has it.
        namespace.setIfThere("ipv4/route/mtu_expires", max(1, clock.timeout(.seconds(600))))
    }
}

// Nodes and gateways in networks.
extension LabWorld {
    /// Plugs a node into the switch of its network.
    func connect(_ node: Int) throws {
        let place = places[node]
        let mtu = LinkRules(model: link(ofNode: node), clock: clock, kernel: kernel).deviceMTU
        try fabric.ip([
            "link add port\(node) mtu \(LinkRules.longestPacket) master net\(place) type veth peer name eth0 netns \(nodes[node].name)",
            "link set port\(node) up",
        ])
        let addresses = addresses(of: node)
        nodes[node].setIfThere("ipv6/conf/eth0/disable_ipv6", scenario.networks[place].hasIPv6 ? 0 : 1)
        try nodes[node].ip(
            ["link set lo up", "link set eth0 mtu \(mtu) up"]
                + addresses.map { $0.isIPv4 ? "addr add \($0)/24 dev eth0" : "addr add \($0)/64 dev eth0 nodad" })
    }

    func unplug(_ node: Int) throws {
        try fabric.ip(["link del port\(node)"])
        queues[queueKey(nodes[node], "eth0")] = nil
    }

    private func connectGateway(_ number: Int) throws {
        guard let gateway = gateways[number], let outer = outer(of: number),
            let plan = scenario.networks[number].gateway
        else { return }
        try fabric.ip([
            "link add gatein\(number) mtu \(LinkRules.longestPacket) master net\(number) type veth peer name inner netns \(gateway.name)",
            "link add gateout\(number) mtu \(LinkRules.longestPacket) master net\(outer) type veth peer name outer netns \(gateway.name)",
            "link set gatein\(number) up", "link set gateout\(number) up",
        ])
        let externals = try topology.nat(of: scenario.networks[number].name)?.externalAddresses ?? []
        translations[number] = Translation(
            plan, externals: externals, clock: clock,
            numbers: Seed(ofScenario: scenario.seed).numbers(for: "ports of \(scenario.networks[number].name)"))
        try gateway.set("ipv4/ip_forward", 1)
        gateway.setIfThere("ipv6/conf/all/forwarding", 1)
        if let model = plan.nat {
            let seconds = clock.timeout(model.timeout)
            // The first rule with a translation loads the module that has these.
            try gateway.nft(translations[number]?.rules ?? [])
            gateway.setIfThere("netfilter/nf_conntrack_udp_timeout", seconds)
            gateway.setIfThere("netfilter/nf_conntrack_udp_timeout_stream", seconds)
        }
        let inner = LinkRules(model: inwardLinks[number], clock: clock, kernel: kernel).deviceMTU
        let outside = LinkRules(model: links[outer], clock: clock, kernel: kernel).deviceMTU
        try gateway.ip(
            [
                "link set lo up", "link set inner mtu \(inner) up", "link set outer mtu \(outside) up",
                "addr add 169.254.\(number + 1).1/32 dev inner", "addr add 169.254.\(number + 1).2/32 dev outer",
            ] + externals.map { "addr add \($0)/24 dev outer" }
                + (hasIPv6
                    ? [
                        "addr add fe80::\(hexadecimal(number)):1/64 dev inner nodad",
                        "addr add fe80::\(hexadecimal(number)):2/64 dev outer nodad",
                    ] : []))
    }

    private var hasIPv6: Bool { scenario.networks.contains(where: \.hasIPv6) }
    private func hexadecimal(_ number: Int) -> String { String(number + 1, radix: 16) }

    func link(ofNode node: Int) -> LinkModel { plans[node].link ?? links[places[node]] }

    /// The addresses of a network as routes have them.
    private func ranges(of network: Int) -> (ipv4: [String], ipv6: [String]) {
        var found: [IPAddress] = places.indices.filter { places[$0] == network }.flatMap(addresses)
        for (number, translation) in translations where outer(of: number) == network {
            found += translation.externals
        }
        let blocks = Set(found.filter(\.isIPv4).map { ($0.bits >> 8) << 8 }).sorted()
        return (
            blocks.map { "\(IPAddress(ipv4: UInt32(truncatingIfNeeded: $0)))/24" },
            scenario.networks[network].hasIPv6 ? ["2001:db8:0:\(String(network, radix: 16))::/64"] : []
        )
    }

    /// The networks that lie behind one without translation, each with the gateway on the way that is the first.
    private func networks(behind network: Int, besides excluded: Int? = nil) -> [(network: Int, gateway: Int)] {
        var result: [(Int, Int)] = []
        for number in gateways.keys.sorted() where outer(of: number) == network && number != excluded {
            guard scenario.networks[number].gateway?.nat == nil else { continue }
            result.append((number, number))
            result += networks(behind: number).map { ($0.network, number) }
        }
        return result
    }

    /// Gives all namespaces their routes.
    func route() throws {
        for node in nodes.indices { try nodes[node].ip(routes(in: places[node], "eth0")) }
        for number in gateways.keys.sorted() {
            guard let gateway = gateways[number], let outer = outer(of: number) else { continue }
            var lines = onLink(number, "inner")
            if translations[number]?.model == nil { lines += onLink(outer, "outer") }
            lines += inward(of: number, "inner") + routes(in: outer, "outer", besides: number)
            try gateway.ip(lines)
        }
    }

    private func onLink(_ network: Int, _ device: String) -> [String] {
        let ranges = ranges(of: network)
        return ranges.ipv4.map { "route replace \($0) dev \(device) scope link" }
            + ranges.ipv6.map { "route replace \($0) dev \(device)" }
    }

    private func inward(of network: Int, _ device: String, besides excluded: Int? = nil) -> [String] {
        networks(behind: network, besides: excluded).flatMap { inner, gateway in
            let ranges = ranges(of: inner)
            return ranges.ipv4.map { "route replace \($0) via 169.254.\(gateway + 1).2 dev \(device) onlink" }
                + ranges.ipv6.map { "route replace \($0) via fe80::\(hexadecimal(gateway)):2 dev \(device)" }
        }
    }

    private func routes(in network: Int, _ device: String, besides excluded: Int? = nil) -> [String] {
        var lines = inward(of: network, device, besides: excluded)
        if outer(of: network) != nil {
            lines.append("route replace default via 169.254.\(network + 1).1 dev \(device) onlink")
            if scenario.networks[network].hasIPv6 {
                lines.append("route replace ::/0 via fe80::\(hexadecimal(network)):1 dev \(device)")
            }
        }
        return lines
    }

    /// Tells the gateways above a network of an endpoint in it.
    func register(_ endpoint: Endpoint, in network: Int) -> [Int] {
        guard let outer = outer(of: network) else { return [] }
        guard translations[network]?.model != nil else { return register(endpoint, in: outer) }
        guard let (external, isNew) = translations[network]?.register(endpoint) else { return [] }
        return (isNew ? [network] : []) + register(external, in: outer)
    }

    /// Tells all gateways of all nodes.
    func registerAll() -> [Int] {
        nodes.indices.flatMap { node in
            addresses(of: node).flatMap { register(Endpoint($0, port: ports[node]), in: places[node]) }
        }
    }

    /// Forgets what a translation knows.
    func forget(translationOf network: Int, externals: [IPAddress]? = nil) {
        translations[network]?.forget(externals: externals)
    }
}

// What links do, and who is cut off.
extension LabWorld {
    private func rules(_ model: LinkModel) -> [String] { LinkRules(model: model, clock: clock, kernel: kernel).rules }

    /// The ports, each with its link.
    private var portLinks: [(port: String, model: LinkModel)] {
        nodes.indices.map { ("port\($0)", link(ofNode: $0)) }
            + gateways.keys.sorted().flatMap { number -> [(port: String, model: LinkModel)] in
                [("gatein\(number)", inwardLinks[number]), ("gateout\(number)", links[outer(of: number) ?? 0])]
            }
    }

    private var fabricRules: [String] {
        var lines = ["table bridge links {", "set asleep {", "type ifname", "}"]
        for (port, model) in portLinks { lines += ["chain \(port) {"] + rules(model) + ["}"] }
        lines += ["chain arrivals {", "type filter hook prerouting priority 0", "iifname @asleep drop"]
        lines += portLinks.map { "iifname \"\($0.port)\" jump \($0.port)" }
        lines += ["}", "chain cuts {", "}"]
        lines += [
            "chain departures {", "type filter hook forward priority 0", "oifname @asleep drop", "jump cuts", "}", "}",
        ]
        return lines
    }

    /// Changes the links of a network.
    func change(_ network: Int, to model: LinkModel) throws {
        let before = Dictionary(uniqueKeysWithValues: portLinks.map { ($0.port, $0.model) })
        links[network] = model
        inwardLinks[network] = model
        var lines: [String] = []
        for (port, model) in portLinks where before[port] != model { lines += refill(port, model) }
        try fabric.nft(lines)
        for node in nodes.indices where places[node] == network { try setQueues(ofNode: node) }
        for number in gateways.keys.sorted() where number == network || outer(of: number) == network {
            try setQueues(ofGateway: number)
        }
    }

    private func refill(_ port: String, _ model: LinkModel) -> [String] {
        ["flush chain bridge links \(port)"] + rules(model).map { "add rule bridge links \(port) \($0)" }
    }

    /// Gives the port of a node that moved the rules of where it is.
    func changeLink(ofNode node: Int) throws {
        try fabric.nft(refill("port\(node)", link(ofNode: node)))
        try setQueues(ofNode: node)
    }

    private func queueKey(_ namespace: LabNamespace, _ device: String) -> String { "\(namespace.name) \(device)" }

    private func setQueues(_ model: LinkModel, _ namespace: LabNamespace, _ device: String) throws {
        let commands = LinkRules(model: model, clock: clock, kernel: kernel).queues(of: device)
        let key = queueKey(namespace, device)
        if queues[key] == commands { return }
        if queues[key]?.isEmpty == false { try? namespace.tc("qdisc del dev \(device) root") }
        for command in commands { try namespace.tc(command) }
        queues[key] = commands
    }

    private func setQueues(ofNode node: Int) throws { try setQueues(link(ofNode: node), nodes[node], "eth0") }

    private func setQueues(ofGateway number: Int) throws {
        guard let gateway = gateways[number], let outer = outer(of: number) else { return }
        try setQueues(inwardLinks[number], gateway, "inner")
        try setQueues(links[outer], gateway, "outer")
    }

    /// Cuts groups of nodes off from each other.
    func partition(_ groups: [[Int]], isOneWay: Bool) throws {
        cuts.append((groups, isOneWay))
        try writeCuts()
    }

    /// Ends all partitions.
    func heal() throws {
        cuts.removeAll()
        try writeCuts()
    }

    private func writeCuts() throws {
        var lines = ["flush chain bridge links cuts"]
        for node in nodes.indices {
            let marks = nodes.indices.filter { isCut(from: $0, to: node) }.map { "\($0 + 1)" }
            guard !marks.isEmpty else { continue }
            for family in ["ip", "ip6"] {
                lines.append(
                    "add rule bridge links cuts oifname \"port\(node)\" \(family) dscp { \(marks.joined(separator: ", ")) } drop"
                )
            }
        }
        try fabric.nft(lines)
    }

    private func isCut(from sender: Int, to receiver: Int) -> Bool {
        cuts.contains { cut in
            guard let from = cut.groups.firstIndex(where: { $0.contains(sender) }),
                let to = cut.groups.firstIndex(where: { $0.contains(receiver) })
            else { return false }
            return cut.isOneWay ? from < to : from != to
        }
    }

    /// Lets nothing to and from a node pass, or again all of it.
    func setAsleep(_ node: Int, _ isAsleep: Bool) throws {
        try fabric.nft(["\(isAsleep ? "add" : "delete") element bridge links asleep { \"port\(node)\" }"])
    }

    /// Lets a name stand for something else.
    func set(_ record: String, _ target: RecordTarget) throws {
        records[record] = target
        try writeHosts()
    }

    /// Writes what names stand for, where the nodes look for it.
    func writeHosts() throws {
        var lines = ["127.0.0.1 localhost"]
        for node in nodes.indices { lines += addresses(of: node).map { "\($0) \(names[node])" } }
        for name in records.keys.sorted() {
            guard case .nodes(let targets)? = records[name] else { continue }
            lines += expand(targets).flatMap { node in addresses(of: node).map { "\($0) \(name)" } }
        }
        try writeFile("\(folder)/hosts", lines.joined(separator: "\n") + "\n")
    }
}
