import VPNNode
import VPNProtocol

/// Follows the frames of the traffic through nodes and datagrams, into the ledger.
struct FrameTracker {
    /// What a node is busy with: all that it does until the next input comes of this.
    private enum Wake {
        case other
        case frame(FrameIdentity?)
        case arrival(FrameIdentity?, isDelivered: Bool)
    }

    private struct Carried {
        let identity: FrameIdentity
        var copies: Int
    }

    private(set) var ledger: FrameLedger
    private let roster: Roster
    private var wakes: [Wake]
    /// The datagrams on the way that carry a frame.
    private var carried: [UInt64: Carried] = [:]

    init(_ ledger: FrameLedger, _ roster: Roster) {
        self.ledger = ledger
        self.roster = roster
        wakes = Array(repeating: .other, count: roster.count)
    }

    mutating func forget(_ node: Int) { wakes[node] = .other }

    mutating func note(frameSent frame: [UInt8], by node: Int, at now: Instant) {
        let identity = TrafficFrame.readIdentity(in: frame, of: roster.members[node].configuration.deviceType)
        wakes[node] = .frame(identity)
        if let identity { ledger.note(sent: identity, at: now) }
    }

    /// Notes a datagram with a frame. Returns whether its node has just got a frame from its device.
    mutating func note(dataSent datagram: VirtualDatagram, by node: Int) -> Bool {
        guard case .frame(let identity) = wakes[node] else { return false }
        guard let identity, ledger.knows(identity) else { return true }
        carried[datagram.id] = Carried(identity: identity, copies: 1)
        ledger.note(underway: 1, identity)
        return true
    }

    mutating func note(doubled id: UInt64) {
        guard let identity = carried[id]?.identity else { return }
        carried[id]?.copies += 1
        ledger.note(underway: 1, identity)
    }

    mutating func note(arrived datagram: VirtualDatagram, at node: Int) {
        wakes[node] = .arrival(take(datagram.id), isDelivered: false)
    }

    mutating func note(lost datagram: VirtualDatagram, _ loss: NetworkLoss, _ place: NetworkPlace?) {
        guard let identity = take(datagram.id) else { return }
        ledger.note(.network(loss, place), of: identity)
    }

    mutating func note(_ reason: DropReason, at node: Int) {
        switch wakes[node] {
        case .frame(let identity?) where ledger.knows(identity): ledger.note(.notSent(reason), of: identity)
        case .arrival(let identity?, _): ledger.note(.dropped(reason), of: identity)
        default: return
        }
    }

    /// What was wrong with a frame that a node delivered.
    enum Delivery {
        /// It was for the node, or for others as well and nobody promised that it would not get there.
        case fine
        /// No datagram had arrived for it.
        case extra
        /// It is none that was sent, or was changed.
        case corrupted
        /// It is the second time, or a later one.
        case again(times: Int)
    }

    /// Notes a frame that a node delivered.
    ///
    /// - Parameter isArrivalKnown: whether the datagram that brought it was noted before; else any may have.
    mutating func note(
        delivered frame: [UInt8], at node: Int, isArrivalKnown: Bool, now: Instant
    ) -> (Delivery, FrameIdentity?) {
        var expected: FrameIdentity?
        if isArrivalKnown {
            guard case .arrival(let carried, false) = wakes[node] else { return (.extra, nil) }
            wakes[node] = .arrival(carried, isDelivered: true)
            expected = carried
        }
        let identity = TrafficFrame.readIdentity(in: frame, of: roster.members[node].configuration.deviceType)
        guard let identity, ledger.knows(identity), expected == nil || expected == identity,
            frame == ledger.flows[identity.flow].frame(identity, roster).bytes
        else { return (.corrupted, identity) }
        guard let copies = ledger.note(delivered: identity, to: node, at: now) else { return (.fine, identity) }
        return (copies > 1 ? .again(times: copies) : .fine, identity)
    }

    private mutating func take(_ id: UInt64) -> FrameIdentity? {
        guard let entry = carried[id] else { return nil }
        if entry.copies > 1 { carried[id]?.copies -= 1 } else { carried[id] = nil }
        ledger.note(underway: -1, entry.identity)
        return entry.identity
    }
}

extension TrafficFlow {
    /// A frame of this flow.
    func frame(_ identity: FrameIdentity, _ roster: Roster) -> TrafficFrame {
        let isReply = identity.direction == .reply
        let sender = roster.members[sender].station
        let receiver = isBroadcast ? nil : receivers.first.map { roster.members[$0].station }
        return TrafficFrame(
            source: isReply ? receiver ?? sender : sender, destination: isReply ? sender : receiver,
            vlan: plan.vlan ?? receiver?.vlan ?? sender.vlan, isARP: plan.kind == .arp,
            byteCount: max(plan.size, TrafficFrame.smallest), identity: identity)
    }

    /// What the device of a node answers to a frame that it gets; nil for nothing.
    func answer(to identity: FrameIdentity, at node: Int, _ roster: Roster) -> [UInt8]? {
        guard identity.direction == .request, plan.isEcho || plan.kind == .arp, !isBroadcast, receivers == [node] else {
            return nil
        }
        let reply = FrameIdentity(flow: identity.flow, number: identity.number, direction: .reply)
        return frame(reply, roster).bytes
    }
}
