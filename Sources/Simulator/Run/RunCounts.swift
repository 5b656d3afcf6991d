/// What happened in a run, in numbers.
public struct RunCounts: Hashable, Sendable {
    /// Observations of all kinds: what the trace hash covers.
    public var observations: UInt64 = 0
    /// Datagrams that nodes sent.
    public var datagramsSent: UInt64 = 0
    /// Datagrams that arrived at a node, copies included.
    public var datagramsArrived: UInt64 = 0
    /// Datagrams that did not arrive.
    public var datagramsLost: UInt64 = 0
    /// Frames that devices sent.
    public var framesSent: UInt64 = 0
    /// Frames that devices got.
    public var framesDelivered: UInt64 = 0
    /// Bytes of Init, peer list and Close messages that nodes sent, with IP and UDP headers.
    public var managementBytes: UInt64 = 0

    /// Nothing happened yet.
    public init() {}
}
