import VPNNode
import VPNSimulator

extension ScenarioFile {
    private static let claims = ["connected", "disconnected", "delivery", "latency", "dropped"]
    private static let times = ["within", "always", "never", "at_end"]

    mutating func readExpectation(_ node: YAMLNode) {
        guard
            let fields = ScenarioFields(
                node, "an expectation like { within: 5s, connected: all }",
                keys: Self.times + ["from", "to"] + Self.claims, faults: faults)
        else { return }
        let times = Self.times.filter(fields.has)
        guard times.count <= 1 else {
            return faults.report(
                fields.position,
                "an expectation has one of \(Self.times.joined(separator: ", ")); found \(times.joined(separator: " and "))"
            )
        }
        let time = self.time(times.first, fields)
        // `always: { connected: all }` holds its claim; the other forms have it beside them.
        let holder: ScenarioFields?
        if let key = times.first, key != "within", let inner = fields.node(key) {
            for claim in Self.claims where fields.has(claim) {
                fields.report(claim, "write it within '\(key)', like \(key): { connected: all }")
            }
            holder = ScenarioFields(
                inner, "what \(key == "never" ? "must not" : "has to") hold, like { connected: all }",
                keys: Self.claims, faults: faults)
        } else {
            holder = fields
        }
        guard let holder, let claim = claim(holder, time) else { return }
        scenario.expectations.append(Expectation(claim, time, text: node.flowText))
    }

    private func time(_ key: String?, _ fields: ScenarioFields) -> Expectation.Time {
        if key == "within" || key == "at_end" {
            for edge in ["from", "to"] where fields.has(edge) {
                fields.report(edge, "does not go with '\(key ?? "")'; leave it out")
            }
        }
        switch key {
        case "within":
            let time = fields.value("within", ScenarioValues.positiveDuration)
            if let time { check(time, fields, "within") }
            return .within(time ?? .zero)
        case "at_end": return .atEnd
        case "always":
            let (from, to) = window(fields, "from", "to")
            return .always(from: from, to: to)
        case "never":
            let (from, to) = window(fields, "from", "to")
            return .never(from: from, to: to)
        default:
            let (from, to) = window(fields, "from", "to")
            return .over(from: from, to: to)
        }
    }

    private func claim(_ fields: ScenarioFields, _ time: Expectation.Time) -> Expectation.Claim? {
        let written = Self.claims.filter(fields.has)
        guard let kind = written.first, written.count == 1, let node = fields.node(kind) else {
            let found = written.isEmpty ? "none" : written.joined(separator: " and ")
            faults.report(
                fields.position, "an expectation claims one of \(Self.claims.joined(separator: ", ")); found \(found)")
            return nil
        }
        let isCounted = ["delivery", "latency", "dropped"].contains(kind)
        let isWindow = if case .over = time { true } else { false }
        if isWindow, !isCounted {
            fields.report(
                kind, "say when: with \(Self.times.joined(separator: ", ")), such as { within: 5s, \(kind): … }")
        } else if !isWindow, isCounted {
            fields.report(kind, "is counted over a window; write 'from' and 'to', or neither for the whole scenario")
        }
        switch kind {
        case "connected": return connected(node)
        case "disconnected":
            guard let groups = groups(kind, node) else { return nil }
            guard groups.count == 2 else {
                fields.report(kind, "expected two groups, like [[a], [b, c]], found \(groups.count)")
                return nil
            }
            return .disconnected(groups[0], groups[1])
        case "delivery": return delivery(node)
        case "latency": return latency(node)
        default: return dropped(node)
        }
    }

    /// `all`, a group, or a list of nodes, two at least.
    private func connected(_ node: YAMLNode) -> Expectation.Claim? {
        if case .scalar(let scalar) = node.content, scalar.text == "all" { return .connected([]) }
        let items = if case .list(let items) = node.content { items } else { [node] }
        let members = items.compactMap { nodeName("connected", $0) }
        if members.count == items.count, members.reduce(0, { $0 + names.size(of: $1) }) < 2 {
            faults.report(node.position, "connected: expected 'all', a group, or at least two nodes, like [a, b]")
        }
        return .connected(members)
    }

    private func delivery(_ node: YAMLNode) -> Expectation.Claim? {
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

    private func latency(_ node: YAMLNode) -> Expectation.Claim? {
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

    private func dropped(_ node: YAMLNode) -> Expectation.Claim? {
        guard
            let fields = ScenarioFields(
                node, "what is dropped, like { node: a, reason: unauthentic, at_least: 1 }",
                keys: ["node", "reason", "at_least", "at_most"], faults: faults)
        else { return nil }
        fields.require("node", "the node that drops")
        fields.require("reason", "why, such as unauthentic")
        let parse = ScenarioValues.number(0...1_000_000_000)
        let least = fields.number("at_least", parse)
        let most = fields.number("at_most", parse)
        checkBounds(least, most, fields, example: "1")
        let reason = fields.value("reason", ScenarioValues.dropReason)
        guard let name = nodeName(fields, "node"), let reason else { return nil }
        return .dropped(name, reason, Expectation.Bounds(least: least, most: most))
    }

    /// A claim about frames from one node to another.
    private func ends(_ node: YAMLNode, _ example: String, keys: [String]) -> ScenarioFields? {
        let fields = ScenarioFields(node, "a claim like \(example)", keys: ["from", "to"] + keys, faults: faults)
        fields?.require("from", "the node that sends")
        fields?.require("to", "the node that is to get it, or all")
        return fields
    }

    private func checkBounds(_ least: Int?, _ most: Int?, _ fields: ScenarioFields, example: String) {
        if !fields.has("at_least"), !fields.has("at_most") {
            faults.report(
                fields.position, "'at_least' or 'at_most' is missing: how much it has to be, such as \(example)")
        }
        if let least, let most, least > most { fields.report("at_most", "must not be below 'at_least'") }
    }

    /// What is claimed of frames that nobody sends would say nothing.
    private func checkTraffic(_ from: String, _ to: String?, _ fields: ScenarioFields) {
        guard !hasTraffic(from: from, to: to) else { return }
        faults.report(fields.position, "nothing in 'traffic' goes from '\(from)' to '\(to ?? "all")'; add it there")
    }
}
