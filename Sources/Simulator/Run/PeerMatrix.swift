import VPNNode
import VPNProtocol

/// Who has whom as a peer, kept up with what nodes tell.
///
/// A node that was started anew has a new id: whoever knows only the old one does not have it as a peer, though an entry
/// about it is still there.
struct PeerMatrix {
    /// What one node knows of another.
    struct Entry: Hashable {
        /// How many ids of the other it has.
        var ids: UInt8 = 0
        /// Whether the id that the other has now is among them.
        var isCurrent = false
    }

    /// A change of what one node knows of another.
    struct Change {
        let of: Int
        let about: Int
        let before: Entry
        let after: Entry
    }

    private var rows: [[Entry]]
    /// How many ids each node has in all.
    private var totals: [Int]
    private var currentIDs: [NodeID?]
    private var owners: [NodeID: Int] = [:]

    /// How many nodes there are.
    let count: Int

    init(count: Int) {
        self.count = count
        rows = Array(repeating: [], count: count)
        totals = Array(repeating: 0, count: count)
        currentIDs = Array(repeating: nil, count: count)
    }

    subscript(node: Int, other: Int) -> Entry { rows[node].isEmpty ? Entry() : rows[node][other] }

    /// The node that has, or had, an id.
    func owner(of id: NodeID) -> Int? { owners[id] }

    /// Notes that a node runs, under an id. Nobody has it as a peer yet.
    mutating func start(_ node: Int, as id: NodeID, _ changed: (Change) -> Void) {
        owners[id] = node
        currentIDs[node] = id
        forget(node, changed)
        for other in rows.indices where other != node {
            update(other, node, changed) { $0.isCurrent = false }
        }
    }

    /// Notes that a node does not run any more.
    mutating func end(_ node: Int, _ changed: (Change) -> Void) {
        currentIDs[node] = nil
        forget(node, changed)
        for other in rows.indices where other != node {
            update(other, node, changed) { $0.isCurrent = false }
        }
    }

    /// Notes that a node got a peer.
    mutating func join(_ node: Int, _ id: NodeID, _ changed: (Change) -> Void) {
        guard let other = owners[id] else { return }
        if rows[node].isEmpty { rows[node] = Array(repeating: Entry(), count: count) }
        let isCurrent = currentIDs[other] == id
        update(node, other, changed) { entry in
            entry.ids &+= 1
            entry.isCurrent = entry.isCurrent || isCurrent
        }
    }

    /// Notes that a node lost a peer.
    mutating func lose(_ node: Int, _ id: NodeID, _ changed: (Change) -> Void) {
        guard let other = owners[id] else { return }
        let isCurrent = currentIDs[other] == id
        update(node, other, changed) { entry in
            if entry.ids > 0 { entry.ids -= 1 }
            if isCurrent { entry.isCurrent = false }
        }
    }

    /// How many peers a node has.
    func peers(of node: Int) -> Int { totals[node] }

    private mutating func forget(_ node: Int, _ changed: (Change) -> Void) {
        for other in rows[node].indices { update(node, other, changed) { $0 = Entry() } }
    }

    private mutating func update(
        _ node: Int, _ other: Int, _ changed: (Change) -> Void, _ change: (inout Entry) -> Void
    ) {
        guard !rows[node].isEmpty else { return }
        let before = rows[node][other]
        change(&rows[node][other])
        let after = rows[node][other]
        totals[node] += Int(after.ids) - Int(before.ids)
        if after != before { changed(Change(of: node, about: other, before: before, after: after)) }
    }
}
