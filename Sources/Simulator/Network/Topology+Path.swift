public import VPNNode
import VPNProtocol

extension Topology {
    /// Takes a datagram from the node that has its source address.
    public mutating func send(_ datagram: VirtualDatagram, at now: Instant) -> Passage {
        guard let holder = holders[datagram.source.address], case .node(let origin) = holder.stop else {
            return .lost(.noRoute, .network(""))
        }
        let transit = Transit(
            sent: datagram, sender: nodes[origin].name, source: datagram.source, destination: datagram.destination,
            bytes: datagram.bytes, time: now, origin: origin, stop: holder.stop)
        guard let stop = route(transit, in: holder.network) else {
            return .lost(.noRoute, .network(networks[holder.network].plan.name))
        }
        // What a node sends to itself crosses no link.
        if stop == holder.stop { return .onward(transit, again: nil) }
        let crossing = nodes[origin].link.send(datagram.bytes, headerBytes: transit.headerBytes, at: now)
        return onward(transit, crossing, to: stop, through: holder.network, from: nodes[origin].name)
    }

    /// Takes a datagram at its next place, at its time.
    public mutating func pass(_ transit: Transit) -> Passage {
        var transit = transit
        guard transit.hops < .max else { return .lost(.tooManyHops, place(transit.stop)) }
        transit.hops += 1
        switch transit.stop {
        case .node(let index):
            guard holders[transit.destination.address]?.stop == transit.stop else {
                return .lost(.noReceiver, .node(nodes[index].name))
            }
            if partitions.contains(where: { $0.separates(transit.origin, from: index) }) {
                return .lost(.partitioned, .node(nodes[index].name))
            }
            return .delivered(transit)
        case .inner(let place): return leave(place, transit)
        case .outer(let place): return enter(place, transit)
        }
    }

    func place(_ stop: Transit.Stop) -> NetworkPlace {
        switch stop {
        case .node(let index): .node(nodes[index].name)
        case .inner(let index), .outer(let index): .gateway(networks[index].plan.name)
        }
    }

    /// From inside through the gateway of a network: out, or back in where it is for the gateway's own address.
    private mutating func leave(_ place: Int, _ arrived: Transit) -> Passage {
        var transit = arrived
        let name = networks[place].plan.name
        guard let outer = networks[place].outer else { return .lost(.noRoute, .network(name)) }
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
                return .lost(.nat(error), .gateway(name))
            }
        }
        networks[place].firewall?.sendOut(from: transit.source, to: transit.destination, at: transit.time)
        guard let stop = route(transit, in: outer) else {
            return .lost(.noRoute, .network(networks[outer].plan.name))
        }
        guard
            let crossing = networks[place].outward?.send(
                transit.bytes, headerBytes: transit.headerBytes, at: transit.time)
        else { return .lost(.noRoute, .network(name)) }
        return onward(transit, crossing, to: stop, through: outer, from: name)
    }

    /// From outside through the gateway of a network.
    private mutating func enter(_ place: Int, _ arrived: Transit) -> Passage {
        var transit = arrived
        let name = networks[place].plan.name
        let admitted = networks[place].firewall?.admits(
            from: transit.source, to: transit.destination, at: transit.time)
        if admitted == false { return .lost(.firewall, .gateway(name)) }
        do {
            let inside = try networks[place].nat?.translate(
                inbound: transit.source, to: transit.destination, at: transit.time)
            if let inside { transit.destination = inside }
        } catch {
            return .lost(.nat(error), .gateway(name))
        }
        return goIn(place, transit)
    }

    private mutating func goIn(_ place: Int, _ transit: Transit) -> Passage {
        let name = networks[place].plan.name
        // What does not belong inside must not go around in circles.
        guard let stop = route(transit, in: place), stop != .inner(place) else {
            return .lost(.noRoute, .network(name))
        }
        let crossing = networks[place].inward.send(transit.bytes, headerBytes: transit.headerBytes, at: transit.time)
        return onward(transit, crossing, to: stop, through: place, from: name)
    }

    /// Where a datagram goes next in a network; nil where there is no way.
    private func route(_ transit: Transit, in place: Int) -> Transit.Stop? {
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
        _ transit: Transit, _ crossing: Crossing, to stop: Transit.Stop, through place: Int, from: String
    ) -> Passage {
        func moved(_ arrival: LinkArrival) -> Transit {
            var next = transit
            next.stop = stop
            next.time = arrival.time
            next.bytes = arrival.bytes
            return next
        }
        switch crossing {
        case .arrives(let first, let again): return .onward(moved(first), again: again.map(moved))
        case .lost(let loss): return .lost(.link(loss), .link(network: networks[place].plan.name, from: from))
        }
    }
}

extension Transit {
    /// An IP header without options, and 8 bytes of UDP.
    var headerBytes: Int { source.address.isIPv4 ? 28 : 48 }
}

/// Groups of nodes that are cut off from each other.
struct Partition: Sendable {
    var groups: [Int: Int] = [:]
    let isOneWay: Bool

    func separates(_ sender: Int, from receiver: Int) -> Bool {
        guard let from = groups[sender], let to = groups[receiver] else { return false }
        return isOneWay ? from < to : from != to
    }
}

extension Topology {
    /// Cuts groups of nodes off from each other; one way only, what goes from an earlier group to a later one. What is
    /// under way is lost, too. Nodes in no group are not concerned.
    public mutating func partition(_ names: [[String]], oneWay: Bool = false) throws(TopologyError) {
        var partition = Partition(isOneWay: oneWay)
        for (group, members) in names.enumerated() {
            for name in members {
                let before = partition.groups.updateValue(group, forKey: try number(ofNode: name))
                guard before == nil || before == group else { throw .inTwoGroups(name) }
            }
        }
        partitions.append(partition)
    }

    /// Ends all partitions.
    public mutating func heal() { partitions.removeAll() }
}
