import VPNNode
import VPNProtocol

/// Which nodes have to be peers of each other at the end, and from when on.
///
/// Promised are pairs that understand each other, that hear of each other through configured peers, and of which one reaches
/// the other without a way through a NAT or a firewall inwards. Others tell of a node by the address that they see; so one
/// behind a NAT has to be told of directly. Pairs of nodes behind two NATs are not promised: that is for expectations to say.
struct MeshPromise {
    /// When the mesh has to be complete; nil where nothing is promised.
    let deadline: Instant?
    /// Why nothing is promised.
    let reason: String
    /// The nodes that belong together: pairs of them that are open to each other have to be peers.
    private let component: [Int?]
    private let view: NetworkView
    /// The pairs of which one is told of the other, each as two numbers in one.
    private let told: Set<Int>

    init(_ scenario: Scenario, _ roster: Roster, _ groups: KeyGroups) throws(ScenarioError) {
        let end = try EndState(scenario, roster)
        let view = NetworkView(scenario.networks, end)
        self.view = view
        var sets = DisjointSets(count: roster.count)
        var told: Set<Int> = []
        for (number, member) in roster.members.enumerated() where end.isRunning[number] {
            for peer in member.configuration.peers {
                for other in try end.targets(of: peer.host, roster)
                where other != number && end.isRunning[other] && groups.groupOf[other] == groups.groupOf[number]
                    && view.canCall(number, other)
                {
                    sets.join(number, other)
                    told.insert(number * roster.count + other)
                    told.insert(other * roster.count + number)
                }
            }
        }
        component = roster.members.indices.map { end.isRunning[$0] ? sets.root(of: $0) : nil }
        self.told = told
        let last = Instant.zero + end.lastFault
        if end.isPartitioned {
            (deadline, reason) = (nil, "a partition lasts to the end")
        } else {
            let due = last + (scenario.settlingTime ?? Self.settlingTime(roster, end.lastFault))
            let isOver = due > .zero + scenario.duration
            deadline = isOver ? nil : due
            reason = isOver ? "the scenario ends before \(seconds(due - .zero)) s, up to when nodes may need" : ""
        }
    }

    /// How long nodes may need: for a list to all peers (half the peer timeout), for a retry of a configured peer, whose pause
    /// grows to a tenth of the time without it (wire facts), and half a minute. Lists name 20 nodes at a time.
    private static func settlingTime(_ roster: Roster, _ lastFault: Duration) -> Duration {
        let timeout = roster.members.map(\.configuration.peerTimeout).max() ?? .zero
        return (.seconds(30) + timeout / 2 + lastFault / 5) * (1 + roster.count / 20)
    }

    /// Why nothing is judged; nil where something is.
    var reasonForNoJudgement: String? {
        guard deadline != nil else { return reason }
        return told.isEmpty ? "no two nodes that can reach each other are told of each other" : nil
    }

    /// A pair that is promised and is not connected; nil where there is none.
    func missing(in matrix: PeerMatrix) -> (Int, Int)? {
        for node in component.indices {
            guard let set = component[node] else { continue }
            for other in component.indices
            where other != node && component[other] == set && !matrix[node, other].isCurrent {
                if told.contains(node * component.count + other) || view.meet(node, other) { return (node, other) }
            }
        }
        return nil
    }
}

/// How things stand after the last event.
private struct EndState {
    var networks: [String]
    var links: [String: LinkModel]
    var isRunning: [Bool]
    var isPartitioned = false
    /// When the last thing went wrong, or was put right.
    var lastFault = Duration.zero
    private var records: [String: RecordTarget] = [:]

