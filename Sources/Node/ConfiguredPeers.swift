import VPNProtocol

/// A peer from the configuration, which is tried until it is connected and again when it is lost.
struct ConfiguredPeer: Sendable {
    /// How often names are resolved again (wire facts: 300 s).
    static let resolutionInterval: Duration = .seconds(300)
    /// The tries after which the pause doubles (wire facts: 10).
    static let triesPerPause = 10
    /// The longest pause between two tries (wire facts: 3600 s).
    static let longestPause: Duration = .seconds(3600)
    /// The most addresses of one name that are tried.
    static let maximumEndpoints = 32

    let name: PeerName
    /// Where it may be; empty until its name is resolved.
    private(set) var endpoints: [Endpoint]
    /// When to try next; nil while it is connected.
    private(set) var nextTry: Instant?
    private(set) var nextResolution: Instant?
    /// The node's last nonce before the last try.
    private(set) var mark: Nonce?
    private(set) var tries = 0
    private var pause: Duration = .seconds(1)

    init(_ name: PeerName, startingAt now: Instant) {
        self.name = name
        let literal = name.literal
        endpoints = literal.map { [$0] } ?? []
        nextTry = literal == nil ? nil : now
        nextResolution = literal == nil ? now : nil
    }

    var nextDeadline: Instant? { earlier(nextTry, nextResolution) }

    /// Takes the addresses of the name. Without any, those of before stay.
    mutating func resolve(to resolved: [Endpoint], at now: Instant) {
        guard !resolved.isEmpty else {
            if endpoints.isEmpty { scheduleResolution(at: now) }
            return
        }
        // IPv4 before IPv6, as the programs in the field try them; within a family as they came.
        let usable = resolved.filter(\.isUsable)
        let ordered = usable.filter(\.address.isIPv4) + usable.filter { !$0.address.isIPv4 }
        let next = Array(ordered.prefix(Self.maximumEndpoints))
        guard !next.isEmpty else { return }
        // The same addresses in another order, as name servers like to give them, are no news.
        let isNews = Set(next) != Set(endpoints)
        endpoints = next
        if isNews { begin(at: now) }
    }

    /// A name that never resolved is tried with the pauses of a peer that does not answer.
    private mutating func scheduleResolution(at now: Instant) {
        noteTry()
        nextResolution = now + pause
    }

    mutating func noteResolutionRequest(at now: Instant) { nextResolution = now + Self.resolutionInterval }

    /// Starts over, without a pause.
    mutating func begin(at now: Instant) {
        tries = 0
        pause = .seconds(1)
        nextTry = endpoints.isEmpty ? nil : now
    }

    /// Notes a try, after which the next one waits for the pause.
    mutating func noteTry(at now: Instant, nonce: Nonce) {
        mark = nonce
        noteTry()
        nextTry = now + pause
    }

    private mutating func noteTry() {
        tries += 1
        if tries > 1, (tries - 1).isMultiple(of: Self.triesPerPause) { pause = min(pause * 2, Self.longestPause) }
    }

    /// Notes that nothing needs to be done before `instant`, or before it is lost.
    mutating func rest(until instant: Instant?) {
        tries = 0
        pause = .seconds(1)
        nextTry = instant
    }
}
