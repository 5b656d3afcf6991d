import VPNProtocol

/// An address that waits for an Init, for as long as it does. One that was taken from the queue and came back is another:
/// what the agenda still has of its first stay gives it no turn before its own.
struct ContactReference: Hashable, Sendable {
    let slot: UInt32
    let serial: UInt32
}

/// Addresses from received lists that are to get an Init, not all at once.
struct ContactQueue: Sendable {
    /// How often an address is tried for one list, and the pause after each try: a lost Init need not wait for the next list.
    static let pauses: [Duration] = [.seconds(1), .seconds(3)]

    private struct Waiting: Sendable {
        let endpoint: Endpoint
        var tries: UInt16 = 0
        /// Which address that ever waited it is; nil for an unused entry.
        var serial: UInt32?
        var due: Instant
        /// The node's last nonce before the last Init to this address.
        var mark: Nonce?
    }

    private var waiting: [Waiting] = []
    private var unused: [UInt32] = []
    private var index = SlotIndex()
    private var serial: UInt32 = 0
    private let key: HashKey
    private let capacity: Int
    private let perSecond: Int
    /// When the last Init went out, and how many went out without a second between one and the next.
    private var lastTurn: Instant?
    private var turnsInARow = 0

    init(capacity: Int, perSecond: Int, key: HashKey) {
        precondition(capacity > 0 && perSecond > 0, "a queue moves")
        self.capacity = capacity
        self.perSecond = perSecond
        self.key = key
    }

    var count: Int { index.count }
    /// About the bytes it has room for.
    var heldBytes: Int { waiting.heldBytes + unused.heldBytes + index.heldBytes }

    enum Admission { case new, waiting, full }

    /// Takes an address up, unless it waits already or too many do.
    mutating func admit(_ endpoint: Endpoint, at now: Instant) -> Admission {
        guard slot(of: endpoint) == nil else { return .waiting }
        guard count < capacity else { return .full }
        let entry = Waiting(endpoint: endpoint, serial: serial, due: now)
        serial &+= 1
        let slot: Int
        if let free = unused.popLast() {
            slot = Int(free)
            waiting[slot] = entry
        } else {
            slot = waiting.count
            waiting.append(entry)
        }
        Self.insert(slot, into: &index, waiting, key)
        return .new
    }

    /// What the agenda has of an address that waits.
    func reference(to endpoint: Endpoint) -> ContactReference? {
        guard let slot = slot(of: endpoint), let serial = waiting[slot].serial else { return nil }
        return ContactReference(slot: UInt32(slot), serial: serial)
    }

    /// The address that still waits under a reference.
    func endpoint(of reference: ContactReference) -> Endpoint? {
        let slot = Int(reference.slot)
        guard slot < waiting.count, waiting[slot].serial == reference.serial else { return nil }
        return waiting[slot].endpoint
    }

    /// The node's last nonce before its last Init to an address that waits.
    func mark(of endpoint: Endpoint) -> Nonce? { slot(of: endpoint).flatMap { waiting[$0].mark } }

    func contains(_ endpoint: Endpoint) -> Bool { slot(of: endpoint) != nil }

    /// Whether it is an address's turn, which it may have had already.
    func isDue(_ endpoint: Endpoint, at now: Instant) -> Bool {
        slot(of: endpoint).map { waiting[$0].due <= now } ?? false
    }

    mutating func remove(_ endpoint: Endpoint) {
        guard let slot = slot(of: endpoint) else { return }
        Self.remove(slot, from: &index, waiting, key)
        guard index.count > 0 else {
            // Whoever waited is a peer now, or never will be; nothing is held for either.
            waiting = []
            unused = []
            return index = SlotIndex()
        }
        waiting[slot].serial = nil
        unused.append(UInt32(slot))
    }

    /// What to do for an address that is due.
    enum Turn: Hashable {
        /// Send an Init; come back then, or never.
        case contact(again: Instant?)
        /// Too many were sent within this second; come back then.
        case wait(until: Instant)
    }

    mutating func takeTurn(_ endpoint: Endpoint, nonce: Nonce, at now: Instant) -> Turn {
        let restEnd = lastTurn.map { $0 + .seconds(1) } ?? now
        if now >= restEnd { turnsInARow = 0 }
        let slot = slot(of: endpoint)
        guard turnsInARow < perSecond else {
            if let slot { waiting[slot].due = restEnd }
            return .wait(until: restEnd)
        }
        turnsInARow += 1
        lastTurn = now
        guard let slot, waiting[slot].tries < Self.pauses.count else {
            remove(endpoint)
            return .contact(again: nil)
        }
        let again = now + Self.pauses[Int(waiting[slot].tries)]
        waiting[slot].tries += 1
        waiting[slot].due = again
        waiting[slot].mark = nonce
        return .contact(again: again)
    }

    private func slot(of endpoint: Endpoint) -> Int? {
        index.slot(hash: endpoint.hash(under: key)) { waiting[$0].endpoint.isSame(as: endpoint) }
    }

    // The index asks for hashes while it changes, and so gets the entries beside it.
    private static func insert(_ slot: Int, into index: inout SlotIndex, _ waiting: [Waiting], _ key: HashKey) {
        index.insert(slot, hash: waiting[slot].endpoint.hash(under: key)) { waiting[$0].endpoint.hash(under: key) }
    }

    private static func remove(_ slot: Int, from index: inout SlotIndex, _ waiting: [Waiting], _ key: HashKey) {
        index.remove(slot, hash: waiting[slot].endpoint.hash(under: key)) { waiting[$0].endpoint.hash(under: key) }
    }
}
