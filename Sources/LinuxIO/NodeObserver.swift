public import VPNNode
public import VPNProtocol

/// What a node starts with.
public struct NodeStart: Hashable, Sendable {
    /// Its id.
    public let id: NodeID
    /// The name of its device.
    public let device: String
    /// What frames the device has.
    public let deviceType: DeviceType
    /// The address families that it listens on, as ``DatagramSockets/families``.
    public let families: String
    /// The UDP port that it listens on.
    public let port: UInt16
    /// What each socket may hold for the node, in bytes, as ``DatagramSockets/grantedBufferBytes``.
    public let bufferBytes: Int
    /// What is exchanged with the kernel in one piece.
    public let offload: OffloadInUse
}

/// Gets to know what a node does, on the thread of its loop: whatever takes long here delays packets.
public protocol NodeObserver: AnyObject {
    /// The node begins.
    func started(_ start: NodeStart)
    /// The node did something, in this order.
    func observe(_ events: [Event], at now: Instant)
    /// Something happened between the node and the system.
    func observe(_ event: LinuxEvent)
    /// How things are, every ``RunnerOptions/statisticsInterval`` and once at the end, as it was before the peers
    /// were told to forget this node. Instants in it count from the start, as does `uptime`.
    func snapshot(_ statistics: NodeStatistics, io: IOCounters, offload: OffloadInUse, uptime: Duration)
}
