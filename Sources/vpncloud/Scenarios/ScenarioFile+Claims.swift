import VPNNode
import VPNSimulator

/// What an expectation claims, one reader each.
extension ScenarioFile {
    /// `all`, a group, or a list of nodes, two at least.
    func connected(_ node: YAMLNode) -> Expectation.Claim? {
        if case .scalar(let scalar) = node.content, scalar.text == "all" { return .connected([]) }
        let items = if case .list(let items) = node.content { items } else { [node] }
        let members = items.compactMap { nodeName("connected", $0) }
        if members.count == items.count, members.reduce(0, { $0 + names.size(of: $1) }) < 2 {
            faults.report(node.position, "connected: expected 'all', a group, or at least two nodes, like [a, b]")
        }
        return .connected(members)
    }

    func delivery(_ node: YAMLNode) -> Expectation.Claim? {
        guard let fields = ends(node, "{ from: a, to: b, at_least: 99% }", keys: ["at_least", "at_most"]) else {
            return nil
        }
        let least = fields.value("at_least", ScenarioValues.hundredths)
        let most = fields.value("at_most", ScenarioValues.hundredths)
        checkBounds(least, most, fields, example: "99%")
        guard let from = nodeName(fields, "from"), let to = receiver(fields) else { return nil }
        checkTraffic(from, to, fields)
        return .delivery(from: from, to: to, Expectation.Bounds(least: least, most: most))
    }

    func latency(_ node: YAMLNode) -> Expectation.Claim? {
        guard
            let fields = ends(
                node, "{ from: a, to: b, percentile: 99%, at_most: 50ms }", keys: ["percentile", "at_most"])
        else { return nil }
        fields.require("at_most", "the longest time, such as 50ms")
        let percentile = fields.value("percentile", ScenarioValues.hundredths)
        let most = fields.value("at_most", ScenarioValues.positiveDuration)
        guard let from = nodeName(fields, "from"), let to = receiver(fields) else { return nil }
        checkTraffic(from, to, fields)
        return most.map { .latency(from: from, to: to, percentile: percentile ?? 10_000, atMost: $0) }
    }

    func dropped(_ node: YAMLNode) -> Expectation.Claim? {
        guard
            let fields = ScenarioFields(
                node, "what is dropped, like { node: a, reason: unauthentic, at_least: 1 }",
                keys: ["node", "reason", "at_least", "at_most"], faults: faults)
        else { return nil }
        fields.require("node", "the node that drops")
        fields.require("reason", "why, such as unauthentic")
        let bounds = bounds(fields, ScenarioValues.number(0...1_000_000_000), example: "1")
        let reason = fields.value("reason", ScenarioValues.dropReason)
        guard let name = subject(fields), let reason else { return nil }
        return .dropped(name, reason, bounds)
    }

    /// So many peers.
    func peers(_ node: YAMLNode) -> Expectation.Claim? {
        guard
            let fields = claimFields(node, "{ node: a, at_least: 3 }", keys: ["node", "at_least", "at_most"]),
            fields.require("node", "the node that has them")
        else { return nil }
        let bounds = bounds(fields, ScenarioValues.number(0...Self.maximumNodes), example: "3")
        return subject(fields).map { .peers(of: $0, bounds) }
    }

    /// Where a node sends to another one.
    func path(_ node: YAMLNode) -> Expectation.Claim? {
        guard
            let fields = claimFields(
                node, "{ from: a, to: b, network: internet }", keys: ["from", "to", "network"])
        else { return nil }
        fields.require("from", "the node that sends")
        fields.require("to", "the node that it sends to")
        fields.require("network", "the network in which the address is that it sends to")
        let network = networkName(fields, "network")
        guard let from = singleNodeName(fields, "from"), let to = singleNodeName(fields, "to"), let network else {
            return nil
        }
        checkDifferent(from, to, fields)
        return .path(from: from, to: to, network: network)
    }

    /// Where a node has learned that another is.
    func station(_ node: YAMLNode) -> Expectation.Claim? {
        guard let fields = claimFields(node, "{ of: b, at: b, known_by: a }", keys: ["of", "at", "known_by"]) else {
            return nil
        }
        fields.require("of", "the node whose station it is")
        fields.require("at", "the peer that it is behind")
        fields.require("known_by", "the node that has learned it")
        guard let station = singleNodeName(fields, "of"), let peer = singleNodeName(fields, "at"),
            let learner = singleNodeName(fields, "known_by")
        else { return nil }
        if learner == peer { fields.report("at", "'\(peer)' is no peer of itself; name another node") }
        return .station(of: station, at: peer, knownBy: learner)
    }

