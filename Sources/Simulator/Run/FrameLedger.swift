import VPNNode

/// Why a frame did not get where it was to go.
enum FrameLoss: Hashable, Sendable {
    /// The sender's node did not send it.
    case notSent(DropReason)
    /// The network did not bring the datagram over.
    case network(NetworkLoss, NetworkPlace?)
    /// The receiver's node dropped the datagram.
    case dropped(DropReason)
}

/// What became of every frame of the traffic.
struct FrameLedger {
    /// One direction of a flow.
    struct Record {
        /// When each frame was sent, in nanoseconds; ``none`` for one that was not.
        var sent: [UInt64] = []
        /// For each frame and each receiver, how long it took in nanoseconds; ``none`` where it did not arrive.
        var taken: [UInt64] = []
        /// For each frame and each receiver, how often it was delivered, at most 255.
        var copies: [UInt8] = []
        /// How many datagrams of each frame are on the way.
        var underway: [UInt16] = []
        /// For each frame, the place of the last loss in the ledger's list, counted from 1; 0 for none.
        var loss: [UInt16] = []

        static let none = UInt64.max

        mutating func note(sent number: Int, receivers: Int, at now: Instant) {
            let missing = number + 1 - sent.count
            if missing > 0 {
                sent.append(contentsOf: repeatElement(Self.none, count: missing))
                underway.append(contentsOf: repeatElement(0, count: missing))
                loss.append(contentsOf: repeatElement(0, count: missing))
                taken.append(contentsOf: repeatElement(Self.none, count: missing * receivers))
                copies.append(contentsOf: repeatElement(0, count: missing * receivers))
            }
            // An answer to a request that came twice is the same frame again.
            if sent[number] == Self.none { sent[number] = now.nanoseconds }
        }
    }

    /// The outcome of the frames of a window.
    struct Tally {
        var sent = 0
        var arrived = 0
        /// On the way when the run ended: neither sent nor lost.
        var underway = 0
        var latencies: [UInt64] = []
        /// How many frames got lost for which reason, in the order in which the reasons came up.
        var losses: [(FrameLoss, Int)] = []
    }

    let flows: [TrafficFlow]
    private var requests: [Record]
    private var replies: [Record]
    private var losses: [FrameLoss] = []

    init(_ flows: [TrafficFlow]) {
        self.flows = flows
        requests = Array(repeating: Record(), count: flows.count)
        replies = requests
    }

    /// The receivers of a frame.
    func receivers(of identity: FrameIdentity) -> [Int] {
        let flow = flows[identity.flow]
        return identity.direction == .request ? flow.receivers : [flow.sender]
    }

    /// Whether there is such a frame.
    func knows(_ identity: FrameIdentity) -> Bool {
        guard flows.indices.contains(identity.flow) else { return false }
        let record = identity.direction == .request ? requests[identity.flow] : replies[identity.flow]
        return record.sent.indices.contains(identity.number) && record.sent[identity.number] != Record.none
    }

    mutating func note(sent identity: FrameIdentity, at now: Instant) {
        guard flows.indices.contains(identity.flow), identity.number < flows[identity.flow].frames else { return }
        let count = receivers(of: identity).count
        update(identity) { $0.note(sent: identity.number, receivers: count, at: now) }
    }

    /// Notes that so many more datagrams carry a frame, or fewer.
    mutating func note(underway change: Int, _ identity: FrameIdentity) {
        update(identity) { record in
            let count = Int(record.underway[identity.number]) + change
            record.underway[identity.number] = UInt16(clamping: count)
        }
    }

    mutating func note(_ loss: FrameLoss, of identity: FrameIdentity) {
        let place: Int
        if let known = losses.firstIndex(of: loss) {
            place = known
        } else {
            // There are fewer reasons and places than this; a list that long would only be slow.
            guard losses.count < 4096 else { return }
            place = losses.count
            losses.append(loss)
        }
        update(identity) { $0.loss[identity.number] = UInt16(place + 1) }
    }

    /// Notes that a node delivered a frame. Returns how often it has done so, nil where it is no receiver of it.
    mutating func note(delivered identity: FrameIdentity, to node: Int, at now: Instant) -> Int? {
        let receivers = receivers(of: identity)
        guard let position = receivers.count == 1 ? (receivers[0] == node ? 0 : nil) : position(of: node, in: receivers)
        else { return nil }
        let index = identity.number * receivers.count + position
        var copies = 0
        update(identity) { record in
            if record.copies[index] == 0 { record.taken[index] = now.nanoseconds - record.sent[identity.number] }
            if record.copies[index] < .max { record.copies[index] += 1 }
            copies = Int(record.copies[index])
        }
        return copies
    }

    /// What became of the frames that some nodes sent to others in a window, requests and replies.
    ///
    /// - Parameters:
    ///   - senders: for each node whether its frames count.
    ///   - targets: for each node whether frames for it count.
    func tally(from senders: [Bool], to targets: [Bool], _ window: Range<Instant>) -> Tally {
        var tally = Tally()
        for (index, flow) in flows.enumerated() {
            if senders[flow.sender] {
                add(requests[index], flow.receivers, targets, window, to: &tally)
            }
            if let receiver = flow.receivers.first, !flow.isBroadcast, senders[receiver] {
                add(replies[index], [flow.sender], targets, window, to: &tally)
            }
        }
        tally.losses.sort { $0.1 > $1.1 }
        return tally
    }

    private func add(
        _ record: Record, _ receivers: [Int], _ targets: [Bool], _ window: Range<Instant>, to tally: inout Tally
    ) {
        let positions = receivers.indices.filter { targets[receivers[$0]] }
        guard !positions.isEmpty else { return }
        for (number, sent) in record.sent.enumerated()
        where sent != Record.none && window.contains(Instant(nanoseconds: sent)) {
            for position in positions {
                let taken = record.taken[number * receivers.count + position]
                if taken != Record.none {
                    tally.sent += 1
                    tally.arrived += 1
                    tally.latencies.append(taken)
                } else if record.underway[number] > 0 {
                    tally.underway += 1
                } else {
                    tally.sent += 1
                    tally.count(record.loss[number] == 0 ? nil : losses[Int(record.loss[number]) - 1])
                }
            }
        }
    }

    private func position(of node: Int, in receivers: [Int]) -> Int? {
        // They are in ascending order.
        var (low, high) = (0, receivers.count)
        while low < high {
            let middle = (low + high) / 2
            if receivers[middle] < node { low = middle + 1 } else { high = middle }
        }
        return low < receivers.count && receivers[low] == node ? low : nil
    }

    private mutating func update(_ identity: FrameIdentity, _ change: (inout Record) -> Void) {
        switch identity.direction {
        case .request: change(&requests[identity.flow])
        case .reply: change(&replies[identity.flow])
        }
    }
}

extension FrameLedger.Tally {
    fileprivate mutating func count(_ loss: FrameLoss?) {
        guard let loss else { return }
        if let index = losses.firstIndex(where: { $0.0 == loss }) {
            losses[index].1 += 1
        } else {
            losses.append((loss, 1))
        }
    }
}
