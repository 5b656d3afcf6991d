public import VPNNode
public import VPNProtocol

/// The emulated internet below the nodes: networks, the gateways between them, and what is in the way.
///
/// A datagram goes from place to place. Each step says when it arrives at the next, where whoever runs the clock hands
/// it back: a NAT decides on what has gone through it up to that instant. The state of links is per sender: a node or a
/// gateway has one to the middle of each network that it is in.
public struct Topology: Sendable {
    /// The most gateways above a network.
    public static let maximumDepth = 64
    /// The most addresses of each family that a node has in its network.
    public static let maximumAddresses = 16

    struct Network: Sendable {
        var plan: NetworkPlan
        let outer: Int?
        var addresses: NetworkAddresses
        var nat: NATBox?
        var firewall: StatefulFirewall?
        /// What the gateway sends in, and out.
        var inward: Link
        var outward: Link?
        /// Whether its links are not those of the plan any more.
        var isChanged = false
    }

    struct Node: Sendable {
        let name: String
        var network: Int
        var addresses: [IPAddress]
        var link: Link
        /// What it sends on, where that is not the network's.
        let ownLink: LinkModel?
        /// How many addresses of each family it asked for.
        let addressCount: Int
        /// How often it was in another network before.
        var moves: UInt64 = 0
    }

    /// Who has an address, and in which network.
    struct Holder: Sendable {
        let stop: Transit.Stop
        let network: Int
    }

    var networks: [Network] = []
    var nodes: [Node] = []
    var holders: [IPAddress: Holder] = [:]
    var partitions: [Partition] = []
    private var nodeNumbers: [String: Int] = [:]
    private var networkNumbers: [String: Int] = [:]
    private var plan = AddressPlan()
    private let seed: Seed

    /// Networks without nodes. What is random in them depends on the seed and their names.
    public init(_ plans: [NetworkPlan], seed: Seed) throws(TopologyError) {
        self.seed = seed
        for (number, plan) in plans.enumerated() {
            guard networkNumbers.updateValue(number, forKey: plan.name) == nil else {
                throw .duplicateNetwork(plan.name)
            }
        }
        for (number, plan) in plans.enumerated() {
            guard plan.hasIPv4 || plan.hasIPv6 else { throw .noFamily(plan.name) }
            let outer = try plan.gateway.map { gateway throws(TopologyError) in try self.number(of: gateway.network) }
            let kind = try kind(of: plan, in: plans)
            let own = seed.derived("network \(plan.name)")
            networks.append(
                Network(
                    plan: plan, outer: outer, addresses: NetworkAddresses(kind, number: number),
                    firewall: plan.gateway?.isFirewall == true ? StatefulFirewall() : nil,
                    inward: Link(plan.inwardLink ?? plan.link, seed: own.derived("inward")),
                    outward: outer.map { Link(plans[$0].link, seed: own.derived("outward")) }))
        }
        for number in networks.indices { try makeGateway(number) }
    }

    func number(of network: String) throws(TopologyError) -> Int {
        guard let number = networkNumbers[network] else { throw .unknownNetwork(network) }
        return number
    }

    func number(ofNode name: String) throws(TopologyError) -> Int {
        guard let number = nodeNumbers[name] else { throw .unknownNode(name) }
        return number
    }

    /// What addresses a network has: those of the nearest network outwards that is behind a NAT, or global ones.
    private func kind(of plan: NetworkPlan, in plans: [NetworkPlan]) throws(TopologyError) -> AddressPlan.Kind {
        let isCarrier = plans.contains { $0.gateway?.network == plan.name && $0.gateway?.nat != nil }
        var kind = AddressPlan.Kind.global
        var place = plan
        for _ in 0...Self.maximumDepth {
            guard let gateway = place.gateway else { return kind }
            if gateway.nat != nil { kind = isCarrier ? .carrier : .home }
            place = plans[try number(of: gateway.network)]
            if place.name == plan.name { throw .cycle(plan.name) }
        }
        throw .tooDeep(plan.name)
    }

