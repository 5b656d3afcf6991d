import VPNNode
import VPNSimulator

extension ScenarioFile {
    private static let actions = [
        "partition", "heal", "kill", "stop", "suspend", "move", "change", "flush", "reboot", "renumber", "record",
    ]

    /// Reads the events and puts them in the order of their times, since a change counts from then on.
    mutating func readEvents(_ root: ScenarioFields) {
        var dated: [(time: Duration, fields: ScenarioFields)] = []
        for item in root.list("events") {
            guard
                let fields = ScenarioFields(
                    item, "an event like { at: 60s, kill: a }",
                    keys: ["at"] + Self.actions + ["one_way", "restart_after", "for", "to", "is"], faults: faults)
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
        case "suspend":
            let name = nodeName(kind, node)
            guard let pause = fields.value("for", ScenarioValues.positiveDuration) else { return nil }
            check(time + pause, fields, "for")
            return name.map { .suspend($0, duration: pause) }
        case "move":
            let name = nodeName(kind, node)
            guard let network = networkName(fields, "to"), let name else { return nil }
            return .move(name, to: network)
        case "change": return change(node, fields, &links)
        case "record":
            let name = recordName(kind, node)
            guard let target = fields.node("is").flatMap({ recordTarget("is", $0) }), let name else { return nil }
            return .record(name, target)
        default: return gatewayAction(kind, node)
        }
    }

    /// What happens to the box that a network is behind.
    private func gatewayAction(_ kind: String, _ node: YAMLNode) -> PlannedEvent.Action? {
        guard let name = networkName(kind, node) else { return nil }
        let gateway = scenario.networks.first { $0.name == name }?.gateway
        let isRight = gateway?.nat != nil || kind == "reboot" && gateway?.isFirewall == true
        let whatIsMissing =
            switch kind {
            case "flush": "no NAT that has mappings to forget"
            case "reboot": "no NAT and no firewall that has something to forget"
            default: "no NAT that has external addresses"
            }
        if !isRight { faults.report(node.position, "\(kind): '\(name)' is behind \(whatIsMissing)") }
        return switch kind {
        case "flush": .flush(gatewayOf: name)
        case "reboot": .reboot(gatewayOf: name)
        default: .renumber(gatewayOf: name)
        }
    }

    /// Keys that only some events have, or must have.
    private func checkCompanions(of kind: String, _ fields: ScenarioFields) {
        let companions = [
            ("one_way", ["partition"]), ("restart_after", ["kill", "stop"]), ("for", ["suspend"]),
            ("to", ["move", "change"]), ("is", ["record"]),
        ]
        for (key, kinds) in companions where fields.has(key) && !kinds.contains(kind) {
            fields.report(key, "belongs to \(kinds.joined(separator: " and ")), not to \(kind); leave it out")
        }
        if kind == "move" { fields.require("to", "the network that the node moves to") }
        if kind == "suspend" { fields.require("for", "how long it sleeps, such as 1h") }
        if kind == "record" { fields.require("is", "the nodes that the name stands for from then on, or none") }
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
