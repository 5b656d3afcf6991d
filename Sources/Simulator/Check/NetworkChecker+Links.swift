import VPNNode
import VPNProtocol

/// The links whose chances are counted together, since they have one model.
enum ChanceKey: Hashable {
    case outward(network: Int)
    case inward(network: Int)
    case own(node: Int, network: Int)
}

/// What happened by chance on the links of one model.
struct LinkChances {
    let model: LinkModel
    var links: [LinkIdentity: Bool] = [:]
    var lost = ChanceCount()
    var doubled = ChanceCount()
    var cut = ChanceCount()
    var changed = ChanceCount()
}

extension NetworkChecker {
    func model(of link: LinkIdentity) -> (LinkModel, ChanceKey)? {
        guard networks.indices.contains(link.network) else { return nil }
        switch link.sender {
        case .node(let node):
            guard let place = places[node], place.network == link.network else { return nil }
            if let own = place.ownLink { return (own, .own(node: node, network: link.network)) }
            return (networks[link.network].link, .outward(network: link.network))
        case .gateway(let network):
            if network == link.network { return (networks[network].inward, .inward(network: network)) }
            guard networks.indices.contains(network), networks[network].outer == link.network else { return nil }
            return (networks[link.network].link, .outward(network: link.network))
        }
    }

    /// Whether a copy on one link comes to where another begins.
    func leads(_ copyLink: LinkIdentity?, to link: LinkIdentity) -> Bool {
        switch link.sender {
        case .node: copyLink == nil
        case .gateway(let network):
            copyLink.map { $0.network == network || $0.network == networks[network].outer } ?? false
        }
    }

    func cross(_ crossing: LinkCrossing, at now: Instant) {
        let datagram = crossing.datagram
        guard let (model, chanceKey) = model(of: crossing.link) else {
            violationList.append(.unknownCopy, at: now, datagram: datagram.id, place: .link(crossing.link))
            return
        }
        guard let (copy, _) = take(datagram, at: now, where: { leads($0, to: crossing.link) }) else { return }
        translate(copy, to: datagram, on: crossing.link, at: now)
        if copy.bytes != datagram.bytes {
            violationList.append(.bytesChanged, at: now, datagram: datagram.id, place: .link(crossing.link))
        }
        let law = LinkLaw(model: model)
        var link = links[crossing.link] ?? CheckedLink()
        let (type, numberOfType) = link.count(datagram.bytes)
        if law.loss(number: link.datagrams, type: type, numberOfType: numberOfType).isCertain {
            report(.survived, crossing, at: now)
        }
        if let mtu = model.mtu, crossing.length > mtu { report(.overMTU, crossing, at: now) }
        if !link.hasRoom(crossing.length, law, at: now) { report(.overQueue, crossing, at: now) }
        if crossing.again != nil, model.duplication.millionths == 0 { report(.doubled, crossing, at: now) }
        let departure = link.depart(crossing.length, law, at: now)
        var chances = chances(of: chanceKey, model)
        chances.links[crossing.link] = true
        chances.lost.count(false)
        chances.doubled.count(crossing.again != nil)
        for arrival in [crossing.arrival, crossing.again].compactMap({ $0 }) {
            checkTime(arrival, crossing, law, &link, departure: departure, at: now)
            checkBytes(arrival, crossing, model, &chances, at: now)
            let next = FlyingCopy(
                time: arrival.time, link: crossing.link, source: datagram.source, destination: datagram.destination,
                bytes: arrival.bytes)
            _ = flights.update(datagram.id) { $0.add(next) }
        }
        self.chances[chanceKey] = chances
        links[crossing.link] = link
    }

    private func report(_ kind: NetworkViolation.Kind, _ crossing: LinkCrossing, at now: Instant) {
        violationList.append(kind, at: now, datagram: crossing.datagram.id, place: .link(crossing.link))
    }

    private func checkTime(
        _ arrival: LinkArrival, _ crossing: LinkCrossing, _ law: LinkLaw, _ link: inout CheckedLink,
        departure: Int128, at now: Instant
    ) {
        let time = Int128(arrival.time.nanoseconds)
        if time < departure + law.delays.lowerBound { report(.tooEarly, crossing, at: now) }
        var latest = departure + law.delays.upperBound
        if !law.mayReorder {
            if arrival.time < link.lastArrival { report(.overtook, crossing, at: now) }
            // What keeps the order may have to wait for the one before.
            latest = max(latest, Int128(link.lastArrival.nanoseconds))
        }
        if time > latest { report(.tooLate, crossing, at: now) }
        link.lastArrival = max(link.lastArrival, arrival.time)
    }