    private mutating func makeGateway(_ number: Int) throws(TopologyError) {
        let name = networks[number].plan.name
        guard let outer = networks[number].outer, let model = networks[number].plan.gateway?.nat else { return }
        guard networks[number].plan.hasIPv4, networks[outer].plan.hasIPv4 else {
            throw .translationWithoutIPv4(name)
        }
        guard (1...254).contains(model.externalAddresses), model.limit > 0 else { throw .unusableNAT(name) }
        let addresses = try externalAddresses(of: number, count: model.externalAddresses, in: outer)
        networks[number].nat = NATBox(
            model, externalAddresses: addresses, seed: seed.derived("network \(name)").derived("NAT"))
    }

    private mutating func externalAddresses(
        of number: Int, count: Int, in outer: Int
    ) throws(TopologyError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for _ in 0..<count {
            guard let address = networks[outer].addresses.nextIPv4(from: &plan) else {
                throw .noAddressLeft(networks[outer].plan.name)
            }
            holders[address] = Holder(stop: .outer(number), network: outer)
            addresses.append(address)
        }
        return addresses
    }

    /// Puts a node into a network, or moves it there, and returns its addresses, IPv4 first. A node that is there
    /// already keeps what it has, and one that moves as many addresses and the link that it has of its own.
    ///
    /// - Parameters:
    ///   - addresses: how many it has of each family.
    ///   - link: what it sends on; nil for what all use in the network. No change of the network touches it.
    @discardableResult
    public mutating func attach(
        _ name: String, to network: String, addresses count: Int = 1, link: LinkModel? = nil
    ) throws(TopologyError) -> [IPAddress] {
        let place = try number(of: network)
        let known = nodeNumbers[name]
        if let known, nodes[known].network == place { return nodes[known].addresses }
        let index = known ?? nodes.count
        let count = known.map { nodes[$0].addressCount } ?? count
        let own = known.map { nodes[$0].ownLink } ?? link
        guard (1...Self.maximumAddresses).contains(count) else { throw .addressCount(name) }
        let addresses = try takeAddresses(count, in: place)
        for address in addresses { holders[address] = Holder(stop: .node(index), network: place) }
        let moves = known.map { nodes[$0].moves + 1 } ?? 0
        let state = Link(own ?? networks[place].plan.link, seed: seed.derived("node \(name)", incarnation: moves))
        let node = Node(
            name: name, network: place, addresses: addresses, link: state, ownLink: own, addressCount: count,
            moves: moves)
        if let known {
            for address in nodes[known].addresses { holders[address] = nil }
            nodes[known] = node
        } else {
            nodeNumbers[name] = index
            nodes.append(node)
        }
        return addresses
    }

    private mutating func takeAddresses(_ count: Int, in place: Int) throws(TopologyError) -> [IPAddress] {
        var addresses: [IPAddress] = []
        if networks[place].plan.hasIPv4 {
            for _ in 0..<count {
                guard let address = networks[place].addresses.nextIPv4(from: &plan) else {
                    throw .noAddressLeft(networks[place].plan.name)
                }
                addresses.append(address)
            }
        }
        if networks[place].plan.hasIPv6 {
            for _ in 0..<count { addresses.append(networks[place].addresses.nextIPv6()) }
        }
        return addresses
    }

    /// Changes what the links of a network do, in both directions, from the next datagram on; not those that nodes have of
    /// their own.
    public mutating func change(_ network: String, to model: LinkModel) throws(TopologyError) {
        let place = try number(of: network)
        networks[place].plan.link = model
        networks[place].isChanged = true
        networks[place].plan.inwardLink = nil
        networks[place].inward.model = model
        for index in networks.indices where networks[index].outer == place { networks[index].outward?.model = model }
        for index in nodes.indices where nodes[index].network == place && nodes[index].ownLink == nil {
            nodes[index].link.model = model
        }
    }

    /// Lets the gateway of a network forget its mappings and openings; a reboot ends forwarded ports, too.
    public mutating func flush(gatewayOf network: String, isReboot: Bool = false) throws(TopologyError) {
        let place = try number(of: network)
        guard networks[place].nat != nil || networks[place].firewall != nil else { throw .noNAT(network) }
        if isReboot { networks[place].nat?.reboot() } else { networks[place].nat?.flush() }
        networks[place].firewall?.flush()
    }

