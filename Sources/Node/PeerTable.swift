import VPNProtocol

/// The peers of a node, found by node id and by any of their addresses.
///
/// An address belongs to one peer at most. Peers are walked in an order that depends on nothing but
/// the calls that were made.
struct PeerTable: Sendable {
    private(set) var peers: [Peer] = []
    private var order: [UInt32] = []
    /// The first of the unused slots, linked through `position`.
    private var unused = Self.noSlot
    private var extras: [PeerExtras] = []
    private var unusedExtras: [UInt32] = []
    private var slotOfID = SlotIndex()
    /// Finds addresses in use; the others have an index of their own, asked only where there are any.
    private var slotOfAddress = SlotIndex()
    private var alternatives: AlternativeAddresses
    /// Who sent the last packet, and so most likely the next one; ``none`` where that peer is gone.
    private var lastSender = Self.none
    private let key: HashKey
    private let isEncrypted: Bool

    private static let noSlot = UInt32.max
    private static let none = Int.max

    /// - Parameter isEncrypted: whether messages have nonces, and peers a mark.
    init(isEncrypted: Bool, key: HashKey) {
        self.isEncrypted = isEncrypted
        self.key = key
        alternatives = AlternativeAddresses(key: key)
    }

    var count: Int { order.count }
    var isEmpty: Bool { order.isEmpty }
    /// The slots in use.
    var slots: PeerSlots { PeerSlots(order: order) }

    func slot(of id: NodeID) -> Int? {
        slotOfID.slot(hash: id.hash(under: key)) { peers[$0].id.isSame(as: id) }
    }

    func slot(at endpoint: Endpoint) -> Int? {
        slot(at: endpoint, hash: endpoint.hash(under: key))
    }

    /// The same for the source of a packet, which often is that of the one before.
    @inline(__always)
    mutating func sender(at endpoint: Endpoint) -> Int? {
        if lastSender < peers.count, peers[lastSender].address.isSame(as: endpoint) { return lastSender }
        let slot = slot(at: endpoint, hash: endpoint.hash(under: key))
        lastSender = slot ?? Self.none
        return slot
    }

    @inline(__always)
    private func slot(at endpoint: Endpoint, hash: UInt64) -> Int? {
        if let slot = slotOfAddress.slot(hash: hash, where: { peers[$0].address.isSame(as: endpoint) }) { return slot }
        return alternatives.owner(of: endpoint, hash: hash)
    }

    /// The endpoints of a list that are no peer's, in their order.
    ///
    /// Hashes, then places of the index, then peers are looked at for the whole list, so that the processor waits for
    /// many of them at a time: a large table is not in its cache.
    func strangers(among endpoints: [Endpoint]) -> [Endpoint] {
        let hashes = endpoints.map { $0.hash(under: key) }
        let guesses = hashes.map { slotOfAddress.guess(hash: $0) }
        var strangers: [Endpoint] = []
        for (number, endpoint) in endpoints.enumerated() {
            if let guess = guesses[number], peers[guess].address.isSame(as: endpoint) { continue }
            if slot(at: endpoint, hash: hashes[number]) == nil { strangers.append(endpoint) }
        }
        return strangers
    }

    func reference(to slot: Int) -> PeerReference {
        PeerReference(slot: UInt32(slot), generation: peers[slot].generation)
    }

    /// The slot of a peer that is still there.
    @inline(__always)
    func slot(of reference: PeerReference) -> Int? {
        peers[Int(reference.slot)].generation == reference.generation ? Int(reference.slot) : nil
    }

    /// The peer to give up first: one that was never heard after its Init, else the one that was silent longest; the first
    /// of several.
    var mostSilent: Int? {
        slots.min { left, right in
            let (leftSpoke, rightSpoke) = (peers[left].hasSpoken, peers[right].hasSpoken)
            return leftSpoke == rightSpoke ? peers[left].heard < peers[right].heard : rightSpoke
        }
    }

    /// How many addresses the peer with the most of them has; 0 without peers.
    var mostAddresses: Int {
        slots.reduce(0) { most, slot in
            max(most, 1 + (details(of: slot).map { alternatives.count(from: $0.oldestAlternative) } ?? 0))
        }
    }