    init(_ scenario: Scenario, _ roster: Roster) throws(ScenarioError) {
        networks = roster.members.map { scenario.nodes[$0.plan].network }
        // A node whose own link loses most of what it sends is as good as none.
        let isSound = roster.members.map { scenario.nodes[$0.plan].link?.isSound ?? true }
        isRunning = isSound
        links = [:]
        for record in scenario.records { records[record.name] = record.target }
        lastFault = scenario.nodes.map(\.start).max() ?? .zero
        for event in scenario.events.sorted(by: { $0.time < $1.time }) {
            var time = event.time
            switch event.action {
            case .partition: isPartitioned = true
            case .heal: isPartitioned = false
            case .kill(let name, let pause), .stop(let name, let pause):
                for number in try roster.numbers(of: name) {
                    isRunning[number] = pause != nil && isSound[number]
                }
                time += pause ?? .zero
            case .suspend(_, let duration): time += duration
            case .move(let name, let network): for number in try roster.numbers(of: name) { networks[number] = network }
            case .change(let network, let link): links[network] = link
            case .record(let name, let target): records[name] = target
            case .flush, .reboot, .renumber: break
            }
            lastFault = max(lastFault, time)
        }
    }

    /// The nodes that a peer's name stands for at the end.
    func targets(of host: String, _ roster: Roster) throws(ScenarioError) -> [Int] {
        switch records[host] {
        case .nodes(let names)?: try roster.numbers(of: names)
        case .failure?: []
        case nil: try roster.numbers(of: host)
        }
    }
}

/// The networks as they are at the end, and the ways through them.
private struct NetworkView {
    private struct Place {
        let outer: String?
        let hasIPv4: Bool
        let hasIPv6: Bool
        /// Whether there is a NAT to the network outside.
        let isTranslated: Bool
        /// Whether messages get through well enough to promise anything.
        let isSound: Bool
    }

    private let networks: [String]
    private var places: [String: Place] = [:]

    init(_ plans: [NetworkPlan], _ end: EndState) {
        networks = end.networks
        for plan in plans {
            // A change is one of both directions.
            let links = end.links[plan.name].map { [$0] } ?? [plan.link, plan.inwardLink ?? plan.link]
            places[plan.name] = Place(
                outer: plan.gateway?.network, hasIPv4: plan.hasIPv4, hasIPv6: plan.hasIPv6,
                isTranslated: plan.gateway?.nat != nil, isSound: links.allSatisfy(\.isSound))
        }
    }

    /// Whether what a node sends unasked gets to the other: who is told of one behind a NAT or a firewall is not heard there.
    func canCall(_ node: Int, _ other: Int) -> Bool { reaches(networks[node], networks[other]) }

    /// Whether one of two nodes reaches the other at the address that all see.
    func meet(_ node: Int, _ other: Int) -> Bool {
        isPublic(networks[other]) && reaches(networks[node], networks[other])
            || isPublic(networks[node]) && reaches(networks[other], networks[node])
    }

    /// Whether the addresses of a network are the same for everybody.
    private func isPublic(_ network: String) -> Bool {
        var name: String? = network
        while let current = name, let place = places[current] {
            if place.isTranslated { return false }
            name = place.outer
        }
        return true
    }

    private func reaches(_ from: String, _ to: String) -> Bool {
        guard var place = places[from], place.isSound else { return false }
        var name = from
        var (hasIPv4, hasIPv6) = (place.hasIPv4, place.hasIPv6)
        while name != to {
            guard let outer = place.outer, let next = places[outer], next.isSound else { return false }
            name = outer
            place = next
            hasIPv4 = hasIPv4 && next.hasIPv4
            hasIPv6 = hasIPv6 && next.hasIPv6
        }
        return hasIPv4 || hasIPv6
    }
}

extension LinkModel {
    /// Whether control messages of full length get through, most of the time.
    fileprivate var isSound: Bool {
        let isLossy =
            switch loss {
            case .independent(let probability): probability.millionths > 400_000
            case .numbered: false
            case .messages(_, let numbers): numbers.isEmpty
            case .bursts: true
            }
        let faults = [duplication, corruption, truncation].map(\.millionths).max() ?? 0
        let isWide = mtu.map { $0 >= 1500 } ?? true
        return !isLossy && faults <= 400_000 && isWide && (rate ?? .max) >= 100_000
    }
}

/// Sets that are joined step by step.
private struct DisjointSets {
    private var parents: [Int]

    init(count: Int) { parents = Array(0..<count) }

    mutating func root(of element: Int) -> Int {
        var element = element
        while parents[element] != element {
            parents[element] = parents[parents[element]]
            element = parents[element]
        }
        return element
    }

    mutating func join(_ left: Int, _ right: Int) { parents[root(of: left)] = root(of: right) }
}
