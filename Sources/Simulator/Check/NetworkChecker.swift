public import VPNNode
import VPNProtocol

/// Says whether an emulated network did what its model says, from what was seen of it.
///
/// It shares nothing with the network but the plans: it computes anew from their numbers what links, NATs, firewalls
/// and partitions may do, follows each copy of each datagram, and counts what happens by chance. It has to see the network
/// from the beginning, before the first node. What it keeps is bounded.
public final class NetworkChecker: NetworkObserver {
    struct Place {
        var name: String
        var network: Int
        var addresses: [IPAddress]
        var ownLink: LinkModel?
    }

    struct Network {
        let name: String
        let outer: Int?
        var link: LinkModel
        var inward: LinkModel
        var nat: CheckedNAT?
        var firewall: CheckedFirewall?
    }

    struct CheckedNode {
        var endpoints: [Endpoint]
        var place: Int?
        var isAwake = true
        /// The datagram that arrived last.
        var arrived: UInt64?
    }

    var networks: [Network]
    var places: [Int: Place] = [:]
    var nodes: [Int: CheckedNode] = [:]
    /// The running nodes by their endpoints.
    var owners: [Endpoint: Int] = [:]
    var partitions: [(groups: [Int: Int], oneWay: Bool)] = []
    var flights = FlightTable()
    var links: [LinkIdentity: CheckedLink] = [:]
    var chances: [ChanceKey: LinkChances] = [:]
    /// The keys of the above in the order in which they came.
    var chanceKeys: [ChanceKey] = []
    var violationList: ViolationList

    /// A checker of a network of these plans.
    ///
    /// - Parameter limit: how many violations it keeps; all are counted.
    public init(_ plans: [NetworkPlan], limit: Int = 100) {
        violationList = ViolationList(limit: limit)
        networks = plans.map { plan in
            Network(
                name: plan.name,
                outer: plan.gateway.flatMap { gateway in
                    plans.firstIndex { $0.name == gateway.network }
                },
                link: plan.link, inward: plan.inwardLink ?? plan.link, nat: plan.gateway?.nat.map(CheckedNAT.init),
                firewall: plan.gateway?.isFirewall == true ? CheckedFirewall() : nil)
        }
    }

    /// The first violations that were found.
    public var violations: [NetworkViolation] { violationList.first }

    /// How many were found in all.
    public var violationCount: UInt64 { violationList.count }

    /// How many datagrams were not followed to their end, since there were too many on their way at once.
    public var unfollowed: UInt64 { flights.forgotten }

    /// Takes note of something that happened.
    public func observe(_ observation: Observation, at now: Instant) {
        switch observation {
        case .started(let node), .moved(let node):
            let before = nodes[node.number]
            for endpoint in before?.endpoints ?? [] { owners[endpoint] = nil }
            for endpoint in node.endpoints { owners[endpoint] = node.number }
            nodes[node.number] = CheckedNode(
                endpoints: node.endpoints, place: node.place, isAwake: before?.isAwake ?? true,
                arrived: before?.arrived)
        case .ended(let node, _):
            for endpoint in node.endpoints { owners[endpoint] = nil }
            nodes[node.number] = nil
        case .suspended(let node): nodes[node.number]?.isAwake = false
        case .resumed(let node): nodes[node.number]?.isAwake = true
        case .sent(let datagram, let node): send(datagram, from: node.number, at: now)
        case .injected(let datagram): begin(datagram, origin: nil, at: now)
        case .crossed(let crossing): cross(crossing, at: now)
        case .arrived(let datagram, let node): arrive(datagram, at: node.number, now)
        case .dropped(let datagram, let loss, let place): lose(datagram, loss, place, at: now)
        case .frameDelivered(_, let node, let datagram):
            if nodes[node.number]?.arrived != datagram.id {
                violationList.append(.frameFromNowhere, at: now, datagram: datagram.id)
            }
        case .changed(let change): take(change, at: now)
        case .frameSent, .event: break
        }
    }

    /// Closes the books: looks for datagrams that vanished, and for rates that chance does not explain. To be called once, at
    /// the end.
    public func finish(at now: Instant) {
        while let flight = flights.takeOverdue(at: now) {
            violationList.append(.vanished, at: now, datagram: flight.id)
        }
        for key in chanceKeys { judge(key, at: now) }
        chances = [:]
        chanceKeys = []
    }
}