    private func checkBytes(
        _ arrival: LinkArrival, _ crossing: LinkCrossing, _ model: LinkModel, _ chances: inout LinkChances,
        at now: Instant
    ) {
        let change = ByteChange(from: crossing.datagram.bytes, to: arrival.bytes)
        if !change.isExplained(by: model) { report(.bytesChanged, crossing, at: now) }
        guard !crossing.datagram.bytes.isEmpty else { return }
        chances.cut.count(change.missing > 0)
        // Of what was cut nobody knows whether it was changed as well.
        if change.missing == 0 { chances.changed.count(change.bits > 0) }
    }

    func lose(_ datagram: VirtualDatagram, _ loss: NetworkLoss, _ place: NetworkPlace?, at now: Instant) {
        guard let (copy, origin) = take(datagram, at: now, where: { _ in true }) else { return }
        flights.endIfOver(datagram.id)
        var isExplained = true
        switch (loss, place) {
        case (.link(let loss), .link(let link)?):
            translate(copy, to: datagram, on: link, at: now)
            isExplained = explains(loss, of: datagram, on: link, at: now)
        case (.noRoute, .network(let network)?):
            if case .gateway(let gateway)? = gateway(between: copy.link, and: network) {
                translate(copy, to: datagram, on: LinkIdentity(network: network, sender: .gateway(gateway)), at: now)
            }
        case (.nat, .gateway(let gateway)?): refuse(copy, at: gateway, now)
        case (.partitioned, .node(let receiver)?):
            isExplained = origin.map { isCutOff($0, from: receiver) } ?? false
        case (.suspended, _): isExplained = owners[copy.destination].map { nodes[$0]?.isAwake == false } ?? false
        case (.noReceiver, _): isExplained = owners[copy.destination] == nil
        default: break
        }
        if !isExplained { violationList.append(.unexplainedLoss, at: now, datagram: datagram.id, place: place) }
    }

    /// The gateway that a copy from one link had to pass to be in a network.
    private func gateway(between link: LinkIdentity?, and network: Int) -> LinkIdentity.Sender? {
        guard let link else { return nil }
        if networks[link.network].outer == network { return .gateway(link.network) }
        return networks[network].outer == link.network || network == link.network ? .gateway(network) : nil
    }

    private func explains(
        _ loss: LinkLoss, of datagram: VirtualDatagram, on identity: LinkIdentity, at now: Instant
    ) -> Bool {
        guard let (model, chanceKey) = model(of: identity) else { return false }
        let law = LinkLaw(model: model)
        var link = links[identity] ?? CheckedLink()
        defer { links[identity] = link }
        let (type, numberOfType) = link.count(datagram.bytes)
        switch loss {
        case .tooLong: return model.mtu.map { datagram.packetBytes > $0 } ?? false
        case .queueFull: return !link.hasRoom(datagram.packetBytes, law, at: now)
        case .lost:
            // It has taken its time to leave.
            _ = link.depart(datagram.packetBytes, law, at: now)
            var chances = chances(of: chanceKey, model)
            chances.links[identity] = true
            chances.lost.count(true)
            self.chances[chanceKey] = chances
            return law.loss(number: link.datagrams, type: type, numberOfType: numberOfType).isPossible
        }
    }

    private func chances(of key: ChanceKey, _ model: LinkModel) -> LinkChances {
        if let known = chances.removeValue(forKey: key) { return known }
        if !chanceKeys.contains(key) { chanceKeys.append(key) }
        return LinkChances(model: model)
    }

    /// Judges what was counted on the links of a network, whose model changes.
    func closeBooks(of network: Int, at now: Instant) {
        for key in [ChanceKey.outward(network: network), .inward(network: network)] {
            judge(key, at: now)
            chances[key] = nil
        }
        chanceKeys.removeAll { chances[$0] == nil }
    }

    func judge(_ key: ChanceKey, at now: Instant) {
        guard let chances = chances[key] else { return }
        let model = chances.model
        let counts: [(String, ChanceCount, Bool)] = [
            ("losses", chances.lost, chances.lost.isExplained(by: model.loss, links: chances.links.count)),
            ("doubles", chances.doubled, chances.doubled.isExplained(by: model.duplication.millionths)),
            ("cuts", chances.cut, chances.cut.isExplained(by: model.truncation.millionths)),
            ("changes", chances.changed, chances.changed.isExplained(by: model.corruption.millionths)),
        ]
        for (name, count, isExplained) in counts where !isExplained {
            violationList.append(.improbable, at: now, "\(count.hits) \(name) of \(count.tries), links \(key)")
        }
    }
}
