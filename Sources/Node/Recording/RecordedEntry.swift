package import VPNProtocol

/// An input of an engine, as a recording holds it. The names are those of the engine's methods.
package enum RecordedInput: Hashable, Sendable {
    /// The time went on.
    case advance
    /// A datagram that was opened: its message, and the nonce that it was sealed with, which is nil without encryption.
    case datagram(MessageType, Nonce?, message: [UInt8], from: Endpoint)
    /// A datagram that is no packet of this network, or came to a node that had ended, as it came.
    case unopened([UInt8], from: Endpoint)
    /// A datagram whose tag did not fit. Of it is kept what was not encrypted, and how long it was: what was opened in vain
    /// leaves nothing else.
    case unauthentic(MessageType, Nonce, byteCount: Int, from: Endpoint)
    /// Frames of the device, one behind the other: each but the last of `frameBytes`.
    case frames([UInt8], frameBytes: Int)
    /// Addresses of a name.
    case resolved(PeerName, [Endpoint])
    /// A router forwards the port.
    case portMapped(Endpoint, lease: Duration?)
    /// No router forwards the port.
    case portMappingFailed
    /// The system refused to send.
    case sendFailed(Endpoint, errorCode: Int32)
    /// The device refused frames.
    case deviceRefused(frames: Int)
    /// The node was ended.
    case shutDown
}

/// What came out of an engine in one round: what was counted, and a digest of all of it.
package struct RoundSummary: Hashable, Sendable {
    /// Packets to be sent, once for each receiver.
    package var packets = 0
    /// The bytes of their messages.
    package var messageBytes = 0
    /// Frames for the device.
    package var frames = 0
    /// What happened.
    package var events = 0
    /// Names to be resolved, and wishes to the router.
    package var wishes = 0
    /// A hash of all of these, of what became of each datagram, and of when the engine wants to be called next.
    package var digest: UInt128 = 0

    /// Nothing came out.
    package init() {}

    /// How many things came out.
    package var outputs: Int { packets + frames + events + wishes }
}

/// The state of an engine: what was counted, and a digest of its statistics.
package struct StateSummary: Hashable, Sendable {
    /// How many peers there are.
    package var peers: Int
    /// How many stations are known.
    package var stations: Int
    /// A hash of all that the statistics say.
    package var digest: UInt128
}

/// One thing in a recording.
package enum RecordedEntry: Sendable {
    /// What the node was made of; the first of all.
    case head(RecordingHead)
    /// An input, by the clock of the node.
    case input(RecordedInput, at: Instant)
    /// What was staged in the batch was sealed.
    case sealing
    /// The end of a round: what came out was carried out, and the batch is empty again.
    case round(RoundSummary)
    /// How the node was just then.
    case state(StateSummary)
    /// The end; the last of all.
    case end(RecordingEnd)
}
