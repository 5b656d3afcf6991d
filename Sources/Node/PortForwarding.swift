/// The state of the port at a router in front of the node.
struct PortForwarding: Sendable {
    /// A lease is renewed so long before its end (wire facts: 60 s), or at half of it if that is later.
    static let renewalLead: Duration = .seconds(60)
    /// The shortest time to the next request, whatever lease a router says that it granted.
    static let shortestPause: Duration = .seconds(1)
    /// The first and the longest pause after a refusal. A router may come, or forget and come back.
    static let firstPause: Duration = .seconds(60)
    static let longestPause: Duration = .seconds(3600)

    private(set) var isMapped = false
    private(set) var nextRequest: Instant?
    private var pause = Self.firstPause

    init(startingAt now: Instant?) { nextRequest = now }

    mutating func noteRequest() { nextRequest = nil }

    /// Takes what the router granted: for so long, or for good where that is nil.
    mutating func noteMapped(lease: Duration?, at now: Instant) {
        isMapped = true
        pause = Self.firstPause
        nextRequest = lease.map { now + max($0 - Self.renewalLead, $0 / 2, Self.shortestPause) }
    }

    /// Takes a refusal. Returns whether a mapping was lost by it.
    mutating func noteFailure(at now: Instant) -> Bool {
        let lost = isMapped
        isMapped = false
        nextRequest = now + pause
        pause = min(pause * 2, Self.longestPause)
        return lost
    }
}
