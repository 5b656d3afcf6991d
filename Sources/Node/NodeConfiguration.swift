public import VPNProtocol

/// What kind of frames the device has.
public enum DeviceType: String, Sendable, CaseIterable {
    /// Ethernet frames.
    case tap
    /// IP packets.
    case tun
}

/// How frames from the device find their peers (manual: "mode").
public enum ForwardingMode: String, Sendable, CaseIterable {
    /// As a switch with a TAP device, as a router with a TUN device.
    case normal
    /// Every frame to every peer.
    case hub
    /// To the peer that the destination was seen at, else to every peer.
    case `switch`
    /// To the peer that claims the destination, else nowhere.
    case router
}

/// The bounds of what a node keeps. What happens at each is an event and a counter.
public struct Limits: Hashable, Sendable {
    /// Peers. One more evicts the peer that was silent longest.
    public var peers = 16_384
    /// Addresses of one peer. One more evicts the oldest that is not in use.
    public var addressesPerPeer = 8
    /// Learned stations. One more evicts the one that was not seen for longest.
    public var stations = 65_536
    /// Claimed subnets of all peers together. A peer's claims beyond are not used.
    public var claims = 262_144
    /// Addresses from received lists that wait for their Init. One more is not contacted this time.
    public var pendingContacts = 2_048
    /// Inits a second to addresses from lists.
    public var contactsPerSecond = 100
    /// Addresses that turned out to be this node's own.
    public var ownAddresses = 64
    /// Nodes that left, remembered so that a repeated Init revives nothing.
    public var departedNodes = 4_096
    /// Addresses that get an answer to an Init, or to data from no peer, within half a second or one second; further ones
    /// get none.
    public var answers = 4_096
    /// The longest control message in bytes, before header, nonce and tag: what fits an underlay MTU of 1500
    /// over IPv6 (1452) with 36 bytes of overhead, rounded down.
    public var controlMessageBytes = 1_400

    /// The limits of a node that runs for real.
    public init() {}
}

/// What a node is to do.
public struct NodeConfiguration: Sendable {
    /// What frames the device has.
    public var deviceType: DeviceType = .tap
    /// How frames find their peers.
    public var mode: ForwardingMode = .normal
    /// Magic, crypto method and key.
    public var seal: PacketSeal
    /// Which variant of the protocol to speak.
    public var dialect: Dialect = .manual
    /// What this node claims; at most ``VPNProtocol/InitMessage/maximumSubnets``.
    public var subnets: [Subnet] = []
    /// Whom to connect to, again and again.
    public var peers: [PeerName] = []
    /// Silence after which a peer is dropped, 1 to 65535 s.
    public var peerTimeout: Duration = .seconds(1800)
    /// Silence after which a learned station is forgotten.
    public var stationTimeout: Duration = .seconds(300)
    /// The UDP port, which a router is asked to forward.
    public var port: UInt16 = PeerName.defaultPort
    /// Whether to ask a router to forward the port.
    public var portForwarding = false
    /// For how long a router is asked to forward it at a time (wire facts: 300 s).
    public var portLease: Duration = .seconds(300)
    /// Whether each sent and received message is an event, too.
    public var reportsMessages = false
    /// The bounds of all tables.
    public var limits = Limits()

    /// The manual's defaults in a network with the given seal.
    public init(seal: PacketSeal) { self.seal = seal }
}

/// Why a node cannot be made of a configuration.
public enum ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer timeout is not within 1 to 65535 s.
    case peerTimeoutOutOfRange
    /// The station timeout is not positive.
    case stationTimeoutOutOfRange
    /// More subnets than one byte can count.
    case tooManySubnets(Int)

    /// What is wrong, and what would be right.
    public var description: String {
        switch self {
        case .peerTimeoutOutOfRange: "the peer timeout must be from 1 to 65535 seconds"
        case .stationTimeoutOutOfRange: "the timeout of switch table entries must be at least 1 second"
        case .tooManySubnets(let count):
            "\(count) subnets are more than an Init message can hold; claim at most \(InitMessage.maximumSubnets)"
        }
    }
}
