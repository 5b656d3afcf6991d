import VPNProtocol

extension NodeEngine {
    /// The pause between two lists to all peers: less than half of the smallest timeout in force, so that two go out
    /// within it, by a margin for the way there: 60 s as in the field, or an eighth of a short timeout.
    static func listInterval(forTimeout timeout: Duration) -> Duration {
        timeout / 2 - min(.seconds(60), timeout / 8)
    }

    /// The smallest timeout that a peer is known to have.
    private var smallestTimeout: Duration {
        var smallest = configuration.peerTimeout
        guard configuration.dialect.announcesPeerTimeout else { return smallest }
        for slot in peers.slots {
            let seconds = peers.peers[slot].announcedTimeout
            if seconds > 0 { smallest = min(smallest, .seconds(seconds)) }
        }
        return smallest
    }

    /// Makes sure that lists go out in time for a peer that has just joined.
    mutating func scheduleLists(at now: Instant) {
        let due = now + Self.listInterval(forTimeout: smallestTimeout)
        nextLists = min(nextLists ?? due, due)
    }

    /// Sends a list to every peer, and plans the next.
    mutating func sendLists(at now: Instant, into outputs: inout OutputBatch) {
        nextLists = nil
        guard !peers.isEmpty else { return }
        let list = periodicList()
        let mark = outputs.destinationMark
        for slot in peers.slots { appendDestination(slot, bytes: list.byteCount, into: &outputs) }
        transmitList(list, toDestinationsSince: mark, into: &outputs)
        outputs.append(.listsSent(peers: peers.count))
        scheduleLists(at: now)
    }

    mutating func transmitList(
        _ list: PeerListMessage, toDestinationsSince mark: Int, into outputs: inout OutputBatch
    ) {
        transmit(.peers, byteCount: list.byteCount, toDestinationsSince: mark, into: &outputs) { writer in
            list.encode(into: &writer)
        }
    }

    /// Every known address, as many as fit one packet; where not all fit, those of a random stretch of the peers.
    ///
    /// Every handshake takes one, so that a thousand nodes that meet build a million. A stretch of the table costs one draw
    /// and lies together in memory; it is cut from the table of another sender each time, in which peers stand in the
    /// order in which they came to know each other.
    mutating func fullList() -> PeerListMessage {
        let limit = configuration.limits.controlMessageBytes
        let slots = peers.slots
        let room = limit / PeerListMessage.ipv4EntryBytes
        let start = slots.count > room ? choices.next(below: slots.count) : 0
        var list = PeerListMessage()
        list.ipv4.reserveCapacity(min(slots.count, room, PeerListMessage.maximumPerFamily))
        for step in 0..<min(slots.count, room) {
            let position = start + step < slots.count ? start + step : start + step - slots.count
            let slot = slots[position]
            append(peers.peers[slot].address, to: &list, withinBytes: limit)
            guard peers.peers[slot].extras != Peer.noExtras else { continue }
            for address in peers.alternatives(of: slot) { append(address, to: &list, withinBytes: limit) }
        }
        return list
    }

    private func append(_ address: Endpoint, to list: inout PeerListMessage, withinBytes limit: Int) {
        guard address.isUsableElsewhere else { return }
        if configuration.dialect.listsMappedAddresses, address.address.isIPv4 {
            list.append(address, asMapped: true, withinBytes: limit)
        }
        list.append(address, withinBytes: limit)
    }

    /// The addresses of a few peers, chosen anew each time.
    mutating func periodicList() -> PeerListMessage {
        var list = PeerListMessage()
        for slot in randomSlots(atMost: Self.periodicListAddresses) {
            let address = peers.peers[slot].address
            guard address.isUsableElsewhere else { continue }
            list.append(
                address, asMapped: configuration.dialect.listsMappedAddresses,
                withinBytes: configuration.limits.controlMessageBytes)
        }
        return list
    }

    /// Up to `count` different peers, which are few: all where there are no more, else a random choice.
    private mutating func randomSlots(atMost count: Int) -> [Int] {
        guard peers.count > count else { return Array(peers.slots) }
        // Floyd's choice of `count` out of n: each subset is equally likely, with `count` draws.
        // So few that looking through them costs less than a set.
        var positions: [Int] = []
        positions.reserveCapacity(count)
        for last in peers.count - count..<peers.count {
            let draw = choices.next(below: last + 1)
            positions.append(positions.contains(draw) ? last : draw)
        }
        return positions.map { peers.slots[$0] }
    }
}
