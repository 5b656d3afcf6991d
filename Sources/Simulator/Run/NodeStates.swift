import VPNNode
import VPNProtocol

/// The nodes of a run as they are now: what claims of an instant are asked of.
final class NodeStates {
    let roster: Roster
    /// The node that runs under each number; nil where none does.
    private(set) var running: [(any JudgedNode)?]
    /// Who has whom as a peer.
    private(set) var matrix: PeerMatrix
    /// Which network an address belongs to.
    let networkOf: (IPAddress) -> String?

    init(_ roster: Roster, networkOf: @escaping (IPAddress) -> String?) {
        self.roster = roster
        self.networkOf = networkOf
        running = Array(repeating: nil, count: roster.count)
        matrix = PeerMatrix(count: roster.count)
    }

    /// The name of whoever has, or had, an id.
    func name(of id: NodeID) -> String? { matrix.owner(of: id).map { roster.members[$0].name } }

    func start(_ number: Int, _ node: any JudgedNode, _ changed: (PeerMatrix.Change) -> Void) {
        running[number] = node
        matrix.start(number, as: node.id, changed)
    }

    func end(_ number: Int, _ changed: (PeerMatrix.Change) -> Void) {
        running[number] = nil
        matrix.end(number, changed)
    }

    func note(_ event: Event, in number: Int, _ changed: (PeerMatrix.Change) -> Void) {
        switch event {
        case .peerJoined(let id, _, _): matrix.join(number, id, changed)
        case .peerLost(let id, _, _): matrix.lose(number, id, changed)
        default: return
        }
    }

    /// Whether a claim holds now.
    func holds(_ claim: inout StateClaim) -> Bool {
        switch claim.subject {
        case .connected, .disconnected: break
        case .peers(_, let bounds): claim.refresh { bounds.contains(matrix.peers(of: $0)) }
        case .path(let from, let to, let network): return address(of: to, at: from).flatMap { networkOf($0) } == network
        case .station(let of, let at, let knownBy): return knower(of, at, knownBy)
        case .table(let table, _, let bounds):
            claim.refresh { bounds.contains(running[$0]?.count(of: table) ?? 0) }
        case .memory(_, let most): claim.refresh { running[$0]?.heldBytes ?? 0 <= most }
        }
        return claim.exceptions == 0
    }

    private func knower(_ of: Int, _ at: Int, _ knownBy: Int) -> Bool {
        guard let peer = running[at]?.id else { return false }
        return running[knownBy]?.peer(withStation: roster.members[of].station.stationAddress(vlan: nil)) == peer
    }

    /// Where a node sends what is for another one; nil where it is no peer.
    private func address(of other: Int, at node: Int) -> IPAddress? {
        guard let id = running[other]?.id else { return nil }
        return running[node]?.address(ofPeer: id)
    }

    /// What there is instead of what a claim says, in words.
    func description(of claim: StateClaim) -> String {
        func name(_ number: Int) -> String { roster.members[number].name }
        switch claim.subject {
        case .connected(let members, _):
            guard claim.exceptions > 0 else { return "all are connected" }
            for node in members {
                for other in members where other != node && !matrix[node, other].isCurrent {
                    let rest = claim.exceptions > 1 ? ", and \(claim.exceptions - 1) more missing" : ""
                    let reason = [node, other].first { running[$0] == nil }.map { ", \(name($0)) does not run" }
                    return "\(name(node)) does not have \(name(other)) as a peer\(reason ?? "")\(rest)"
                }
            }
            return "\(claim.exceptions) pairs are not connected"
        case .disconnected(let first, let second, _, _):
            for node in first {
                for other in second where matrix[node, other].ids > 0 {
                    return "\(name(node)) has \(name(other)) as a peer"
                }
            }
            return "no such peers"
        case .peers(let nodes, _): return list(nodes) { "\(matrix.peers(of: $0)) peers" }
        case .path(let from, let to, _):
            guard let address = address(of: to, at: from) else { return "\(name(to)) is no peer of \(name(from))" }
            let network = networkOf(address).map { "in network '\($0)'" } ?? "in no network"
            return "\(name(from)) sends to \(name(to)) at \(address), \(network)"
        case .station(let of, _, let knownBy):
            let station = roster.members[of].station.stationAddress(vlan: nil)
            guard let peer = running[knownBy]?.peer(withStation: station) else {
                return "\(name(knownBy)) knows no station \(station)"
            }
            return "\(name(knownBy)) knows \(station) at \(self.name(of: peer) ?? "\(peer)")"
        case .table(let table, let nodes, _):
            return list(nodes) { "\(running[$0]?.count(of: table) ?? 0) \(table.name)" }
        case .memory(let nodes, _): return list(nodes) { "\(running[$0]?.heldBytes ?? 0) bytes" }
        }
    }

    private func list(_ nodes: [Int], _ value: (Int) -> String) -> String {
        let shown = nodes.prefix(5).map { "\(roster.members[$0].name): \(value($0))" }.joined(separator: ", ")
        return nodes.count > 5 ? "\(shown), …" : shown
    }
}
