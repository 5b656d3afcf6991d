import VPNNode
import VPNProtocol

/// A claim about what nodes know at an instant, ready to be asked again and again.
///
/// Claims about pairs of nodes count what is missing, kept up with each change, so that asking them costs nothing. The
/// others look at their nodes, and need to be asked only after one of these did something.
struct StateClaim {
    /// What is looked at.
    enum Subject {
        /// So many ordered pairs are not connected that should be, or that should not be.
        case connected(members: [Int], isMember: [Bool])
        case disconnected([Int], [Int], isFirst: [Bool], isSecond: [Bool])
        case peers([Int], Expectation.Bounds)
        case path(from: Int, to: Int, network: String)
        case station(of: Int, at: Int, knownBy: Int)
        case table(BoundedTable, [Int], Expectation.Bounds)
        case memory([Int], atMost: Int)
    }

    let subject: Subject
    /// For pairs: how many of them stand against the claim.
    private(set) var exceptions = 0
    /// Whether the claim has to be asked again.
    var isDue = true
    /// For claims about each of a group: the nodes that did something since they were looked at.
    private var touched: [Int] = []
    private var isTouched: [Bool] = []
    private var isException: [Bool] = []
    private var isMember: [Bool] = []

    /// A claim of an instant; nil for one that is counted over a window or about the whole run.
    init?(_ claim: Expectation.Claim, _ roster: Roster) throws(ScenarioError) {
        func one(_ name: String) throws(ScenarioError) -> Int {
            guard let number = try roster.numbers(of: name).first else { throw .unknownNode(name) }
            return number
        }
        switch claim {
        case .connected(let names):
            let members = try roster.numbers(of: names.isEmpty ? [Scenario.allNodes] : names)
            subject = .connected(members: members, isMember: roster.mask(members))
            exceptions = members.count * (members.count - 1)
        case .disconnected(let first, let second):
            let (left, right) = (try roster.numbers(of: first), try roster.numbers(of: second))
            subject = .disconnected(left, right, isFirst: roster.mask(left), isSecond: roster.mask(right))
        case .peers(let name, let bounds): subject = .peers(try roster.numbers(of: name), bounds)
        case .path(let from, let to, let network):
            subject = .path(from: try one(from), to: try one(to), network: network)
        case .station(let of, let at, let knownBy):
            subject = .station(of: try one(of), at: try one(at), knownBy: try one(knownBy))
        case .table(let table, let name, let bounds): subject = .table(table, try roster.numbers(of: name), bounds)
        case .memory(let name, let most): subject = .memory(try roster.numbers(of: name), atMost: most)
        case .delivery, .latency, .dropped, .evicted, .management, .invariant: return nil
        }
        if let group {
            touched = group
            isTouched = roster.mask(group)
            isMember = isTouched
            isException = Array(repeating: false, count: roster.count)
        }
    }

    /// The nodes of a claim about each of a group.
    private var group: [Int]? {
        switch subject {
        case .peers(let nodes, _), .table(_, let nodes, _), .memory(let nodes, _): nodes
        case .connected, .disconnected, .path, .station: nil
        }
    }

    /// Takes note of a change of what one node knows of another.
    mutating func note(_ change: PeerMatrix.Change) {
        switch subject {
        case .connected(_, let isMember) where isMember[change.of] && isMember[change.about]:
            guard change.before.isCurrent != change.after.isCurrent else { return }
            exceptions += change.after.isCurrent ? -1 : 1
            isDue = true
        case .disconnected(_, _, let isFirst, let isSecond) where isFirst[change.of] && isSecond[change.about]:
            guard (change.before.ids > 0) != (change.after.ids > 0) else { return }
            exceptions += change.after.ids > 0 ? 1 : -1
            isDue = true
        default: return
        }
    }

    /// Takes note that a node did something.
    mutating func note(activityOf node: Int) {
        switch subject {
        case .connected, .disconnected: return
        case .peers, .table, .memory:
            guard isMember[node], !isTouched[node] else { return }
            isTouched[node] = true
            touched.append(node)
            isDue = true
        case _ where isDue: return
        case .path(let from, let to, _): isDue = node == from || node == to
        case .station(let of, let at, let knownBy): isDue = node == knownBy || node == of || node == at
        }
    }

    /// Whether it holds for some nodes of a group at least, after a ``refresh(_:)``.
    var holdsForSome: Bool { group.map { exceptions < $0.count } ?? false }

    /// Looks again at the nodes of a group that did something.
    mutating func refresh(_ holds: (Int) -> Bool) {
        for node in touched {
            isTouched[node] = false
            let isWrong = !holds(node)
            guard isWrong != isException[node] else { continue }
            isException[node] = isWrong
            exceptions += isWrong ? 1 : -1
        }
        touched.removeAll(keepingCapacity: true)
    }

    /// The nodes that it is about.
    var nodes: [Int] {
        switch subject {
        case .connected(let members, _): members
        case .disconnected(let first, let second, _, _): first + second
        case .peers(let nodes, _), .table(_, let nodes, _), .memory(let nodes, _): nodes
        case .path(let from, let to, _): [from, to]
        case .station(let of, let at, let knownBy): [of, at, knownBy]
        }
    }
}

extension Roster {
    /// For each node whether it is one of these.
    func mask(_ numbers: [Int]) -> [Bool] {
        var result = [Bool](repeating: false, count: count)
        for number in numbers { result[number] = true }
        return result
    }
}