    /// Gives the NAT of a network other external addresses, and returns them.
    @discardableResult
    public mutating func changeExternalAddresses(ofNATOf network: String) throws(TopologyError) -> [IPAddress] {
        let place = try number(of: network)
        guard let outer = networks[place].outer, let before = networks[place].nat?.externalAddresses else {
            throw .noNAT(network)
        }
        let addresses = try externalAddresses(of: place, count: before.count, in: outer)
        for address in before { holders[address] = nil }
        networks[place].nat?.changeExternalAddresses(to: addresses)
        return addresses
    }

    /// The number of the node that has an address.
    func node(at address: IPAddress) -> Int? {
        if case .node(let index)? = holders[address]?.stop { index } else { nil }
    }

    /// The number of the network in which an address is.
    func network(of address: IPAddress) -> Int? { holders[address]?.network }

    /// Where a node is.
    func attachment(of name: String) -> NetworkChange? { nodeNumbers[name].map { attachment(ofNode: $0) } }

    private func attachment(ofNode index: Int) -> NetworkChange {
        let node = nodes[index]
        return .attached(
            node: index, name: node.name, network: node.network, addresses: node.addresses, link: node.ownLink)
    }

    /// The changes that lead from the plans to what is now, but for what NATs have mapped.
    var changesSoFar: [NetworkChange] {
        var changes: [NetworkChange] = []
        for (index, network) in networks.enumerated() {
            if network.isChanged { changes.append(.linksChanged(network: index, network.plan.link)) }
            if let nat = network.nat { changes.append(.numbered(gatewayOf: index, nat.externalAddresses)) }
        }
        changes += nodes.indices.map { attachment(ofNode: $0) }
        return changes + partitions.map { .partitioned($0.members, oneWay: $0.isOneWay) }
    }

    /// What a link does now; nil where there is none.
    public func model(of link: LinkIdentity) -> LinkModel? {
        switch link.sender {
        case .node(let index): nodes.indices.contains(index) ? nodes[index].link.model : nil
        case .gateway(let index):
            networks.indices.contains(index)
                ? (link.network == index ? networks[index].inward : networks[index].outward)?.model : nil
        }
    }

    /// A place by the names of its network and node.
    public func text(of place: NetworkPlace) -> String {
        switch place {
        case .link(let link):
            switch link.sender {
            case .node(let index): "link from \(name(ofNode: index)) into \(name(ofNetwork: link.network))"
            case .gateway(let index):
                "link from the gateway of \(name(ofNetwork: index)) into \(name(ofNetwork: link.network))"
            }
        case .network(let index): "network \(name(ofNetwork: index))"
        case .gateway(let index): "gateway of \(name(ofNetwork: index))"
        case .node(let index): "node \(name(ofNode: index))"
        case .outside: "outside"
        }
    }

    /// The name of the network with this number.
    public func name(ofNetwork number: Int) -> String {
        networks.indices.contains(number) ? networks[number].plan.name : "?"
    }

    /// The name of the node with this number.
    public func name(ofNode number: Int) -> String { nodes.indices.contains(number) ? nodes[number].name : "?" }

    /// The NAT of a network; nil where it has none.
    public func nat(of network: String) throws(TopologyError) -> NATBox? { networks[try number(of: network)].nat }
}

extension Topology {
    /// Answers a node's wish for a forwarded port, as the gateway of its network does.
    public mutating func grantPort(
        of inside: Endpoint, lease: Duration, at now: Instant
    ) throws(PortMappingRefusal) -> Endpoint {
        guard let place = holders[inside.address]?.network,
            let external = try networks[place].nat?.grantPort(of: inside, lease: lease, at: now)
        else { throw .notGranted }
        return external
    }

    /// How long a node waits for the answer of its gateway: twice the latency of its network's links.
    public func answerTime(for inside: Endpoint) -> Duration {
        holders[inside.address].map { networks[$0.network].plan.link.heldLatency * 2 } ?? .zero
    }

    /// Ends the forwarding of a node's port.
    public mutating func revokePort(of inside: Endpoint) {
        guard let place = holders[inside.address]?.network else { return }
        networks[place].nat?.revokePort(of: inside)
    }
}
