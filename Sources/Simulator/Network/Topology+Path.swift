public import VPNNode
import VPNProtocol

extension Topology {
    /// Takes a datagram from the node that has its source address.
    public mutating func send(_ datagram: VirtualDatagram, at now: Instant) -> Passage {
        guard let origin = node(at: datagram.source.address) else { return .lost(datagram, .noRoute, .outside) }
        var transit = Transit(datagram, origin: origin, at: now)
        return passage(of: transit, send(&transit), becoming: transit)
    }

    /// Takes a datagram at its next place, at its time.
    public mutating func pass(_ transit: Transit) -> Passage {
        var next = transit
        let verdict = pass(&next)
        return passage(of: transit, verdict, becoming: next)
    }

    private func passage(of before: Transit, _ verdict: Verdict, becoming after: Transit) -> Passage {
        switch verdict {
        case .onward(let again): .onward(after, again: again.map { after.arriving($0) })
        case .delivered: .delivered(after)
        case .lost(let loss, let place): .lost(after.received, loss, place)
        }
    }

    /// What became of a datagram that is changed where it is.
    enum Verdict {
        /// It goes on, and perhaps a second time.
        case onward(again: LinkArrival?)
        case delivered
        case lost(NetworkLoss, NetworkPlace)
    }

    /// Takes a datagram from its node.
    mutating func send(_ transit: inout Transit) -> Verdict {
        let origin = transit.origin
        let network = nodes[origin].network
        guard let stop = route(transit, in: network) else { return .lost(.noRoute, .network(network)) }
        // What a node sends to itself crosses no link.
        if stop == .node(origin) { return .onward(again: nil) }
        let carriage = nodes[origin].link.carry(
            &transit.received.bytes, headerBytes: transit.received.headerBytes, at: transit.time)
        return onward(&transit, carriage, to: stop, on: LinkIdentity(network: network, sender: .node(origin)))
    }

    /// Takes a datagram at its next place, at its time.
    mutating func pass(_ transit: inout Transit) -> Verdict {
        guard transit.hops < .max else { return .lost(.tooManyHops, place(transit.stop)) }
        transit.hops += 1
        switch transit.stop {
        case .node(let index):
            guard nodes[index].addresses.contains(transit.destination.address) else {
                return .lost(.noReceiver, .node(index))
            }
            if partitions.contains(where: { $0.separates(transit.origin, from: index) }) {
                return .lost(.partitioned, .node(index))
            }
            return .delivered
        case .inner(let place): return leave(place, &transit)
        case .outer(let place): return enter(place, &transit)
        }
    }

    func place(_ stop: Transit.Stop) -> NetworkPlace {
        switch stop {
        case .node(let index): .node(index)
        case .inner(let index), .outer(let index): .gateway(index)
        }
    }

    /// From inside through the gateway of a network: out, or back in where it is for the gateway's own address.
    private mutating func leave(_ place: Int, _ transit: inout Transit) -> Verdict {
        guard let outer = networks[place].outer else { return .lost(.noRoute, .network(place)) }
        if transit.source.address.isIPv4 {
            do {
                if networks[place].nat?.externalAddresses.contains(transit.destination.address) == true {
                    let turned = try networks[place].nat?.hairpin(
                        from: transit.source, to: transit.destination, at: transit.time)
                    if let turned { (transit.source, transit.destination) = turned }
                    return goIn(place, &transit)
                }
                let source = try networks[place].nat?.translate(
                    outbound: transit.source, to: transit.destination, at: transit.time)
                if let source { transit.source = source }
            } catch {
                return .lost(.nat(error), .gateway(place))
            }
        }
        networks[place].firewall?.sendOut(from: transit.source, to: transit.destination, at: transit.time)
        guard let stop = route(transit, in: outer) else {
            return .lost(.noRoute, .network(outer))
        }
        guard
            let carriage = networks[place].outward?.carry(
                &transit.received.bytes, headerBytes: transit.received.headerBytes, at: transit.time)
        else { return .lost(.noRoute, .network(place)) }
        return onward(&transit, carriage, to: stop, on: LinkIdentity(network: outer, sender: .gateway(place)))
    }

    /// From outside through the gateway of a network.
    private mutating func enter(_ place: Int, _ transit: inout Transit) -> Verdict {
        let admitted = networks[place].firewall?.admits(
            from: transit.source, to: transit.destination, at: transit.time)
        if admitted == false { return .lost(.firewall, .gateway(place)) }
        do {
            let inside = try networks[place].nat?.translate(
                inbound: transit.source, to: transit.destination, at: transit.time)
            if let inside { transit.destination = inside }
        } catch {
            return .lost(.nat(error), .gateway(place))
        }
        return goIn(place, &transit)
    }

    private mutating func goIn(_ place: Int, _ transit: inout Transit) -> Verdict {
        // What does not belong inside must not go around in circles.
        guard let stop = route(transit, in: place), stop != .inner(place) else {
            return .lost(.noRoute, .network(place))
        }
        let carriage = networks[place].inward.carry(
            &transit.received.bytes, headerBytes: transit.received.headerBytes, at: transit.time)
        return onward(&transit, carriage, to: stop, on: LinkIdentity(network: place, sender: .gateway(place)))
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
        _ transit: inout Transit, _ carriage: Link.Carriage, to stop: Transit.Stop, on link: LinkIdentity
    ) -> Verdict {
        switch carriage {
        case .arrives(let time, let again):
            transit.stop = stop
            transit.link = link
            transit.time = time
            return .onward(again: again)
        case .lost(let loss): return .lost(.link(loss), .link(link))
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
