import VPNNode
import VPNProtocol

/// What a summary is made of, counted as it happens. Runs of more nodes than a summary takes are not counted.
struct RunTally {
    private let count: Int
    private let isKept: Bool
    /// When each node first had each other as a peer, one row after the other.
    private var meetings: [Instant?]
    private var messages: [[Int]]

    init(nodes: Int) {
        count = nodes
        isKept = nodes <= RunSummary.maximumNodes
        meetings = isKept ? Array(repeating: nil, count: nodes * nodes) : []
        messages = isKept ? Array(repeating: Array(repeating: 0, count: MessageType.allCases.count), count: nodes) : []
    }

    mutating func note(_ change: PeerMatrix.Change, at now: Instant) {
        guard isKept, change.after.isCurrent else { return }
        let place = change.of * count + change.about
        if meetings[place] == nil { meetings[place] = now }
    }

    /// Notes a message; nil for one of no type that there is.
    mutating func note(_ type: MessageType?, by node: Int) {
        guard isKept, let type else { return }
        messages[node][Int(type.rawValue)] += 1
    }

    /// The summary of a run that is over.
    func summary(_ roster: Roster, _ ledger: FrameLedger, end: Instant) -> RunSummary {
        var summary = RunSummary()
        guard isKept else { return summary }
        let names = roster.members.map(\.name)
        let hasTraffic = trafficPairs(ledger)
        for node in 0..<count {
            for other in 0..<count where other != node {
                if let time = meetings[node * count + other] {
                    summary.connections.append(.init(node: names[node], peer: names[other], time: time - .zero))
                }
                guard hasTraffic[node * count + other] else { continue }
                let tally = ledger.tally(from: roster.mask([node]), to: roster.mask([other]), .zero..<end)
                summary.deliveries.append(
                    .init(from: names[node], to: names[other], sent: tally.sent, arrived: tally.arrived))
            }
            var sent = RunSummary.Messages(node: names[node])
            sent.data = messages[node][Int(MessageType.data.rawValue)]
            sent.lists = messages[node][Int(MessageType.peers.rawValue)]
            sent.initial = messages[node][Int(MessageType.initial.rawValue)]
            sent.close = messages[node][Int(MessageType.close.rawValue)]
            summary.messages.append(sent)
        }
        return summary
    }

    private func trafficPairs(_ ledger: FrameLedger) -> [Bool] {
        var pairs = [Bool](repeating: false, count: count * count)
        for flow in ledger.flows {
            for receiver in flow.receivers {
                pairs[flow.sender * count + receiver] = true
                if !flow.isBroadcast, flow.plan.isEcho || flow.plan.kind == .arp {
                    pairs[receiver * count + flow.sender] = true
                }
            }
        }
        return pairs
    }
}
