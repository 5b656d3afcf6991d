public import VPNNode
public import VPNProtocol

/// How a node ended.
public enum EndCause: Hashable, Sendable {
    /// Without a word, as when the power fails.
    case killed
    /// In good order.
    case stopped
}

/// A change of a ``Topology``. Networks and nodes are told by their numbers in it.
public enum NetworkChange: Hashable, Sendable {
    /// A node is in a network with these addresses: it came, moved there, or was there when the observer came.
    ///
    /// The link is what it sends on, where that is not the network's.
    case attached(node: Int, name: String, network: Int, addresses: [IPAddress], link: LinkModel?)
    /// Groups of nodes are cut off from each other; one way, what goes from an earlier group to a later one.
    case partitioned([[Int]], oneWay: Bool)
    /// All partitions ended.
    case healed
    /// The links of a network have another model, but for those that nodes have of their own.
    case linksChanged(network: Int, LinkModel)
    /// The gateway of a network forgot its mappings and openings.
    case flushed(gatewayOf: Int)
    /// The gateway of a network forgot everything, also the ports that it forwarded on request.
    case rebooted(gatewayOf: Int)
    /// The NAT of a network has these external addresses: others than before, whereupon it forgot everything, or those
    /// that it had when the observer came.
    case numbered(gatewayOf: Int, [IPAddress])
    /// The NAT of a network forwards a port up to an instant.
    case portForwarded(gatewayOf: Int, inside: Endpoint, external: Endpoint, until: Instant)
    /// The NAT of a network forwards a node's port no more.
    case portClosed(gatewayOf: Int, inside: Endpoint)
}

/// Something that happened in a ``VirtualNetwork``: what traces, captures and checkers are made of.
public enum Observation {
    /// A node came to be, or was there already when the observer came.
    case started(VirtualNode)
    /// A node is gone.
    case ended(VirtualNode, EndCause)
    /// A node has other addresses than before.
    case moved(VirtualNode)
    /// A node sleeps: it does nothing and hears nothing.
    case suspended(VirtualNode)
    /// A node is awake again.
    case resumed(VirtualNode)
    /// A node's device gave it a frame.
    case frameSent([UInt8], by: VirtualNode)
    /// A node gave its device a frame, which this datagram brought.
    case frameDelivered([UInt8], at: VirtualNode, of: VirtualDatagram)
    /// A node sent a datagram; its fate is decided next.
    case sent(VirtualDatagram, by: VirtualNode)
    /// A datagram came from outside of the topology; it arrives next.
    case injected(VirtualDatagram)
    /// A link took a datagram, or one copy of it.
    case crossed(LinkCrossing)
    /// A datagram arrived at a node, which looks at it next.
    case arrived(VirtualDatagram, at: VirtualNode)
    /// A datagram, or one copy of it, did not arrive: it as it was where that happened, with addresses translated so far,
    /// why, and where, which is nil without a topology.
    case dropped(VirtualDatagram, NetworkLoss, NetworkPlace?)
    /// A node told of something.
    case event(Event, in: VirtualNode)
    /// The topology changed.
    case changed(NetworkChange)
}

/// Sees everything that happens in a ``VirtualNetwork``, in order. It changes nothing of it.
public protocol NetworkObserver: AnyObject {
    /// Takes note of something that happens now.
    func observe(_ observation: Observation, at now: Instant)

    /// Takes note that the time goes on: everything up to now is over, and nothing of this instant has happened yet.
    func pass(to now: Instant)
}

extension NetworkObserver {
    /// Nothing: most look only at what happens.
    public func pass(to now: Instant) {}
}
