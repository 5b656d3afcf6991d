import VPNProtocol

/// Who was answered lately, so that nobody who sends much gets, or makes others get, as much in return.
struct AnswerLimit: Sendable {
    private var answered: AgedTable<Endpoint, Bool>
    private let pause: Duration

    /// At most `capacity` addresses within each pause, and each of them once.
    init(capacity: Int, pause: Duration) {
        answered = AgedTable(capacity: capacity)
        self.pause = pause
    }

    var count: Int { answered.count }
    /// About the bytes it has room for.
    var heldBytes: Int { answered.heldBytes }

    /// Whether an address may be answered now, which it then is.
    mutating func allows(_ endpoint: Endpoint, at now: Instant) -> Bool {
        if let entry = answered[endpoint], now - entry.time < pause { return false }
        if answered.isFull, let oldest = answered.oldest, now - oldest.time < pause { return false }
        answered.put(endpoint, true, at: now)
        return true
    }
}
