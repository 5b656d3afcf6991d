import VPNNode
import VPNProtocol

/// Tells the judges of a run what happens in the emulated network.
final class ScenarioWatch: NetworkObserver {
    let judges: ScenarioJudges
    private let roster: Roster
    private let places: (NetworkPlace) -> String
    private var numbers: [Int: Int] = [:]
    /// The node that runs under each number; nil where none does.
    private(set) var running: [VirtualNode?]

    init(
        _ scenario: Scenario, _ roster: Roster, flows: [TrafficFlow], groups: KeyGroups,
        in network: VirtualNetwork
    ) throws(ScenarioError) {
        self.roster = roster
        let places: (NetworkPlace) -> String = { [unowned network] place in
            network.topology?.text(of: place) ?? "network"
        }
        self.places = places
        running = Array(repeating: nil, count: roster.count)
        judges = try ScenarioJudges(
            scenario, roster, flows: flows, groups: groups,
            networkOf: { [unowned network] address in network.topology?.networkName(of: address) }, places: places)
    }

    /// The number in the roster of a node of the network; nil for one that is in no scenario.
    func number(of node: VirtualNode) -> Int? { numbers[node.number] }

    /// Lets judges look at the instant that is over.
    func pass(to next: Instant) { judges.pass(to: next) }

    /// Takes note of an observation.
    func observe(_ observation: Observation, at now: Instant) {
        judges.counts.observations += 1
        switch observation {
        case .started(let node):
            guard let number = roster.number(of: node.name) else { return }
            running[number] = node
            numbers[node.number] = number
            judges.start(number, node, at: now)
        case .ended(let node, let cause):
            guard let number = number(of: node), running[number] === node else { return }
            judges.end(number, cause, at: now)
            running[number] = nil
        case .moved(let node):
            befall(node, "moved to \(node.endpoints.map { "\($0)" }.joined(separator: ", "))", now)
        case .suspended(let node): befall(node, "falls asleep", now)
        case .resumed(let node): befall(node, "wakes up", now)
        case .event(let event, let node): if let number = number(of: node) { judges.note(event, in: number, at: now) }
        case .frameSent(let frame, let node):
            if let number = number(of: node) { judges.note(frameSent: frame, by: number, at: now) }
        case .frameDelivered(let frame, let node, _):
            if let number = number(of: node) { judges.note(delivered: frame, at: number, now) }
        case .sent(let datagram, let node): if let number = number(of: node) { note(sent: datagram, by: number, now) }
        case .crossed(let crossing):
            if crossing.again != nil { judges.tracker.note(doubled: crossing.datagram.id) }
        case .arrived(let datagram, let node):
            judges.counts.datagramsArrived += 1
            if let number = number(of: node) {
                judges.tracker.note(arrived: datagram, at: number)
                judges.touch(number)
            }
        case .dropped(let datagram, let loss, let place):
            judges.counts.datagramsLost += 1
            judges.tracker.note(lost: datagram, loss, place)
        case .changed(let change):
            if now > .zero { judges.befall(nil, change.words(places), at: now) }
        case .injected: break
        }
    }

    private func befall(_ node: VirtualNode, _ fate: String, _ now: Instant) {
        guard let number = number(of: node) else { return }
        judges.befall(number, fate, at: now)
    }

    private func note(sent datagram: VirtualDatagram, by number: Int, _ now: Instant) {
        let bytes = datagram.bytes
        if bytes.count >= PacketHeader.byteCount, bytes[PacketHeader.typeOffset] == MessageType.data.rawValue,
            !judges.tracker.note(dataSent: datagram, by: number)
        {
            judges.note(relayedTo: datagram.destination, by: number, at: now)
        }
        judges.note(sent: bytes, to: datagram.destination, onWire: datagram.packetBytes, by: number, at: now)
    }
}
