public import VPNNode
public import VPNProtocol

/// Where in a ``Topology`` something happens.
public enum NetworkPlace: Hashable, Sendable {
    /// On the way through a network, from a node or from the gateway of the network named.
    case link(network: String, from: String)
    /// In a network as such.
    case network(String)
    /// At the gateway of a network.
    case gateway(String)
    /// At a node.
    case node(String)
}

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
}

/// A datagram in a ``Topology``, on the way from one place to the next.
public struct Transit: Hashable, Sendable {
    /// Where it arrives next.
    enum Stop: Hashable, Sendable {
        case node(Int)
        /// The gateway of a network, from inside.
        case inner(Int)
        /// The gateway of a network, from outside.
        case outer(Int)
    }

    /// The datagram as its node sent it.
    public let sent: VirtualDatagram
    /// The node that sent it.
    public let sender: String
    /// Its source as translated so far.
    public internal(set) var source: Endpoint
    /// Its destination as translated so far.
    public internal(set) var destination: Endpoint
    /// Its bytes as they are now.
    public internal(set) var bytes: [UInt8]
    /// When it arrives at the next place.
    public internal(set) var time: Instant

    var origin: Int
    var stop: Stop
    var hops: UInt8 = 0

    /// The datagram as its receiver sees it.
    public var received: VirtualDatagram {
        VirtualDatagram(sent: sent.sent, sender: sent.sender, source: source, destination: destination, bytes: bytes)
    }
}

/// What became of a datagram at one place.
public enum Passage: Hashable, Sendable {
    /// It goes on, and perhaps a second time: give it back to ``Topology/pass(_:)`` at its time.
    case onward(Transit, again: Transit?)
    /// It is at its receiver.
    case delivered(Transit)
    /// It ends here.
    case lost(NetworkLoss, NetworkPlace)
}

/// Why there is no such topology, or no such change of it.
public enum TopologyError: Error, Hashable, Sendable {
    /// Two networks have one name.
    case duplicateNetwork(String)
    /// No network has this name.
    case unknownNetwork(String)
    /// No node has this name.
    case unknownNode(String)
    /// The gateways of a network lead back to it.
    case cycle(String)
    /// A network has more gateways above it than ``Topology/maximumDepth``.
    case tooDeep(String)
    /// A network has neither IPv4 nor IPv6 addresses.
    case noFamily(String)
    /// A network's NAT translates IPv4, which the network or the outer one does not have.
    case translationWithoutIPv4(String)
    /// A network's NAT has no external address, more than 254, or no room for a mapping.
    case unusableNAT(String)
    /// There are no more addresses for a network.
    case noAddressLeft(String)
    /// A network has no NAT.
    case noNAT(String)
    /// A node is in two groups of one partition.
    case inTwoGroups(String)
}
