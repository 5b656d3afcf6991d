public import VPNNode
public import VPNProtocol

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

    /// The datagram as it is now, with addresses translated so far.
    public internal(set) var received: VirtualDatagram
    /// When it arrives at the next place.
    public internal(set) var time: Instant
    /// The link that it is on; nil for what a node sends to itself.
    public internal(set) var link: LinkIdentity?

    let origin: Int
    let originalSource: Endpoint
    let originalDestination: Endpoint
    var stop: Stop
    var hops: UInt8 = 0

    /// A datagram that is still at its node.
    init(_ datagram: VirtualDatagram, origin: Int, at now: Instant) {
        received = datagram
        time = now
        self.origin = origin
        originalSource = datagram.source
        originalDestination = datagram.destination
        stop = .node(origin)
    }

    /// Its source as translated so far.
    public internal(set) var source: Endpoint {
        get { received.source }
        set { received.source = newValue }
    }

    /// Its destination as translated so far.
    public internal(set) var destination: Endpoint {
        get { received.destination }
        set { received.destination = newValue }
    }

    /// The same on the same way, with another arrival.
    func arriving(_ arrival: LinkArrival) -> Transit {
        var copy = self
        copy.time = arrival.time
        copy.received.bytes = arrival.bytes
        return copy
    }

    /// The datagram with the addresses that its sender gave it.
    public var sent: VirtualDatagram {
        var datagram = received
        datagram.source = originalSource
        datagram.destination = originalDestination
        return datagram
    }
}

/// What became of a datagram at one place.
public enum Passage: Hashable, Sendable {
    /// It goes on, and perhaps a second time: give it back to ``Topology/pass(_:)`` at its time.
    case onward(Transit, again: Transit?)
    /// It is at its receiver.
    case delivered(Transit)
    /// It ends here, as it was.
    case lost(VirtualDatagram, NetworkLoss, NetworkPlace)
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
    /// A node has fewer addresses than one, or more than ``Topology/maximumAddresses``.
    case addressCount(String)
}
