import VPNNode
import VPNProtocol

/// The last events of all nodes, for reports on what went wrong.
struct RecentEvents {
    /// What is remembered: an event of a node, or what befell it from outside, in words.
    private enum Happening {
        case event(Event)
        case fate(String)
    }

    private struct Entry {
        let time: Instant
        /// Nil for what concerns all.
        let node: Int?
        let happening: Happening
    }

    /// How many are kept.
    static let capacity = 8192
    /// How many a report shows.
    static let shown = 8

    private var entries: [Entry] = []
    private var next = 0

    mutating func append(_ event: Event, in node: Int, at time: Instant) {
        append(Entry(time: time, node: node, happening: .event(event)))
    }

    /// Remembers what befell a node, or all of them.
    mutating func append(_ fate: String, of node: Int?, at time: Instant) {
        append(Entry(time: time, node: node, happening: .fate(fate)))
    }

    private mutating func append(_ entry: Entry) {
        if entries.count < Self.capacity {
            entries.append(entry)
        } else {
            entries[next] = entry
        }
        next = (next + 1) % Self.capacity
    }

    /// The last events in some nodes, oldest first, a line each. Without nodes, those of all.
    func lines(concerning nodes: [Int], names: (Int) -> String, naming name: (NodeID) -> String?) -> [String] {
        var lines: [String] = []
        let isWanted = Set(nodes)
        for step in 1...max(entries.count, 1) where lines.count < Self.shown && !entries.isEmpty {
            let entry = entries[(next - step + entries.count * 2) % entries.count]
            guard isWanted.isEmpty || entry.node.map(isWanted.contains) ?? true else { continue }
            let who = entry.node.map { "\(names($0)): " } ?? ""
            let what =
                switch entry.happening {
                case .event(let event): event.text { id in name(id) ?? id.short }
                case .fate(let text): text
                }
            lines.append("\(seconds(entry.time - .zero)) s  \(who)\(what)")
        }
        return lines.reversed()
    }
}