    /// How many entries a table has, or gives up.
    func table(_ kind: String, _ node: YAMLNode) -> Expectation.Claim? {
        let isCount = kind == "evicted"
        guard
            let fields = claimFields(
                node, "{ node: a, table: stations, \(isCount ? "at_least: 1" : "at_most: 10") }",
                keys: ["node", "table", "at_least", "at_most"])
        else { return nil }
        fields.require("node", "the node that has the table")
        fields.require("table", "which one, such as stations")
        let table = fields.value("table", ScenarioValues.table)
        let bounds = bounds(fields, ScenarioValues.number(0...1_000_000_000), example: "1")
        guard let name = subject(fields), let table else { return nil }
        return isCount ? .evicted(name, table, bounds) : .table(table, of: name, bounds)
    }

    /// What the tables take.
    func memory(_ node: YAMLNode) -> Expectation.Claim? {
        guard let fields = claimFields(node, "{ node: a, at_most: 200KiB }", keys: ["node", "at_most"]) else {
            return nil
        }
        fields.require("node", "the node that has the tables")
        fields.require("at_most", "the most bytes, such as 200KiB")
        let most = fields.value("at_most", ScenarioValues.byteCount)
        guard let name = subject(fields), let most else { return nil }
        return .memory(of: name, atMost: most)
    }

    /// What is sent besides data.
    func management(_ node: YAMLNode) -> Expectation.Claim? {
        guard
            let fields = claimFields(node, "{ node: a, at_most: 1kB }", keys: ["node", "at_least", "at_most"]),
            fields.require("node", "the node that sends")
        else { return nil }
        let least = fields.value("at_least", ScenarioValues.byteRate)
        let most = fields.value("at_most", ScenarioValues.byteRate)
        checkBounds(least, most, fields, example: "1kB")
        return subject(fields).map { .management(of: $0, Expectation.Bounds(least: least, most: most)) }
    }

    func claimFields(_ node: YAMLNode, _ example: String, keys: [String]) -> ScenarioFields? {
        ScenarioFields(node, "a claim like \(example)", keys: keys, faults: faults)
    }

    /// The node that a claim is about, a group for each of its nodes, or ``VPNSimulator/Scenario/allNodes``.
    func subject(_ fields: ScenarioFields) -> String? {
        if case .scalar(let scalar)? = fields.node("node")?.content, scalar.text == Scenario.allNodes {
            return scalar.text
        }
        return nodeName(fields, "node")
    }

    func bounds(
        _ fields: ScenarioFields, _ parse: (String) throws(ValueError) -> Int, example: String
    ) -> Expectation.Bounds {
        let least = fields.number("at_least", parse)
        let most = fields.number("at_most", parse)
        checkBounds(least, most, fields, example: example)
        return Expectation.Bounds(least: least, most: most)
    }

    /// A claim about frames from one node to another.
    func ends(_ node: YAMLNode, _ example: String, keys: [String]) -> ScenarioFields? {
        let fields = ScenarioFields(node, "a claim like \(example)", keys: ["from", "to"] + keys, faults: faults)
        fields?.require("from", "the node that sends")
        fields?.require("to", "the node that is to get it, or all")
        return fields
    }

    func checkBounds(_ least: Int?, _ most: Int?, _ fields: ScenarioFields, example: String) {
        if !fields.has("at_least"), !fields.has("at_most") {
            faults.report(
                fields.position, "'at_least' or 'at_most' is missing: how much it has to be, such as \(example)")
        }
        if let least, let most, least > most { fields.report("at_most", "must not be below 'at_least'") }
    }

    /// What is claimed of frames that nobody sends would say nothing.
    func checkTraffic(_ from: String, _ to: String?, _ fields: ScenarioFields) {
        guard !hasTraffic(from: from, to: to) else { return }
        faults.report(fields.position, "nothing in 'traffic' goes from '\(from)' to '\(to ?? "all")'; add it there")
    }
}