    /// About the bytes it has room for.
    var heldBytes: Int {
        peers.heldBytes + order.heldBytes + slotOfID.heldBytes + slotOfAddress.heldBytes + alternatives.heldBytes
            + extras.heldBytes + unusedExtras.heldBytes + extras.reduce(0) { $0 + $1.subnets.heldBytes }
    }
}

extension PeerTable {
    /// Adds a peer. Neither its id nor its address may be in the table.
    mutating func insert(_ id: NodeID, at address: Endpoint, mark: Nonce?, now: Instant) -> Int {
        precondition(slot(of: id) == nil && slot(at: address) == nil, "a peer is added once")
        var peer = Peer(
            address: address, heard: now, mark: mark ?? Nonce(bits: 0), generation: 0, id: id, joined: now,
            position: UInt32(order.count))
        let slot: Int
        if unused != Self.noSlot {
            slot = Int(unused)
            unused = peers[slot].position
            peer.generation = peers[slot].generation
            peers[slot] = peer
        } else {
            slot = peers.count
            peers.appendSparingly(peer)
        }
        order.appendSparingly(UInt32(slot))
        Self.insert(slot, intoIDs: &slotOfID, peers, key)
        Self.insert(slot, intoAddresses: &slotOfAddress, peers, key)
        return slot
    }

    /// Removes a peer; references to it find nothing from now on.
    mutating func remove(_ slot: Int) {
        if lastSender == slot { lastSender = Self.none }
        Self.remove(slot, fromIDs: &slotOfID, peers, key)
        Self.remove(slot, fromAddresses: &slotOfAddress, peers, key)
        if peers[slot].extras != Peer.noExtras {
            let number = Int(peers[slot].extras)
            while alternatives.removeOldest(from: &extras[number].oldestAlternative) != nil {}
            extras[number] = PeerExtras()
            unusedExtras.append(UInt32(number))
            peers[slot].extras = Peer.noExtras
        }
        let (position, last) = (peers[slot].position, order.removeLast())
        if Int(last) != slot {
            order[Int(position)] = last
            peers[Int(last)].position = position
        }
        peers[slot].generation &+= 1
        peers[slot].position = unused
        unused = UInt32(slot)
    }

    /// Makes `address`, which may be new but not another peer's, the one in use.
    /// Returns an old address that had to be forgotten.
    mutating func moveAddress(of slot: Int, to address: Endpoint, limit: Int) -> Endpoint? {
        let before = peers[slot].address
        guard before != address else { return nil }
        let number = extrasNumber(of: slot)
        alternatives.remove(address, from: &extras[number].oldestAlternative)
        Self.remove(slot, fromAddresses: &slotOfAddress, peers, key)
        peers[slot].address = address
        Self.insert(slot, intoAddresses: &slotOfAddress, peers, key)
        alternatives.append(before, of: slot, to: &extras[number].oldestAlternative)
        guard alternatives.count(from: extras[number].oldestAlternative) >= limit else { return nil }
        return alternatives.removeOldest(from: &extras[number].oldestAlternative)
    }

    /// Takes an address that is not in use from a peer.
    mutating func removeAlternative(_ address: Endpoint, from slot: Int) {
        precondition(peers[slot].address != address, "the address in use stays")
        guard peers[slot].extras != Peer.noExtras else { return }
        alternatives.remove(address, from: &extras[Int(peers[slot].extras)].oldestAlternative)
    }

    // An index asks for hashes while it changes, and so gets the peers beside it.
    private static func insert(_ slot: Int, intoIDs index: inout SlotIndex, _ peers: [Peer], _ key: HashKey) {
        index.insert(slot, hash: peers[slot].id.hash(under: key)) { peers[$0].id.hash(under: key) }
    }

    private static func insert(_ slot: Int, intoAddresses index: inout SlotIndex, _ peers: [Peer], _ key: HashKey) {
        index.insert(slot, hash: peers[slot].address.hash(under: key)) { peers[$0].address.hash(under: key) }
    }

    private static func remove(_ slot: Int, fromIDs index: inout SlotIndex, _ peers: [Peer], _ key: HashKey) {
        index.remove(slot, hash: peers[slot].id.hash(under: key)) { peers[$0].id.hash(under: key) }
    }

    private static func remove(_ slot: Int, fromAddresses index: inout SlotIndex, _ peers: [Peer], _ key: HashKey) {
        index.remove(slot, hash: peers[slot].address.hash(under: key)) { peers[$0].address.hash(under: key) }
    }
}

