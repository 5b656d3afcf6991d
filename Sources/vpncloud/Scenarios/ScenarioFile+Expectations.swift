import VPNNode
import VPNSimulator

extension ScenarioFile {
    private static let counted = ["delivery", "latency", "dropped", "evicted", "management"]
    private static let claims =
        ["connected", "disconnected", "peers", "path", "station", "table", "memory"] + counted
    private static let times = ["within", "always", "never", "eventually", "sometimes", "at_end"]

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
            if key == "always", case .scalar(let scalar) = inner.content, !scalar.isNull {
                return readInvariant(scalar.text, inner, fields, text: node.flowText)
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
        case "eventually":
            let (from, to) = window(fields, "from", "to")
            return .eventually(from: from, to: to)
        case "sometimes":
            let (from, to) = window(fields, "from", "to")
            return .sometimes(from: from, to: to)
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
        let isCounted = Self.counted.contains(kind)
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
        case "peers": return peers(node)
        case "path": return path(node)
        case "station": return station(node)
        case "table", "evicted": return table(kind, node)
        case "memory": return memory(node)
        case "delivery": return delivery(node)
        case "latency": return latency(node)
        case "management": return management(node)
        default: return dropped(node)
        }
    }

    /// `always: no_duplicate_frames`: one of the invariants, which are about the whole run.
    private mutating func readInvariant(_ name: String, _ node: YAMLNode, _ fields: ScenarioFields, text: String) {
        for key in ["from", "to"] where fields.has(key) {
            fields.report(key, "does not go with an invariant, which is about the whole run; leave it out")
        }
        guard let invariant = Invariant(rawValue: name) else {
            let known = Invariant.allCases.map(\.rawValue)
            let advice = faults.isFull ? "" : Spelling.advice(onUnknown: name, among: known, called: "invariants")
            return faults.report(
                node.position,
                "expected what has to hold, like { connected: all } or an invariant, found \(node.summary); \(advice)")
        }
        scenario.expectations.append(
            Expectation(.invariant(invariant), .always(from: .zero, to: nil), text: text))
    }
}
