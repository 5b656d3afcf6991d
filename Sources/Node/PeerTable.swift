import VPNProtocol

/// A peer for as long as it is one: a slot of the table, and which of the slot's peers in a row is meant.
struct PeerReference: Hashable, Sendable {
    let slot: UInt32
    let generation: UInt32
}

/// What is needed of a peer for each packet.
struct Peer: Sendable {
    let id: NodeID
    /// Where it is sent to: the source of the freshest message from it.
    fileprivate(set) var address: Endpoint
    /// When it was last heard.
    fileprivate(set) var heard: Instant
    /// The highest nonce of its sequence, where the network is encrypted.
    fileprivate(set) var mark: Nonce?
    fileprivate var generation: UInt32
    fileprivate var position: UInt32
}

/// What no decision about a packet needs: what is counted, and what is told of a peer.
struct PeerDetails: Sendable {
    /// Addresses it was heard from besides the one in use, the oldest first.
    fileprivate(set) var alternatives: [Endpoint] = []
    var subnets: [Subnet] = []
    var joined: Instant
    var received = Traffic()
    var sent = Traffic()
    var failedSends: UInt64 = 0
    /// What it announced in its Init, in dialect `1`.
    var announcedTimeout: UInt16?
}

/// The peers of a node, found by node id and by any of their addresses.
///
/// An address belongs to one peer at most. Peers are walked in an order that depends on nothing but
/// the calls that were made.
struct PeerTable: Sendable {
    private(set) var peers: [Peer] = []
    var details: [PeerDetails] = []
    /// The slots in use.
    private(set) var slots: [Int] = []
    private var free: [Int] = []
    private var slotOfID: [NodeID: Int] = [:]
    private var slotOfEndpoint: [Endpoint: Int] = [:]

    var count: Int { slots.count }
    var isEmpty: Bool { slots.isEmpty }

    func slot(of id: NodeID) -> Int? { slotOfID[id] }
    func slot(at endpoint: Endpoint) -> Int? { slotOfEndpoint[endpoint] }

    func reference(to slot: Int) -> PeerReference {
        PeerReference(slot: UInt32(slot), generation: peers[slot].generation)
    }

    /// The slot of a peer that is still there.
    func slot(of reference: PeerReference) -> Int? {
        peers[Int(reference.slot)].generation == reference.generation ? Int(reference.slot) : nil
    }

    /// Adds a peer. Neither its id nor its address may be in the table.
    mutating func insert(_ id: NodeID, at address: Endpoint, mark: Nonce?, now: Instant) -> Int {
        precondition(slotOfID[id] == nil && slotOfEndpoint[address] == nil, "a peer is added once")
        let position = UInt32(slots.count)
        var peer = Peer(id: id, address: address, heard: now, mark: mark, generation: 0, position: position)
        let slot: Int
        if let unused = free.popLast() {
            slot = unused
            peer.generation = peers[slot].generation
            peers[slot] = peer
            details[slot] = PeerDetails(joined: now)
        } else {
            slot = peers.count
            peers.append(peer)
            details.append(PeerDetails(joined: now))
        }
        slots.append(slot)
        slotOfID[id] = slot
        slotOfEndpoint[address] = slot
        return slot
    }

    /// Removes a peer; references to it find nothing from now on.
    mutating func remove(_ slot: Int) {
        let peer = peers[slot]
        slotOfID[peer.id] = nil
        slotOfEndpoint[peer.address] = nil
        for address in details[slot].alternatives { slotOfEndpoint[address] = nil }
        let last = slots.removeLast()
        if last != slot {
            slots[Int(peer.position)] = last
            peers[last].position = peer.position
        }
        peers[slot].generation &+= 1
        details[slot] = PeerDetails(joined: .zero)
        free.append(slot)
    }

    /// Whether a message is fresh: without encryption always, else where its nonce comes after all before it
    /// in the peer's sequence.
    func isFresh(_ nonce: Nonce?, from slot: Int) -> Bool {
        guard let nonce, let mark = peers[slot].mark else { return true }
        return nonce.follows(mark)
    }

    /// Whether a message can be of a peer at all: without encryption always, else where its nonce is near those of the
    /// peer's sequence. Another is of a node that has come to the peer's address, or of someone who repeats it from there.
    func isOwn(_ nonce: Nonce?, of slot: Int) -> Bool {
        guard let nonce, let mark = peers[slot].mark else { return true }
        return nonce.isNear(mark)
    }

    /// Notes that a peer was heard. Returns whether the message was fresh.
    mutating func hear(_ slot: Int, nonce: Nonce?, at now: Instant) -> Bool {
        peers[slot].heard = now
        guard isFresh(nonce, from: slot) else { return false }
        if let nonce, peers[slot].mark != nil { peers[slot].mark = nonce }
        return true
    }

    /// Notes that a peer was heard by an Init, unless that is a repetition.
    ///
    /// One that is far from the peer's sequence cannot be an old message of it. Where it comes from the address in use, someone
    /// who has the key has led the mark astray, and it starts anew.
    mutating func acceptInit(_ slot: Int, nonce: Nonce?, from source: Endpoint, at now: Instant) -> Bool {
        let isAstray = source == peers[slot].address && !isOwn(nonce, of: slot)
        guard isAstray || isFresh(nonce, from: slot) else { return false }
        peers[slot].heard = now
        if let nonce, peers[slot].mark != nil { peers[slot].mark = nonce }
        return true
    }

    /// Makes `address`, which may be new but not another peer's, the one in use.
    /// Returns an old address that had to be forgotten.
    mutating func moveAddress(of slot: Int, to address: Endpoint, limit: Int) -> Endpoint? {
        let before = peers[slot].address
        guard before != address else { return nil }
        details[slot].alternatives.removeAll { $0 == address }
        details[slot].alternatives.append(before)
        peers[slot].address = address
        slotOfEndpoint[address] = slot
        guard details[slot].alternatives.count >= limit else { return nil }
        let evicted = details[slot].alternatives.removeFirst()
        slotOfEndpoint[evicted] = nil
        return evicted
    }

    /// Takes an address that is not in use from a peer.
    mutating func removeAlternative(_ address: Endpoint, from slot: Int) {
        precondition(peers[slot].address != address, "the address in use stays")
        details[slot].alternatives.removeAll { $0 == address }
        slotOfEndpoint[address] = nil
    }

    /// The peer to give up first: one that was never heard after its Init, else the one that was silent longest; the first
    /// of several.
    var mostSilent: Int? {
        slots.min { left, right in
            let (leftSpoke, rightSpoke) = (hasSpoken(left), hasSpoken(right))
            return leftSpoke == rightSpoke ? peers[left].heard < peers[right].heard : rightSpoke
        }
    }

    /// How many addresses the peer with the most of them has; 0 without peers.
    var mostAddresses: Int { slots.reduce(0) { max($0, 1 + details[$1].alternatives.count) } }

    /// About the bytes it has room for.
    var heldBytes: Int {
        let arrays = peers.heldBytes + details.heldBytes + slots.heldBytes + free.heldBytes
        let lists = details.reduce(0) { $0 + $1.alternatives.heldBytes + $1.subnets.heldBytes }
        return arrays + lists + slotOfID.heldBytes + slotOfEndpoint.heldBytes
    }

    private func hasSpoken(_ slot: Int) -> Bool { peers[slot].heard > details[slot].joined }
}
