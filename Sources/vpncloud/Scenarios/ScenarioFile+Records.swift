import VPNSimulator

extension ScenarioFile {
    /// The most records.
    static let maximumRecords = 1_000

    /// Reads what the name service knows besides the names of nodes.
    mutating func readRecords(_ node: YAMLNode) {
        guard case .mapping(let entries) = node.content else {
            return faults.report(
                node.position,
                "records: expected names with what they stand for, like { vpn.example.org: hub }, "
                    + "found \(node.summary)")
        }
        guard entries.count <= Self.maximumRecords else {
            return faults.report(
                node.position, "records: \(entries.count) are too many; at most \(Self.maximumRecords)")
        }
        var places: [String: TextPosition] = [:]
        for entry in entries {
            let reader = ValueReader(faults: faults)
            guard let name = reader.value("the name of a record", entry.key, ScenarioValues.recordName) else {
                continue
            }
            if let first = places[name] {
                faults.report(
                    entry.key.position,
                    "there is already a record '\(name)' in line \(first.line); choose another name")
            } else if names.contains(name) {
                faults.report(
                    entry.key.position,
                    "'\(name)' is the name of a node, which always resolves to it; choose another name")
            } else {
                places[name] = entry.key.position
                // A name counts as known also where what it stands for is wrong.
                scenario.records.append(RecordPlan(name, recordTarget(name, entry.value) ?? .failure))
            }
        }
    }

    /// A node, a group, a list of these, or `none`.
    func recordTarget(_ key: String, _ node: YAMLNode) -> RecordTarget? {
        if case .scalar(let scalar) = node.content, scalar.text == "none" { return .failure }
        let items = if case .list(let items) = node.content { items } else { [node] }
        if items.isEmpty {
            faults.report(node.position, "\(key): name at least one node, or write 'none' for a name that is unknown")
        }
        let targets = items.compactMap { nodeName(key, $0) }
        return targets.count == items.count && !targets.isEmpty ? .nodes(targets) : nil
    }

    /// The name of a record; nil, and a fault, where there is none.
    func recordName(_ key: String, _ node: YAMLNode) -> String? {
        let known = scenario.records.map(\.name)
        return knownName(key, node, among: known, "record", isKnown: known.contains)
    }

    /// Reads what the lab is told: that the scenario is to be played there, and how fast.
    mutating func readLab(_ node: YAMLNode) {
        guard
            let fields = ScenarioFields(
                node, "what the lab is told, like { scale: 0.1 }", keys: ["scale"], faults: faults)
        else { return }
        scenario.labScale = fields.number("scale", ScenarioValues.scale) ?? 1000
    }

    /// Reads which invariants count and which do not; those that are not named are as they are by default.
    mutating func readInvariants(_ node: YAMLNode) {
        let all = Invariant.allCases
        guard
            let fields = ScenarioFields(
                node, "invariants with true or false, like { full_mesh: false }", keys: all.map(\.rawValue),
                faults: faults)
        else { return }
        scenario.invariants = all.filter { invariant in
            fields.boolean(invariant.rawValue) ?? Invariant.defaults.contains(invariant)
        }
    }
}
