import VPNProtocol

/// Which peer each station was last seen at: the table of a switch.
struct StationTable: Sendable {
    /// What learning a station changed.
    enum Change: Sendable {
        case learned(evicted: StationAddress?)
        case moved
        case none
    }

    /// How long after it was seen a station does not move to another peer (wire facts: 10 s).
    static let protection: Duration = .seconds(10)

    private var table: AgedTable<StationAddress, PeerReference>
    private let timeout: Duration
    private let timeoutNanoseconds: UInt64
    private let protectionNanoseconds = UInt64(protection.nanoseconds)

    init(capacity: Int, timeout: Duration, key: HashKey) {
        table = AgedTable(capacity: capacity, key: key)
        self.timeout = timeout
        timeoutNanoseconds = UInt64(max(0, timeout.nanoseconds))
    }

    var count: Int { table.count }
    /// About the bytes it has room for.
    var heldBytes: Int { table.heldBytes }

    /// The peer of a station that was seen within the timeout.
    @inline(__always)
    func peer(of station: StationAddress, at now: Instant) -> PeerReference? {
        guard let entry = table[station], isCurrent(entry, at: now) else { return nil }
        return entry.value
    }

    /// Notes that a station was seen at a peer.
    @inline(__always)
    mutating func learn(
        _ station: StationAddress, at peer: PeerReference, now: Instant, isPeer: (PeerReference) -> Bool
    ) -> Change {
        guard !station.isGroup else { return .none }
        guard let place = table.place(of: station) else {
            return .learned(evicted: table.put(station, peer, at: now)?.key)
        }
        let entry = table.entry(at: place)
        let isKnown = isCurrent(entry, at: now) && isPeer(entry.value)
        if isKnown, entry.value != peer, entry.time.advanced(byNanoseconds: protectionNanoseconds) > now {
            return .none
        }
        table.renew(place, peer, at: now)
        guard isKnown else { return .learned(evicted: nil) }
        return entry.value == peer ? .none : .moved
    }

    @inline(__always)
    private func isCurrent(_ entry: AgedTable<StationAddress, PeerReference>.Entry, at now: Instant) -> Bool {
        entry.time.advanced(byNanoseconds: timeoutNanoseconds) > now
    }

    /// Forgets stations that were not seen within the timeout, one at a time, the oldest first.
    mutating func expireOne(at now: Instant) -> StationAddress? {
        guard now >= .zero + timeout else { return nil }
        return table.removeOldest(notAfter: now - timeout)?.key
    }

    /// When the next station runs out.
    var nextDeadline: Instant? { table.oldest.map { $0.time + timeout } }

    func forEach(_ body: (StationAddress, PeerReference, Instant) -> Void) {
        table.forEach { body($0.key, $0.value, $0.time) }
    }
}
