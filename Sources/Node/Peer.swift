import VPNProtocol

/// A peer for as long as it is one: a slot of the table, and which of the slot's peers in a row is meant.
struct PeerReference: Hashable, Sendable {
    let slot: UInt32
    let generation: UInt32
}

/// What a node keeps of every peer, in 96 bytes; what is needed for each packet stands in the first 64.
struct Peer: Sendable {
    /// Where it is sent to: the source of the freshest message from it.
    var address: Endpoint
    /// What it announced in its Init, in dialect `1`, in seconds; 0 for nothing. No peer can mean 0.
    var announcedTimeout: UInt16 = 0
    /// When it was last heard.
    var heard: Instant
    var received = TrafficCount()
    var sent = TrafficCount()
    /// The highest nonce of its sequence, where the network is encrypted.
    var mark: Nonce
    /// Which peer in a row of this slot it is.
    var generation: UInt32
    let id: NodeID
    let joined: Instant
    /// Its place in the order in which peers are walked; of an unused slot the next unused one.
    var position: UInt32
    /// Where its extras are, if it has any.
    var extras = Self.noExtras

    static let noExtras = UInt32.max
}

/// What only some peers have: it is kept apart, and only once there is something to keep.
struct PeerExtras: Sendable {
    var subnets: [Subnet] = []
    /// The start of the list of its alternative addresses.
    var oldestAlternative = AlternativeAddresses.none
    var failedSends: UInt64 = 0
    /// What its counts have carried over 32 bits.
    var received = TrafficCount()
    var sent = TrafficCount()
}

/// The low 32 bits of a ``Traffic``. Few peers ever need more than those.
struct TrafficCount: Hashable, Sendable {
    var packets: UInt32 = 0
    var bytes: UInt32 = 0

    /// Counts packets of so many bytes in all, less than 4 GiB. Returns what is carried over, where something is.
    @inline(__always)
    mutating func count(_ bytes: Int, packets count: Int) -> TrafficCount? {
        let (packetSum, packetCarry) = packets.addingReportingOverflow(UInt32(count))
        let (byteSum, byteCarry) = self.bytes.addingReportingOverflow(UInt32(bytes))
        packets = packetSum
        self.bytes = byteSum
        guard packetCarry || byteCarry else { return nil }
        return TrafficCount(packets: packetCarry ? 1 : 0, bytes: byteCarry ? 1 : 0)
    }

    static func &+= (left: inout Self, right: Self) {
        left.packets &+= right.packets
        left.bytes &+= right.bytes
    }
}

extension Traffic {
    init(high: TrafficCount, low: TrafficCount) {
        self.init()
        packets = UInt64(high.packets) << 32 | UInt64(low.packets)
        bytes = UInt64(high.bytes) << 32 | UInt64(low.bytes)
    }
}
