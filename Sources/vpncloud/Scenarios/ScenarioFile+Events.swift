import VPNNode
import VPNSimulator

extension ScenarioFile {
    private static let actions = ["partition", "heal", "kill", "stop", "move", "change", "flush"]

    /// Reads the events and puts them in the order of their times, since a change counts from then on.
    mutating func readEvents(_ root: ScenarioFields) {
        var dated: [(time: Duration, fields: ScenarioFields)] = []
        for item in root.list("events") {
            guard
                let fields = ScenarioFields(
                    item, "an event like { at: 60s, kill: a }",
                    keys: ["at"] + Self.actions + ["one_way", "restart_after", "to"], faults: faults)
            else { continue }
            fields.require("at", "when it happens, such as 60s")
            dated.append((time(fields, "at") ?? .zero, fields))
        }
        let ordered = dated.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }
        var links: [String: LinkModel] = [:]
        for network in scenario.networks { links[network.name] = network.link }
        for (time, fields) in ordered.map(\.element) {
            if let action = action(fields, at: time, &links) {
                scenario.events.append(PlannedEvent(at: time, action))
            }
        }
    }

    private func action(
        _ fields: ScenarioFields, at time: Duration, _ links: inout [String: LinkModel]
    ) -> PlannedEvent.Action? {
        let written = Self.actions.filter(fields.has)
        guard let kind = written.first, written.count == 1, let node = fields.node(kind) else {
            let found = written.isEmpty ? "none" : written.joined(separator: " and ")
            faults.report(
                fields.position, "an event is one of \(Self.actions.joined(separator: ", ")); found \(found)")
            return nil
        }
        checkCompanions(of: kind, fields)
        switch kind {
        case "partition": return partition(node, fields)
        case "heal":
            guard case .scalar(let scalar) = node.content, scalar.text == "all" else {
                fields.report("heal", "expected 'all', found \(node.summary)")
                return nil
            }
            return .heal
        case "kill": return nodeName(kind, node).map { .kill($0, restartAfter: restart(fields, after: time)) }
        case "stop": return nodeName(kind, node).map { .stop($0, restartAfter: restart(fields, after: time)) }
        case "move":
            let name = nodeName(kind, node)
            guard let network = networkName(fields, "to"), let name else { return nil }
            return .move(name, to: network)
        case "change": return change(node, fields, &links)
        default:
            guard let name = networkName(kind, node) else { return nil }
            if scenario.networks.first(where: { $0.name == name })?.gateway?.nat == nil {
                fields.report("flush", "'\(name)' is behind no NAT that has mappings to forget")
            }
            return .flush(gatewayOf: name)
        }
    }

    /// Keys that only some events have, or must have.
    private func checkCompanions(of kind: String, _ fields: ScenarioFields) {
        let companions = [
            ("one_way", ["partition"]), ("restart_after", ["kill", "stop"]), ("to", ["move", "change"]),
        ]
        for (key, kinds) in companions where fields.has(key) && !kinds.contains(kind) {
            fields.report(key, "belongs to \(kinds.joined(separator: " and ")), not to \(kind); leave it out")
        }
        if kind == "move" { fields.require("to", "the network that the node moves to") }
        if kind == "change" { fields.require("to", "what changes, such as { loss: 50% }") }
    }

    private func partition(_ node: YAMLNode, _ fields: ScenarioFields) -> PlannedEvent.Action? {
        let isOneWay = fields.boolean("one_way") ?? false
        guard let groups = groups("partition", node) else { return nil }
        if isOneWay, groups.count != 2 {
            fields.report("one_way", "goes from a first group to a second one; write two groups, not \(groups.count)")
        }
        return .partition(groups, oneWay: isOneWay)
    }

    private func restart(_ fields: ScenarioFields, after time: Duration) -> Duration? {
        guard let pause = fields.duration("restart_after") else { return nil }
        check(time + pause, fields, "restart_after")
        return pause
    }

    private func change(
        _ node: YAMLNode, _ fields: ScenarioFields, _ links: inout [String: LinkModel]
    ) -> PlannedEvent.Action? {
        let name = networkName("change", node)
        guard let to = fields.node("to"),
            let changes = ScenarioFields(
                to, "what changes, like { loss: 50% }", keys: Self.linkKeys, faults: faults)
        else { return nil }
        let link = link(changes, over: name.flatMap { links[$0] } ?? LinkModel())
        guard let name else { return nil }
        links[name] = link
        return .change(network: name, link)
    }
}
