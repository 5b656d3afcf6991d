import VPNProtocol

/// Who was answered lately, so that nobody who sends much gets, or makes others get, as much in return.
struct AnswerLimit: Sendable {
    private var answered: AgedTable<Endpoint, Bool>
    private let pause: Duration

    /// At most `capacity` addresses within each pause, and each of them once.
    init(capacity: Int, pause: Duration, key: HashKey) {
        answered = AgedTable(capacity: capacity, key: key)
        self.pause = pause
    }

    var count: Int { answered.count }
    /// About the bytes it has room for.
    var heldBytes: Int { answered.heldBytes }

    /// Whether an address may be answered now, which it then is.
    mutating func allows(_ endpoint: Endpoint, at now: Instant) -> Bool {
        expire(at: now)
        guard answered[endpoint] == nil, !answered.isFull else { return false }
        answered.put(endpoint, true, at: now)
        return true
    }

    /// Forgets whoever may be answered again, and holds no memory when that was all.
    mutating func expire(at now: Instant) {
        guard now >= .zero + pause else { return }
        while answered.removeOldest(notAfter: now - pause) != nil {}
        answered.releaseIfEmpty()
    }
}
