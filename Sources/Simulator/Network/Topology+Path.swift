public import VPNNode
import VPNProtocol

extension Topology {
    /// Takes a datagram from the node that has its source address.
    public mutating func send(_ datagram: VirtualDatagram, at now: Instant) -> Passage {
        guard case .node(let origin)? = holders[datagram.source.address]?.stop else {
            return .lost(datagram, .noRoute, .outside)
        }
        return send(datagram, from: origin, at: now)
    }

    /// Takes a datagram from a node that has its source address.
    mutating func send(_ datagram: VirtualDatagram, from origin: Int, at now: Instant) -> Passage {
        let network = nodes[origin].network
        let start = Transit.Stop.node(origin)
        let transit = Transit(datagram, origin: origin, stop: start, at: now)
        guard let stop = route(transit, in: network) else { return .lost(datagram, .noRoute, .network(network)) }
        // What a node sends to itself crosses no link.
        if stop == start { return .onward(transit, again: nil) }
        let crossing = nodes[origin].link.send(datagram.bytes, headerBytes: datagram.headerBytes, at: now)
        return onward(transit, crossing, to: stop, on: LinkIdentity(network: network, sender: start.sender))
    }

    /// Takes a datagram at its next place, at its time.
    public mutating func pass(_ transit: Transit) -> Passage {
        var transit = transit
        guard transit.hops < .max else { return .lost(transit.received, .tooManyHops, place(transit.stop)) }
        transit.hops += 1
        switch transit.stop {
        case .node(let index):
            guard nodes[index].addresses.contains(transit.destination.address) else {
                return .lost(transit.received, .noReceiver, .node(index))
            }
            if partitions.contains(where: { $0.separates(transit.origin, from: index) }) {
                return .lost(transit.received, .partitioned, .node(index))
            }
            return .delivered(transit)
        case .inner(let place): return leave(place, transit)
        case .outer(let place): return enter(place, transit)
        }
    }

    func place(_ stop: Transit.Stop) -> NetworkPlace {
        switch stop {
        case .node(let index): .node(index)
        case .inner(let index), .outer(let index): .gateway(index)
        }
    }

    /// From inside through the gateway of a network: out, or back in where it is for the gateway's own address.
    private mutating func leave(_ place: Int, _ arrived: Transit) -> Passage {
        var transit = arrived
        guard let outer = networks[place].outer else { return .lost(transit.received, .noRoute, .network(place)) }
        if transit.source.address.isIPv4 {
            do {
                if networks[place].nat?.externalAddresses.contains(transit.destination.address) == true {
                    let turned = try networks[place].nat?.hairpin(
                        from: transit.source, to: transit.destination, at: transit.time)
                    if let turned { (transit.source, transit.destination) = turned }
                    return goIn(place, transit)
                }
                let source = try networks[place].nat?.translate(
                    outbound: transit.source, to: transit.destination, at: transit.time)
                if let source { transit.source = source }
            } catch {
                return .lost(transit.received, .nat(error), .gateway(place))
            }
        }
        networks[place].firewall?.sendOut(from: transit.source, to: transit.destination, at: transit.time)
        guard let stop = route(transit, in: outer) else {
            return .lost(transit.received, .noRoute, .network(outer))
        }
        guard
            let crossing = networks[place].outward?.send(
                transit.received.bytes, headerBytes: transit.received.headerBytes, at: transit.time)
        else { return .lost(transit.received, .noRoute, .network(place)) }
        return onward(transit, crossing, to: stop, on: LinkIdentity(network: outer, sender: .gateway(place)))
    }

    /// From outside through the gateway of a network.
    private mutating func enter(_ place: Int, _ arrived: Transit) -> Passage {
        var transit = arrived
        let admitted = networks[place].firewall?.admits(
            from: transit.source, to: transit.destination, at: transit.time)
        if admitted == false { return .lost(transit.received, .firewall, .gateway(place)) }
        do {
            let inside = try networks[place].nat?.translate(
                inbound: transit.source, to: transit.destination, at: transit.time)
            if let inside { transit.destination = inside }
        } catch {
            return .lost(transit.received, .nat(error), .gateway(place))
        }
        return goIn(place, transit)
    }

    private mutating func goIn(_ place: Int, _ transit: Transit) -> Passage {
        // What does not belong inside must not go around in circles.
        guard let stop = route(transit, in: place), stop != .inner(place) else {
            return .lost(transit.received, .noRoute, .network(place))
        }
        let crossing = networks[place].inward.send(
            transit.received.bytes, headerBytes: transit.received.headerBytes, at: transit.time)
        return onward(transit, crossing, to: stop, on: LinkIdentity(network: place, sender: .gateway(place)))
    }

    /// Where a datagram goes next in a network; nil where there is no way.
    private func route(_ transit: Transit, in place: Int) -> Transit.Stop? {
        // A network without a family carries nothing of it, not even from one side to the other.
        let isIPv4 = transit.destination.address.isIPv4
        guard isIPv4 ? networks[place].plan.hasIPv4 : networks[place].plan.hasIPv6 else { return nil }
        let out: Transit.Stop? = networks[place].outer == nil ? nil : .inner(place)
        guard let holder = holders[transit.destination.address] else { return out }
        if holder.network == place { return holder.stop }
        // Inwards, where this network is one of those around the receiver's.
        var inner = holder.network
        while let outer = networks[inner].outer {
            if outer == place {
                // Addresses behind a NAT mean nothing outside of it.
                let isHidden = transit.destination.address.isIPv4 && networks[inner].nat != nil
                return isHidden ? out : .outer(inner)
            }
            inner = outer
        }
        return out
    }

    private func onward(
        _ transit: Transit, _ crossing: Crossing, to stop: Transit.Stop, on link: LinkIdentity
    ) -> Passage {
        func moved(_ arrival: LinkArrival) -> Transit {
            var next = transit
            next.stop = stop
            next.link = link
            next.time = arrival.time
            next.received.bytes = arrival.bytes
            return next
        }
        switch crossing {
        case .arrives(let first, let again): return .onward(moved(first), again: again.map(moved))
        case .lost(let loss): return .lost(transit.received, .link(loss), .link(link))
        }
    }
}

extension Transit.Stop {
    /// Who sends from here into a link.
    fileprivate var sender: LinkIdentity.Sender {
        switch self {
        case .node(let index): .node(index)
        case .inner(let index), .outer(let index): .gateway(index)
        }
    }
}

/// Groups of nodes that are cut off from each other.
struct Partition: Sendable {
    var groups: [Int: Int] = [:]
    /// The nodes of each group.
    var members: [[Int]]
    let isOneWay: Bool

    func separates(_ sender: Int, from receiver: Int) -> Bool {
        guard let from = groups[sender], let to = groups[receiver] else { return false }
        return isOneWay ? from < to : from != to
    }
}

extension Topology {
    /// Cuts groups of nodes off from each other; one way only, what goes from an earlier group to a later one. What is
    /// under way is lost, too. Nodes in no group are not concerned. Returns the numbers of the nodes.
    @discardableResult
    public mutating func partition(_ names: [[String]], oneWay: Bool = false) throws(TopologyError) -> [[Int]] {
        var partition = Partition(members: names.map { _ in [] }, isOneWay: oneWay)
        for (group, members) in names.enumerated() {
            for name in members {
                let number = try number(ofNode: name)
                guard partition.groups.updateValue(group, forKey: number) ?? group == group else {
                    throw .inTwoGroups(name)
                }
                partition.members[group].append(number)
            }
        }
        partitions.append(partition)
        return partition.members
    }

    /// Ends all partitions.
    public mutating func heal() { partitions.removeAll() }
}
