public import VPNNode
public import VPNProtocol

/// Who may send in: the openings that what went out has made in a NAT or a firewall.
///
/// Each is for one inner endpoint (and mapping, told by a serial number) and for as much of the other end as the
/// filtering looks at, and closes when it was idle for the timeout.
struct OpeningTable: Sendable {
    private struct Opening: TableKey {
        let inside: Endpoint
        let serial: UInt64
        let outside: IPAddress
        let port: UInt16
    }

    /// How many openings closed early, since there were too many.
    private(set) var evictions = 0
    private let filtering: EndpointDependence
    private let timeout: Duration
    private let refresh: MappingRefresh
    private var openings: AgedTable<Opening, Bool>

    init(filtering: EndpointDependence, timeout: Duration, refresh: MappingRefresh, capacity: Int) {
        self.filtering = filtering
        self.timeout = timeout
        self.refresh = refresh
        openings = AgedTable(capacity: capacity)
    }

    /// Opens the way in for whom something is sent to.
    mutating func open(_ inside: Endpoint, serial: UInt64 = 0, to outside: Endpoint, at now: Instant) {
        guard let opening = opening(inside, serial, outside) else { return }
        close(at: now)
        if openings.put(opening, true, at: now) != nil { evictions += 1 }
    }

    /// Whether somebody may send in.
    mutating func admits(_ inside: Endpoint, serial: UInt64 = 0, from outside: Endpoint, at now: Instant) -> Bool {
        guard let opening = opening(inside, serial, outside) else { return true }
        close(at: now)
        guard openings[opening] != nil else { return false }
        if refresh == .both { openings.put(opening, true, at: now) }
        return true
    }

    /// Closes everything.
    mutating func removeAll() { while openings.removeOldest() != nil {} }

    private mutating func close(at now: Instant) {
        guard now >= .zero + timeout else { return }
        while openings.removeOldest(notAfter: now - timeout) != nil {}
    }

    /// The opening that somebody needs; nil where all may send.
    private func opening(_ inside: Endpoint, _ serial: UInt64, _ outside: Endpoint) -> Opening? {
        switch filtering {
        case .independent: nil
        case .address: Opening(inside: inside, serial: serial, outside: outside.address, port: 0)
        case .addressAndPort: Opening(inside: inside, serial: serial, outside: outside.address, port: outside.port)
        }
    }
}

/// A firewall that translates nothing, and lets in only what answers something from inside.
public struct StatefulFirewall: Sendable {
    /// How long an opening lasts without traffic (RFC 4787, section 4.3, asks for at least two minutes).
    public static let timeout: Duration = .seconds(120)
    /// The most openings; beyond, the one that was idle longest closes.
    public static let limit = 262_144

    private var openings = Self.noOpenings

    /// A firewall that lets nothing in yet.
    public init() {}

    private static var noOpenings: OpeningTable {
        OpeningTable(filtering: .addressAndPort, timeout: timeout, refresh: .both, capacity: limit)
    }

    /// Lets something out, and its answers in.
    public mutating func sendOut(from inside: Endpoint, to outside: Endpoint, at now: Instant) {
        openings.open(inside, to: outside, at: now)
    }

    /// Whether something is let in.
    public mutating func admits(from outside: Endpoint, to inside: Endpoint, at now: Instant) -> Bool {
        openings.admits(inside, from: outside, at: now)
    }

    /// Forgets what was sent out.
    public mutating func flush() { openings = Self.noOpenings }
}
