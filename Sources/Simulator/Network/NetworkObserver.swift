public import VPNNode

/// Why a datagram did not arrive.
public enum LossCause: Hashable, Sendable {
    /// It was lost on the way.
    case onTheWay
    /// The sender's system refused it with an error code.
    case refused(errorCode: Int32)
    /// No node was at its destination.
    case noReceiver
}

/// Something that happened in a ``VirtualNetwork``: what traces, captures and checkers are made of.
public enum Observation {
    /// A node came to be, or was there already when the observer came.
    case started(VirtualNode)
    /// A node is gone.
    case ended(VirtualNode)
    /// A node has other addresses than before.
    case moved(VirtualNode)
    /// A node's device gave it a frame.
    case frameSent([UInt8], by: VirtualNode)
    /// A node gave its device a frame.
    case frameDelivered([UInt8], at: VirtualNode)
    /// A node sent a datagram; its fate is decided next.
    case sent(VirtualDatagram, by: VirtualNode)
    /// A datagram arrived at a node, which looks at it next.
    case arrived(VirtualDatagram, at: VirtualNode)
    /// A datagram did not arrive.
    case dropped(VirtualDatagram, LossCause)
    /// A node told of something.
    case event(Event, in: VirtualNode)
}

/// Sees everything that happens in a ``VirtualNetwork``, in order. It changes nothing of it.
public protocol NetworkObserver: AnyObject {
    /// Takes note of something that happens now.
    func observe(_ observation: Observation, at now: Instant)
}
