package import VPNNode
package import VPNProtocol

/// Something that goes into a replayed engine, or comes out of it.
package enum ReplayObservation: Sendable {
    /// The device gave a frame.
    case taken([UInt8])
    /// A message came.
    case received(MessageType, [UInt8], from: Endpoint)
    /// A datagram came that is no packet of this network.
    case unopened([UInt8], from: Endpoint)
    /// A datagram came whose tag did not fit.
    case unauthentic(MessageType, byteCount: Int, from: Endpoint)
    /// A frame is for the device.
    case delivered([UInt8])
    /// A message goes out.
    case sent(MessageType, [UInt8], to: Endpoint)
    /// The engine told of something.
    case event(Event)
}

/// What a replay has done so far.
package struct ReplayCounts: Hashable, Sendable {
    /// Rounds of the loop.
    package fileprivate(set) var rounds = 0
    /// Inputs of all kinds.
    package fileprivate(set) var inputs = 0
    /// Datagrams among them.
    package fileprivate(set) var datagrams = 0
    /// Datagrams that were not opened.
    package fileprivate(set) var unopened = 0
    /// Frames of the device, each for itself.
    package fileprivate(set) var framesTaken = 0
    /// What came out, of all kinds.
    package fileprivate(set) var outputs = 0
    /// Packets to be sent, once for each receiver.
    package fileprivate(set) var packets = 0
    /// Frames for the device.
    package fileprivate(set) var framesDelivered = 0
    /// What happened.
    package fileprivate(set) var events = 0

    mutating func noteRound() { rounds += 1 }

    mutating func note(_ input: RecordedInput) {
        inputs += 1
        switch input {
        case .datagram: datagrams += 1
        case .unopened, .unauthentic:
            datagrams += 1
            unopened += 1
        case .frames(let bytes, let frameBytes):
            framesTaken += frameBytes > 0 ? (bytes.count + frameBytes - 1) / frameBytes : 1
        default: break
        }
    }

    mutating func note(_ round: RoundSummary) {
        outputs += round.outputs
        packets += round.packets
        framesDelivered += round.frames
        events += round.events
    }
}

extension RoundSummary {
    /// How this, a replay's, differs from what was recorded, as a clause.
    func difference(from recorded: Self) -> String {
        let parts: [(here: Int, there: Int, what: String)] = [
            (packets, recorded.packets, "packets to send"), (frames, recorded.frames, "frames for the device"),
            (events, recorded.events, "events"), (wishes, recorded.wishes, "names and ports to ask for"),
            (messageBytes, recorded.messageBytes, "bytes of messages"),
        ]
        let different = parts.filter { $0.here != $0.there }.map { "\($0.there) \($0.what), here \($0.here)" }
        guard different.isEmpty else { return "recorded were \(different.joined(separator: "; "))" }
        let same = parts.dropLast().map { "\($0.here) \($0.what)" }.joined(separator: ", ")
        return "there are \(same) as recorded, but they are not the same"
    }
}

extension StateSummary {
    /// How this, a replay's, differs from what was recorded, as a clause.
    func difference(from recorded: Self) -> String {
        guard peers == recorded.peers, stations == recorded.stations else {
            return "recorded were \(recorded.peers) peers and \(recorded.stations) stations, "
                + "here are \(peers) and \(stations)"
        }
        return "the statistics of \(peers) peers and \(stations) stations are not the same"
    }
}
