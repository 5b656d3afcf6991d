import VPNProtocol

/// The state of the port at a router in front of the node.
struct PortForwarding: Sendable {
    /// A lease is renewed so long before its end (wire facts: 60 s), or at half of it if that is later.
    static let renewalLead: Duration = .seconds(60)
    /// The shortest time to the next request, whatever lease a router says that it granted.
    static let shortestPause: Duration = .seconds(1)
    /// The first and the longest pause after a refusal. A router may come, or forget and come back.
    static let firstPause: Duration = .seconds(60)
    static let longestPause: Duration = .seconds(3600)

    /// A wish that has no answer for so long is made again.
    static let answerPatience: Duration = .seconds(300)

    /// The endpoint that the router forwards; nil without a mapping.
    private(set) var external: Endpoint?
    private(set) var nextRequest: Instant?
    private var pause = Self.firstPause

    init(startingAt now: Instant?) { nextRequest = now }

    private var wasGranted = false
    private var isAsked = false

    /// Whether a router may have a mapping of this node: one was granted once, or the answer is still to come.
    var mayBeMapped: Bool { wasGranted || isAsked }

    mutating func noteRequest(at now: Instant) {
        isAsked = true
        nextRequest = now + Self.answerPatience
    }

    var isMapped: Bool { external != nil }

    /// Takes what the router granted: for so long, or for good where that is nil. Returns whether it is news.
    mutating func noteMapped(_ endpoint: Endpoint, lease: Duration?, at now: Instant) -> Bool {
        defer { external = endpoint }
        wasGranted = true
        isAsked = false
        pause = Self.firstPause
        nextRequest = lease.map { now + max($0 - Self.renewalLead, $0 / 2, Self.shortestPause) }
        return external != endpoint
    }

    /// Takes a refusal. Returns whether a mapping was lost by it.
    mutating func noteFailure(at now: Instant) -> Bool {
        let lost = isMapped
        isAsked = false
        external = nil
        nextRequest = now + pause
        pause = min(pause * 2, Self.longestPause)
        return lost
    }
}
