public import VPNNode

/// Something that has to hold.
public struct Expectation: Hashable, Sendable {
    /// A number that is at least, or at most, so large, or both.
    public struct Bounds: Hashable, Sendable {
        /// The least.
        public var least: Int?
        /// The most.
        public var most: Int?

        /// Bounds from their parts.
        public init(least: Int? = nil, most: Int? = nil) {
            self.least = least
            self.most = most
        }

        /// Whether a number is within them.
        public func contains(_ value: Int) -> Bool { value >= least ?? .min && value <= most ?? .max }
    }

    /// What has to hold.
    public enum Claim: Hashable, Sendable {
        // Of an instant.

        /// Every node of a group (all nodes where it is empty) has every other one as a peer.
        case connected([String])
        /// None of the first group has one of the second as a peer.
        case disconnected([String], [String])
        /// A node, or each of a group, has so many peers.
        case peers(of: String, Bounds)
        /// A node sends to another one at an address in this network: directly where it is the network of that node, through a
        /// NAT where it is the one outside.
        case path(from: String, to: String, network: String)
        /// A node has learned that the station of another node is to be found at a peer.
        case station(of: String, at: String, knownBy: String)
        /// A table of a node, or of each of a group, has so many entries.
        case table(BoundedTable, of: String, Bounds)
        /// The tables of a node, or of each of a group, hold so many bytes.
        case memory(of: String, atMost: Int)

        // Counted over a window.

        /// So many hundredths of a percent of the frames sent in the window from one to another arrive.
        case delivery(from: String, to: String?, Bounds)
        /// So many hundredths of a percent of the delivered frames in the window take no longer than this.
        case latency(from: String, to: String?, percentile: Int, atMost: Duration)
        /// A node, or each of a group, drops so many packets for a reason.
        case dropped(String, DropReason, Bounds)
        /// A table of a node, or of each of a group, gives up so many entries at its bound.
        case evicted(String, BoundedTable, Bounds)
        /// A node, or each of a group, sends so many bytes of Init, peer list and Close a second, with IP and UDP headers.
        case management(of: String, Bounds)

        // Of the whole run.

        /// One of the invariants holds.
        case invariant(Invariant)
    }

    /// When it has to hold.
    public enum Time: Hashable, Sendable {
        /// At every instant of the window.
        case always(from: Duration, to: Duration?)
        /// At no instant of the window.
        case never(from: Duration, to: Duration?)
        /// At some instant of the window; nil for the end of the scenario.
        case eventually(from: Duration, to: Duration?)
        /// At some instant of the window in one run at least, where there are several seeds; nil for the end of the scenario.
        case sometimes(from: Duration, to: Duration?)
        /// At some instant before this one.
        case within(Duration)
        /// At the end.
        case atEnd
        /// Counted over the window.
        case over(from: Duration, to: Duration?)
    }

    /// What has to hold.
    public var claim: Claim
    /// When.
    public var time: Time
    /// The words of the scenario file, for reports.
    public var text: String

    /// An expectation from its parts.
    public init(_ claim: Claim, _ time: Time, text: String) {
        self.claim = claim
        self.time = time
        self.text = text
    }
}

/// A promise that has to hold in every run, by the name that scenario files have for it.
public enum Invariant: String, Hashable, Sendable, CaseIterable {
    /// No node has itself as a peer.
    case noSelfPeers = "no_self_peers"
    /// No frame is delivered to a node more often than datagrams that carry it arrived there.
    case noExtraFrames = "no_extra_frames"
    /// No frame is delivered to a node twice. Not by default: the protocol has no replay protection, so that a datagram that
    /// arrives twice is delivered twice.
    case noDuplicateFrames = "no_duplicate_frames"
    /// In router mode, no frame is delivered to a node that does not claim its destination.
    case noMisdeliveredFrames = "no_misdelivered_frames"
    /// Every frame that is delivered is one that was sent, byte for byte.
    case noCorruptedFrames = "no_corrupted_frames"
    /// Nothing that a node with a key sends can be read on the wire.
    case noPlaintext = "no_plaintext"
    /// No two messages are sealed with one key under one nonce.
    case noNonceReuse = "no_nonce_reuse"
    /// Nothing that came over UDP goes out over UDP: a node delivers frames, and never forwards them.
    case noRelayedFrames = "no_relayed_frames"
    /// No table of a node has more entries than its bound.
    case boundedTables = "bounded_tables"
    /// Some time after the last fault, all nodes that can reach each other are peers.
    case fullMesh = "full_mesh"
    /// The network did what its links, NAT boxes and partitions allow, which a checker of its own recomputes.
    case networkModel = "network_model"

    /// All but ``noDuplicateFrames``.
    public static let defaults = allCases.filter { $0 != .noDuplicateFrames }
}