extension PeerTable {
    /// The mark of a peer, where the network is encrypted.
    func mark(of slot: Int) -> Nonce? { isEncrypted ? peers[slot].mark : nil }

    /// Whether a message is fresh: without encryption always, else where its nonce comes after all before it
    /// in the peer's sequence.
    @inline(__always)
    func isFresh(_ nonce: Nonce?, from slot: Int) -> Bool {
        guard let nonce, isEncrypted else { return true }
        return nonce.follows(peers[slot].mark)
    }

    /// Whether a message can be of a peer at all: without encryption always, else where its nonce is near those of the
    /// peer's sequence. Another is of a node that has come to the peer's address, or of someone who repeats it from there.
    @inline(__always)
    func isOwn(_ nonce: Nonce?, of slot: Int) -> Bool {
        guard let nonce, isEncrypted else { return true }
        return nonce.isNear(peers[slot].mark)
    }

    /// Notes that a peer was heard. Returns whether the message was fresh.
    @inline(__always)
    mutating func hear(_ slot: Int, nonce: Nonce?, at now: Instant) -> Bool {
        peers[slot].heard = now
        guard isFresh(nonce, from: slot) else { return false }
        if let nonce, isEncrypted { peers[slot].mark = nonce }
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
        if let nonce, isEncrypted { peers[slot].mark = nonce }
        return true
    }
}

extension PeerTable {
    /// The addresses of a peer besides the one in use, the oldest first.
    func alternatives(of slot: Int) -> [Endpoint] {
        details(of: slot).map { alternatives.addresses(from: $0.oldestAlternative) } ?? []
    }

    func subnets(of slot: Int) -> [Subnet] { details(of: slot)?.subnets ?? [] }
    func failedSends(of slot: Int) -> UInt64 { details(of: slot)?.failedSends ?? 0 }

    /// What came from a peer.
    func received(from slot: Int) -> Traffic {
        Traffic(high: details(of: slot)?.received ?? TrafficCount(), low: peers[slot].received)
    }

    /// What went to a peer.
    func sent(to slot: Int) -> Traffic {
        Traffic(high: details(of: slot)?.sent ?? TrafficCount(), low: peers[slot].sent)
    }

    mutating func appendSubnet(_ subnet: Subnet, to slot: Int) { extras[extrasNumber(of: slot)].subnets.append(subnet) }
    mutating func countFailedSend(to slot: Int) { extras[extrasNumber(of: slot)].failedSends &+= 1 }
    mutating func setAnnouncedTimeout(of slot: Int, to seconds: UInt16?) {
        peers[slot].announcedTimeout = seconds.map { max(1, $0) } ?? 0
    }

    @inline(__always)
    mutating func countReceived(from slot: Int, bytes: Int, packets: Int = 1) {
        if let carry = peers[slot].received.count(bytes, packets: packets) {
            extras[extrasNumber(of: slot)].received &+= carry
        }
    }

    @inline(__always)
    mutating func countSent(to slot: Int, bytes: Int, packets: Int = 1) {
        if let carry = peers[slot].sent.count(bytes, packets: packets) { extras[extrasNumber(of: slot)].sent &+= carry }
    }

    private func details(of slot: Int) -> PeerExtras? {
        peers[slot].extras == Peer.noExtras ? nil : extras[Int(peers[slot].extras)]
    }

    /// Where the extras of a peer are, which it has from now on.
    private mutating func extrasNumber(of slot: Int) -> Int {
        if peers[slot].extras != Peer.noExtras { return Int(peers[slot].extras) }
        let number: Int
        if let free = unusedExtras.popLast() {
            number = Int(free)
        } else {
            number = extras.count
            extras.appendSparingly(PeerExtras())
        }
        peers[slot].extras = UInt32(number)
        return number
    }
}

extension Peer {
    /// Whether it was heard after its Init.
    fileprivate var hasSpoken: Bool { heard > joined }
}

/// The slots of a table's peers, in their order.
struct PeerSlots: RandomAccessCollection, Sendable {
    fileprivate let order: [UInt32]
    var startIndex: Int { 0 }
    var endIndex: Int { order.count }
    subscript(position: Int) -> Int { Int(order[position]) }
}