extension NetworkChecker {
    private func send(_ datagram: VirtualDatagram, from number: Int, at now: Instant) {
        let node = nodes[number]
        if node?.isAwake != true || node?.endpoints.contains(datagram.source) != true {
            violationList.append(.sentByAbsentNode, at: now, datagram: datagram.id)
        }
        begin(datagram, origin: node?.place, at: now)
    }

    private func begin(_ datagram: VirtualDatagram, origin: Int?, at now: Instant) {
        let copy = FlyingCopy(
            time: now, link: nil, source: datagram.source, destination: datagram.destination, bytes: datagram.bytes)
        if let vanished = flights.begin(FlightTable.Flight(id: datagram.id, origin: origin, first: copy), at: now) {
            violationList.append(.vanished, at: now, datagram: vanished.id)
        }
    }

    /// Takes the copy of a datagram that is now at a place; nil, and a violation, where there is none.
    ///
    /// - Parameter isThere: whether a copy that comes from this link, or from no link, may be there.
    func take(
        _ datagram: VirtualDatagram, at now: Instant, where isThere: (LinkIdentity?) -> Bool
    ) -> (copy: FlyingCopy, origin: Int?)? {
        let found = flights.update(datagram.id) { flight in
            (copy: flight.take { $0.time == now && isThere($0.link) }, origin: flight.origin)
        }
        guard let found, let copy = found.copy else {
            violationList.append(.unknownCopy, at: now, datagram: datagram.id)
            return nil
        }
        return (copy, found.origin)
    }

    private func arrive(_ datagram: VirtualDatagram, at number: Int, _ now: Instant) {
        nodes[number]?.arrived = datagram.id
        let node = nodes[number]
        if node?.isAwake != true || node?.endpoints.contains(datagram.destination) != true {
            violationList.append(.absentReceiver, at: now, datagram: datagram.id)
        }
        guard let (copy, origin) = take(datagram, at: now, where: { _ in true }) else { return }
        flights.endIfOver(datagram.id)
        if copy.bytes != datagram.bytes { violationList.append(.bytesChanged, at: now, datagram: datagram.id) }
        if copy.source != datagram.source || copy.destination != datagram.destination {
            violationList.append(.wrongTranslation, at: now, datagram: datagram.id)
        }
        if let origin, let place = node?.place, isCutOff(origin, from: place) {
            violationList.append(.crossedPartition, at: now, datagram: datagram.id, place: .node(place))
        }
    }

    func isCutOff(_ sender: Int, from receiver: Int) -> Bool {
        partitions.contains { partition in
            guard let from = partition.groups[sender], let to = partition.groups[receiver] else { return false }
            return partition.oneWay ? from < to : from != to
        }
    }

    private func take(_ change: NetworkChange, at now: Instant) {
        switch change {
        case .attached(let node, let name, let network, let addresses, let link):
            // Whoever comes to a network has a new link there.
            if places[node]?.network != network {
                links[LinkIdentity(network: network, sender: .node(node))] = nil
            }
            places[node] = Place(name: name, network: network, addresses: addresses, ownLink: link)
        case .partitioned(let members, let oneWay):
            var groups: [Int: Int] = [:]
            for (group, nodes) in members.enumerated() { for node in nodes { groups[node] = group } }
            partitions.append((groups, oneWay))
        case .healed: partitions.removeAll()
        case .linksChanged(let network, let model):
            closeBooks(of: network, at: now)
            networks[network].link = model
            networks[network].inward = model
        case .flushed(let network):
            networks[network].nat?.flush()
            if networks[network].firewall != nil { networks[network].firewall = CheckedFirewall() }
        case .rebooted(let network):
            networks[network].nat?.reboot()
            if networks[network].firewall != nil { networks[network].firewall = CheckedFirewall() }
        case .numbered(let network, let addresses):
            networks[network].nat?.externalAddresses = addresses
            networks[network].nat?.reboot()
        case .portForwarded(let network, let inside, let external, let end):
            networks[network].nat?.forwardPort(of: inside, as: external, until: end)
        case .portClosed(let network, let inside): networks[network].nat?.closePort(of: inside)
        }
    }
}
