public import VPNNode
public import VPNProtocol

/// An event with its time.
public struct TimedEvent: Hashable, Sendable {
    /// When it happened.
    public let time: Instant
    /// What happened.
    public let event: Event
}

/// A node in a ``VirtualNetwork``: an engine, its addresses, and what it did.
public final class VirtualNode {
    /// The most destinations of which a node remembers what length they take, and for how long (Linux, `mtu_expires`).
    static let maximumPathMTUs = 1024
    static let pathMTUTime: Duration = .seconds(600)

    /// A name for people.
    public let name: String
    /// How many nodes were started before it in its network. No two nodes share it, not even two of one name.
    public let number: Int
    /// What it was told.
    public let configuration: NodeConfiguration
    /// Where it can be reached.
    public internal(set) var endpoints: [Endpoint]
    /// Its number in the topology; nil for one that is not in it.
    public internal(set) var place: Int?
    /// The engine itself.
    public internal(set) var engine: NodeEngine
    /// What it takes the time from.
    public let clock: VirtualClock
    /// Whether it was not ended.
    public internal(set) var isRunning = true
    /// Whether it sleeps.
    public internal(set) var isSuspended = false
    /// The frames that were delivered to its device, in order, where the network ``VirtualNetwork/recordsHistory``.
    public internal(set) var delivered: [[UInt8]] = []
    /// What happened in it, in order, where the network ``VirtualNetwork/recordsHistory``.
    public internal(set) var events: [TimedEvent] = []
    /// What it asked of its router, in order, where the network ``VirtualNetwork/recordsHistory``.
    public internal(set) var portMappings: [PortMappingRequest] = []

    let outputs: SharedBatch
    /// In true time.
    var plannedDeadline: Instant?
    /// What each destination takes at most, as routers have told.
    var pathMTUs = AgedTable<PathKey, Int>(capacity: maximumPathMTUs)

    init(
        name: String, number: Int, configuration: NodeConfiguration, endpoints: [Endpoint], clock: VirtualClock,
        engine: consuming NodeEngine, outputs: SharedBatch
    ) {
        self.name = name
        self.number = number
        self.configuration = configuration
        self.endpoints = endpoints
        self.clock = clock
        self.engine = engine
        self.outputs = outputs
    }

    /// The id of its engine.
    public var id: NodeID { engine.id }

    /// The ids of its peers.
    public var peers: [NodeID] { engine.statistics().peers.map(\.id) }

    /// What a datagram is sent from: to an own address from that address, as systems do, else from the first of the family.
    func source(towards destination: Endpoint) -> Endpoint? {
        if endpoints.contains(destination) { return destination }
        return endpoints.first { $0.address.isIPv4 == destination.address.isIPv4 }
    }

    /// Whether its system refuses a datagram, since a router has told that its destination takes none so long.
    func refuses(_ datagram: VirtualDatagram, at now: Instant) -> Bool {
        guard pathMTUs.count > 0 else { return false }
        if now >= .zero + Self.pathMTUTime {
            while pathMTUs.removeOldest(notAfter: now - Self.pathMTUTime) != nil {}
        }
        guard let entry = pathMTUs[PathKey(address: datagram.destination.address)] else { return false }
        return datagram.packetBytes > entry.value
    }
}

/// A destination, whatever its port.
struct PathKey: TableKey {
    let address: IPAddress
}

/// The outputs of the nodes whose packets have the same room around them: one is enough, since only one acts at a time.
final class SharedBatch {
    var batch: OutputBatch

    init(for seal: PacketSeal) { batch = OutputBatch(for: seal, capacity: 4096) }
}

/// The clock of a node, which may run fast or slow.
public struct VirtualClock: Hashable, Sendable {
    /// How much faster than the true time it runs, in millionths; negative for slower.
    public let drift: Int

    /// A clock with this drift, held within half the speed less and half the speed more.
    public init(drift: Int = 0) { self.drift = min(max(drift, -500_000), 500_000) }

    /// What the clock shows at a true time. It never goes back.
    public func local(_ time: Instant) -> Instant {
        drift == 0 ? time : scaled(time, by: UInt128(1_000_000 + drift), over: 1_000_000, roundingUp: false)
    }

    /// The first true time at which the clock shows this, or more.
    public func firstTime(showing local: Instant) -> Instant {
        drift == 0 ? local : scaled(local, by: 1_000_000, over: UInt128(1_000_000 + drift), roundingUp: true)
    }

    private func scaled(_ time: Instant, by factor: UInt128, over divisor: UInt128, roundingUp: Bool) -> Instant {
        let product = UInt128(time.nanoseconds) * factor + (roundingUp ? divisor - 1 : 0)
        return Instant(nanoseconds: UInt64(clamping: product / divisor))
    }
}
