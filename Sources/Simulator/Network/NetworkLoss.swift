public import VPNNode

/// Why a datagram did not get to its receiver.
public enum NetworkLoss: Hashable, Sendable {
    /// A link did not bring it over.
    case link(LinkLoss)
    /// A NAT did not let it through.
    case nat(NATRefusal)
    /// A firewall did not let it in.
    case firewall
    /// There is no way to its destination.
    case noRoute
    /// Nobody has the address or the port.
    case noReceiver
    /// The two nodes are cut off from each other.
    case partitioned
    /// It went through more gateways than a packet may.
    case tooManyHops
    /// The sender's system refused it with an error code.
    case refused(errorCode: Int32)
    /// ``VirtualNetwork/fate`` said so, which decides where there is no topology.
    case onTheWay
    /// Its receiver sleeps.
    case suspended
}

/// A link of a ``Topology``, in the one direction that it has: from a node or a gateway into a network.
public struct LinkIdentity: Hashable, Sendable {
    /// Who sends into it.
    public enum Sender: Hashable, Sendable {
        /// The node with this number.
        case node(Int)
        /// The gateway of the network with this number.
        case gateway(Int)
    }

    /// The number of the network that it leads through.
    public let network: Int
    /// Who sends into it.
    public let sender: Sender

    /// A link from its ends.
    public init(network: Int, sender: Sender) {
        self.network = network
        self.sender = sender
    }
}

/// Where in a ``Topology`` something happens. Networks are numbered in the order of their plans, nodes in the order in
/// which they were attached first, both from 0; ``Topology/text(of:)`` has the names.
public enum NetworkPlace: Hashable, Sendable {
    /// On a link.
    case link(LinkIdentity)
    /// In a network as such.
    case network(Int)
    /// At the gateway of a network.
    case gateway(Int)
    /// At a node.
    case node(Int)
    /// Nowhere in it: the sender is not in any network.
    case outside
}

/// A datagram that a link took, and what the link makes of it.
public struct LinkCrossing: Hashable, Sendable {
    /// The link.
    public let link: LinkIdentity
    /// The datagram as it goes into the link.
    public let datagram: VirtualDatagram
    /// When it went into the link.
    public let sent: Instant
    /// Its arrival at the other end.
    public let arrival: LinkArrival
    /// Its second arrival, where the link doubles it.
    public let again: LinkArrival?

    /// A crossing from its parts.
    public init(
        _ link: LinkIdentity, _ datagram: VirtualDatagram, sent: Instant, arrival: LinkArrival,
        again: LinkArrival? = nil
    ) {
        self.link = link
        self.datagram = datagram
        self.sent = sent
        self.arrival = arrival
        self.again = again
    }

    /// The bytes of the packet that went into the link, headers included.
    public var length: Int { datagram.packetBytes }
}
