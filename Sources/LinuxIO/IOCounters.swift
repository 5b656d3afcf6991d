/// What the sockets and the device carried and refused since the start.
public struct IOCounters: Hashable, Sendable {
    /// Datagrams that came.
    public internal(set) var datagramsReceived: UInt64 = 0
    /// Their bytes.
    public internal(set) var bytesReceived: UInt64 = 0
    /// Datagrams that the system took.
    public internal(set) var datagramsSent: UInt64 = 0
    /// Their bytes.
    public internal(set) var bytesSent: UInt64 = 0
    /// Datagrams that the system did not take.
    public internal(set) var sendErrors: UInt64 = 0
    /// Errors of the sockets other than those of sending: messages of routers about what was sent before, mostly.
    public internal(set) var receiveErrors: UInt64 = 0
    /// Datagrams longer than the room for them, or without a usable source; they go no further.
    public internal(set) var unusableDatagrams: UInt64 = 0
    /// Frames that the device gave.
    public internal(set) var framesRead: UInt64 = 0
    /// Frames that the device took.
    public internal(set) var framesWritten: UInt64 = 0
    /// Errors of the device at reading.
    public internal(set) var deviceReadErrors: UInt64 = 0
    /// Frames that the device did not take.
    public internal(set) var deviceWriteErrors: UInt64 = 0
    /// Frames from the device that did not fit what the kernel said of them, and went no further.
    public internal(set) var malformedFrames: UInt64 = 0
    /// Datagrams that were for the node itself: all but frames of peers, and what was dropped.
    public internal(set) var controlMessagesReceived: UInt64 = 0
    /// Datagrams of the node itself, whether or not the system took them.
    public internal(set) var controlMessagesSent: UInt64 = 0
    /// Calls that brought datagrams.
    public internal(set) var receiveCalls: UInt64 = 0
    /// Calls that sent datagrams, or tried to.
    public internal(set) var sendCalls: UInt64 = 0
    /// Calls that brought frames.
    public internal(set) var deviceReads: UInt64 = 0
    /// Calls that the device took frames with.
    public internal(set) var deviceWrites: UInt64 = 0
    /// Times that the loop woke.
    public internal(set) var rounds: UInt64 = 0

    /// Nothing counted yet.
    public init() {}
}
