import VPNNode
import VPNProtocol
import VPNSimulator

/// Reads a scenario from the YAML text of a scenario file (docs/scenarios.md).
///
/// Names may be used before the line that introduces them: networks and nodes are read first, then what refers to them.
struct ScenarioFile {
    /// The most nodes, as many as a node can have peers.
    static let maximumNodes = Limits().peers

    let faults: FaultList
    var scenario = Scenario(name: "")
    /// How long the scenario runs; nil where that could not be read.
    var duration: Duration?
    var names = NodeNames()
    /// What the nodes are told, for each of the scenario's nodes.
    var settings: [SimulatedSettings] = []
    var defaults = SimulatedSettings()

    /// The scenario of a text. Throws every fault that it has, not just the first.
    ///
    /// - Parameter name: the file's name for messages.
    static func read(_ bytes: [UInt8], name: String) throws(ConfigurationFileError) -> Scenario {
        let root = try YAMLNode.parse(bytes, file: name)
        var file = ScenarioFile(faults: FaultList(file: name))
        if let root {
            file.read(root)
        } else {
            file.faults.report(
                TextPosition(line: 1, column: 1),
                "the file says nothing; a scenario has at least name, duration, networks and nodes")
        }
        try file.faults.throwIfAny()
        return file.scenario
    }

    private init(faults: FaultList) { self.faults = faults }

    private mutating func read(_ root: YAMLNode) {
        let keys = [
            "name", "seed", "duration", "settle", "defaults", "networks", "nodes", "records", "events", "traffic",
            "expect", "invariants", "lab",
        ]
        guard
            let fields = ScenarioFields(
                root, "a scenario, lines of the form 'key: value'", keys: keys, faults: faults)
        else { return }
        fields.require("name", "what the scenario shows")
        fields.require("duration", "how long it runs, such as 5min")
        fields.require("networks", "at least one, such as internet: { latency: 20ms }")
        fields.require("nodes", "at least one, such as { name: a, network: internet }")
        scenario.name =
            fields.value("name") { text throws(ValueError) in try SettingValues.nonEmpty(text, "a text") } ?? ""
        if let seed = fields.number("seed", ScenarioValues.seed) { scenario.seed = seed }
        duration = fields.value("duration", ScenarioValues.positiveDuration)
        if let duration { scenario.duration = duration }
        scenario.settlingTime = time(fields, "settle")
        if let node = fields.node("defaults") { readDefaults(node) }
        if let node = fields.node("networks") { readNetworks(node) }
        readNodes(fields)
        readEvents(fields)
        for item in fields.list("traffic") { readTraffic(item) }
        checkFrameCount(fields)
        for item in fields.list("expect") { readExpectation(item) }
        if let node = fields.node("invariants") { readInvariants(node) }
        if let node = fields.node("lab") { readLab(node) }
    }
}

extension ScenarioFile {
    /// A time within the scenario.
    func time(_ fields: ScenarioFields, _ key: String) -> Duration? {
        guard let time = fields.duration(key) else { return nil }
        check(time, fields, key)
        return time
    }

    /// Reports a time after the end.
    func check(_ time: Duration, _ fields: ScenarioFields, _ key: String) {
        guard let duration, time > duration else { return }
        fields.report(key, "\(time.inUnits) is after the end of the scenario, \(duration.inUnits)")
    }

    /// A start and an end, in this order, where both are written.
    func window(_ fields: ScenarioFields, _ start: String, _ end: String) -> (from: Duration, to: Duration?) {
        let from = time(fields, start)
        let to = time(fields, end)
        if let to, to <= from ?? .zero {
            fields.report(end, "must be later than '\(start)', \((from ?? .zero).inUnits)")
        }
        return (from ?? .zero, to)
    }

    /// A name of a node or a group; nil, and a fault, where there is none.
    func nodeName(_ key: String, _ node: YAMLNode) -> String? {
        knownName(key, node, among: names.written, "node", isKnown: names.contains)
    }

    func nodeName(_ fields: ScenarioFields, _ key: String) -> String? {
        fields.node(key).flatMap { nodeName(key, $0) }
    }

    /// A name of one node; nil, and a fault, where it is that of a group.
    func singleNodeName(_ fields: ScenarioFields, _ key: String) -> String? {
        guard let name = nodeName(fields, key) else { return nil }
        guard names.isGroup(name) else { return name }
        fields.report(key, "'\(name)' is a group; name one of its nodes, such as \(name)-1")
        return nil
    }

    /// A name of a network; nil, and a fault, where there is none.
    func networkName(_ key: String, _ node: YAMLNode) -> String? {
        let known = scenario.networks.map(\.name)
        return knownName(key, node, among: known, "network", isKnown: known.contains)
    }

    /// A name that is known; nil, and a fault, where it is not.
    ///
    /// - Parameters:
    ///   - written: the names that are suggested for one that is unknown.
    ///   - what: what it is the name of, such as `network`.
    ///   - isKnown: whether there is such a name.
    func knownName(
        _ key: String, _ node: YAMLNode, among written: [String], _ what: String, isKnown: (String) -> Bool
    ) -> String? {
        guard case .scalar(let scalar) = node.content, !scalar.isNull else {
            faults.report(node.position, "\(key): expected the name of a \(what), found \(node.summary)")
            return nil
        }
        guard isKnown(scalar.text) else {
            let advice =
                faults.isFull ? "" : Spelling.advice(onUnknown: scalar.text, among: written, called: "\(what)s")
            faults.report(
                node.position, "\(key): there is no \(what) '\(scalar.text.shortenedForMessage)'; \(advice)")
            return nil
        }
        return scalar.text
    }

    func networkName(_ fields: ScenarioFields, _ key: String) -> String? {
        fields.node(key).flatMap { networkName(key, $0) }
    }

    /// Groups of nodes, of which no node is in two.
    func groups(_ key: String, _ node: YAMLNode) -> [[String]]? {
        guard case .list(let items) = node.content, items.count >= 2 else {
            faults.report(
                node.position, "\(key): expected at least two groups, like [[a], [b, c]], found \(node.summary)")
            return nil
        }
        let groups = items.map { item -> [(name: String, position: TextPosition)] in
            let members =
                if case .list(let members) = item.content { members } else { [item] }
            if members.isEmpty { faults.report(item.position, "\(key): a group needs at least one node") }
            return members.compactMap { member in nodeName(key, member).map { ($0, member.position) } }
        }
        var seen: [String] = []
        for member in groups.joined() {
            if let other = seen.first(where: { names.overlap($0, member.name) }) {
                faults.report(
                    member.position,
                    "\(key): '\(member.name)' is named already\(other == member.name ? "" : " by '\(other)'"); keep one of them"
                )
            }
            seen.append(member.name)
        }
        return groups.map { $0.map(\.name) }
    }
}

extension Duration {
    /// The time as a scenario file has it, with all units that are not zero: `1h30min`.
    var inUnits: String { units.map { "\($0)\($1)" }.joined() }

    /// The time for people: `1 h 30 min`.
    var inWords: String { units.map { "\($0) \($1)" }.joined(separator: " ") }

    private var units: [(Int64, String)] {
        let (seconds, attoseconds) = components
        let fraction = attoseconds / 1_000_000_000
        let parts: [(Int64, String)] = [
            (seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s"),
            (fraction / 1_000_000, "ms"), (fraction / 1000 % 1000, "us"), (fraction % 1000, "ns"),
        ]
        let present = parts.filter { $0.0 != 0 }
        return present.isEmpty ? [(0, "s")] : present
    }
}
