public import VPNProtocol

/// Packets and bytes that went one way.
public struct Traffic: Hashable, Sendable {
    /// Datagrams or frames.
    public var packets: UInt64 = 0
    /// Their bytes: of whole datagrams for peers, of frames for the device.
    public var bytes: UInt64 = 0

    mutating func count(_ bytes: Int, packets count: Int = 1) {
        packets &+= UInt64(count)
        self.bytes &+= UInt64(bytes)
    }
}

/// What a node knows of one peer.
public struct PeerStatistics: Hashable, Sendable {
    /// The peer.
    public var id: NodeID
    /// All its addresses, the one in use first.
    public var addresses: [Endpoint]
    /// What it claims.
    public var subnets: [Subnet]
    /// When it became a peer.
    public var joined: Instant
    /// When it was last heard.
    public var heard: Instant
    /// What came from it.
    public var received: Traffic
    /// What went to it.
    public var sent: Traffic
    /// Datagrams that the system refused to send to it.
    public var failedSends: UInt64
}

/// A learned station.
public struct StationStatistics: Hashable, Sendable {
    /// The address.
    public var address: StationAddress
    /// The peer it was seen at.
    public var peer: NodeID
    /// When it was last seen.
    public var seen: Instant
}

/// What a node counts.
public struct NodeCounters: Hashable, Sendable {
    /// Frames delivered to the device.
    public var delivered = Traffic()
    /// Frames taken from the device.
    public var taken = Traffic()
    /// Answers to strangers and to Inits that were withheld, since the same address had one just before, or too many had.
    public internal(set) var withheldAnswers: UInt64 = 0
    private var drops = [UInt64](repeating: 0, count: DropReason.allCases.count)
    private var evicted = [UInt64](repeating: 0, count: BoundedTable.allCases.count)

    /// Datagrams or frames dropped for a reason.
    public func dropped(_ reason: DropReason) -> UInt64 { drops[reason.rawValue] }
    /// Entries that a table at its bound gave up or did not take.
    public func evictions(from table: BoundedTable) -> UInt64 { evicted[table.rawValue] }

    mutating func countDrop(_ reason: DropReason) { drops[reason.rawValue] &+= 1 }
    mutating func countEviction(from table: BoundedTable) { evicted[table.rawValue] &+= 1 }
}

/// A picture of a node at one instant.
public struct NodeStatistics: Hashable, Sendable {
    /// This node.
    public var id: NodeID
    /// The peers in the order of their ids.
    public var peers: [PeerStatistics]
    /// The learned stations, the one seen last at the end.
    public var stations: [StationStatistics]
    /// What was counted since the start.
    public var counters: NodeCounters
}
