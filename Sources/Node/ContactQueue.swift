import VPNProtocol

/// Addresses from received lists that are to get an Init, not all at once.
struct ContactQueue: Sendable {
    /// How often an address is tried for one list, and the pause after each try: a lost Init need not wait for the next list.
    static let pauses: [Duration] = [.seconds(1), .seconds(3)]

    private struct Waiting {
        var tries: Int
        var due: Instant
        /// The node's last nonce before the last Init to this address.
        var mark: Nonce?
    }

    private var waiting: [Endpoint: Waiting] = [:]
    private let capacity: Int
    private let perSecond: Int
    /// When the last Init went out, and how many went out without a second between one and the next.
    private var lastTurn: Instant?
    private var turnsInARow = 0

    init(capacity: Int, perSecond: Int) {
        precondition(capacity > 0 && perSecond > 0, "a queue moves")
        self.capacity = capacity
        self.perSecond = perSecond
    }

    var count: Int { waiting.count }
    /// About the bytes it has room for.
    var heldBytes: Int { waiting.heldBytes }

    enum Admission { case new, waiting, full }

    /// Takes an address up, unless it waits already or too many do.
    mutating func admit(_ endpoint: Endpoint, at now: Instant) -> Admission {
        guard waiting[endpoint] == nil else { return .waiting }
        guard waiting.count < capacity else { return .full }
        waiting[endpoint] = Waiting(tries: 0, due: now)
        return .new
    }

    /// The node's last nonce before its last Init to an address that waits.
    func mark(of endpoint: Endpoint) -> Nonce? { waiting[endpoint]?.mark }

    func contains(_ endpoint: Endpoint) -> Bool { waiting[endpoint] != nil }

    /// Whether it is an address's turn, which it may have had already.
    func isDue(_ endpoint: Endpoint, at now: Instant) -> Bool { waiting[endpoint].map { $0.due <= now } ?? false }

    mutating func remove(_ endpoint: Endpoint) { waiting[endpoint] = nil }

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
        guard turnsInARow < perSecond else {
            waiting[endpoint]?.due = restEnd
            return .wait(until: restEnd)
        }
        turnsInARow += 1
        lastTurn = now
        guard let entry = waiting[endpoint], entry.tries < Self.pauses.count else {
            remove(endpoint)
            return .contact(again: nil)
        }
        let again = now + Self.pauses[entry.tries]
        waiting[endpoint] = Waiting(tries: entry.tries + 1, due: again, mark: nonce)
        return .contact(again: again)
    }
}
