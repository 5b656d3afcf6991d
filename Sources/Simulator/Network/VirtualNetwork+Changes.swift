public import VPNNode
public import VPNProtocol

/// What happens to the topology. All of it goes through here, and is told to the observers.
extension VirtualNetwork {
    /// Starts a node in a network of the topology, at the addresses that it gets there and its configuration's port.
    ///
    /// - Parameters:
    ///   - addresses: how many it has of each family.
    ///   - link: what it sends on; nil for what all use in the network.
    ///   - clock: what it takes the time from.
    @discardableResult
    public func start(
        _ name: String, _ configuration: NodeConfiguration, in network: String, addresses: Int = 1,
        link: LinkModel? = nil, seed: Seed, clock: VirtualClock = VirtualClock()
    ) throws -> VirtualNode {
        let addresses = try attach(name, to: network, addresses: addresses, link: link)
        return try start(
            name, configuration, at: addresses.map { Endpoint($0, port: configuration.port) }, seed: seed, clock: clock)
    }

    /// Gives a name its addresses in a network, as long as no node runs by it: what others may be told before it starts.
    @discardableResult
    public func attach(
        _ name: String, to network: String, addresses: Int = 1, link: LinkModel? = nil
    ) throws(TopologyError) -> [IPAddress] {
        guard topology != nil else { throw .unknownNetwork(network) }
        let before = topology?.attachment(of: name)
        let addresses = try topology?.attach(name, to: network, addresses: addresses, link: link) ?? []
        if let change = topology?.attachment(of: name), change != before { tell(.changed(change)) }
        return addresses
    }

    /// Moves a node to another network of the topology; its port stays.
    public func move(_ node: VirtualNode, toNetwork network: String) throws(TopologyError) {
        let port = node.endpoints.first?.port ?? PeerName.defaultPort
        move(node, to: try attach(node.name, to: network).map { Endpoint($0, port: port) })
    }

    /// Cuts groups of nodes off from each other, as ``Topology/partition(_:oneWay:)`` does.
    public func partition(_ groups: [[String]], oneWay: Bool = false) throws(TopologyError) {
        guard let members = try topology?.partition(groups, oneWay: oneWay) else { return }
        tell(.changed(.partitioned(members, oneWay: oneWay)))
    }

    /// Ends all partitions.
    public func heal() {
        topology?.heal()
        tell(.changed(.healed))
    }

    /// Changes what the links of a network do, but for those that nodes have of their own.
    public func change(_ network: String, to model: LinkModel) throws(TopologyError) {
        guard let number = try topology?.number(of: network) else { return }
        try topology?.change(network, to: model)
        tell(.changed(.linksChanged(network: number, model)))
    }

    /// Lets the gateway of a network forget its mappings and openings.
    public func flush(gatewayOf network: String) throws(TopologyError) {
        guard let number = try topology?.number(of: network) else { return }
        try topology?.flush(gatewayOf: network)
        tell(.changed(.flushed(gatewayOf: number)))
    }

    /// Lets the gateway of a network forget everything, also the ports that it forwarded on request.
    public func reboot(gatewayOf network: String) throws(TopologyError) {
        guard let number = try topology?.number(of: network) else { return }
        try topology?.flush(gatewayOf: network, isReboot: true)
        tell(.changed(.rebooted(gatewayOf: number)))
    }

    /// Gives the NAT of a network other external addresses, and returns them.
    @discardableResult
    public func renumber(gatewayOf network: String) throws(TopologyError) -> [IPAddress] {
        guard let number = try topology?.number(of: network),
            let addresses = try topology?.changeExternalAddresses(ofNATOf: network)
        else { return [] }
        tell(.changed(.numbered(gatewayOf: number, addresses)))
        return addresses
    }
}

extension VirtualNetwork {
    /// Brings a node's wish to the gateway of its network; without a topology it is left to
    /// ``mapPort(of:to:lease:)``. It takes the time of a way there and back, so that what was sent before is before it.
    func convey(_ wish: PortMappingRequest, of node: VirtualNode) {
        guard let topology, let address = node.endpoints.first(where: \.address.isIPv4)?.address else { return }
        let port =
            switch wish {
            case .map(let port, _), .unmap(let port): port
            }
        let inside = Endpoint(address, port: port)
        queue.plan(.wish(wish, node, inside), at: now + topology.answerTime(for: inside))
    }

    func answer(_ wish: PortMappingRequest, of node: VirtualNode, at inside: Endpoint) {
        guard let gateway = topology?.network(of: inside.address) else { return }
        guard case .map(_, let lease) = wish else {
            topology?.revokePort(of: inside)
            return tell(.changed(.portClosed(gatewayOf: gateway, inside: inside)))
        }
        guard node.isRunning, node.endpoints.contains(where: { $0.address == inside.address }) else { return }
        let external = try? topology?.grantPort(of: inside, lease: lease, at: now)
        if let external {
            tell(
                .changed(
                    .portForwarded(gatewayOf: gateway, inside: inside, external: external, until: now + lease)))
        }
        act(node) { engine, batch, now in
            if let external {
                engine.portMapped(to: external, lease: lease, at: now, into: &batch)
            } else {
                engine.portMappingFailed(at: now, into: &batch)
            }
        }
    }
}
