import VPNNode
import VPNProtocol
import VPNSimulator

extension ScenarioFile {
    mutating func readDefaults(_ node: YAMLNode) {
        let fields = ScenarioFields(
            node, "a mapping of keys like { device_type: tun, shared_key: secret }", keys: ConfigurationKey.inScenario,
            faults: faults, refusal: { ConfigurationKey(rawValue: $0)?.refusalInScenario })
        if let fields { defaults = SimulatedSettings(fields) }
    }

    /// Reads all nodes, then what they say of each other, then makes their configurations.
    mutating func readNodes(_ root: ScenarioFields) {
        let items = root.list("nodes")
        if items.isEmpty, let node = root.node("nodes"), node.isEmptyList {
            root.report("nodes", "a scenario needs at least one node")
        }
        var total = 0
        var places: [TextPosition] = []
        for item in items {
            guard let fields = nodeFields(item) else { continue }
            let count = fields.number("count", ScenarioValues.number(1...Self.maximumNodes))
            let name = fields.value("name", ScenarioValues.name)
            let isGroup = fields.has("count")
            if let name,
                let taken = names.add(name, count: isGroup ? count ?? Self.maximumNodes : nil, at: fields.place("name"))
            {
                fields.report("name", "\(taken); choose another name")
                continue
            }
            let network = networkName(fields, "network")
            let start = time(fields, "start") ?? .zero
            let own = SimulatedSettings(fields)
            let link = nodeLink(fields, in: network)
            let addresses = fields.number("addresses", ScenarioValues.number(1...16))
            let drift = fields.value("clock_drift", ScenarioValues.drift)
            let implementation = fields.value("implementation") { text throws(ValueError) in
                try SettingValues.nonEmpty(text, "the path of an implementation file")
            }
            if let fault = own.keyFault(over: defaults) { faults.report(fields.position, "shared_key: \(fault)") }
            total += isGroup ? count ?? 0 : 1
            guard let name, let network else { continue }
            var plan = NodePlan(name, in: network, NodeConfiguration(seal: PacketSeal(unencrypted: .standard)))
            plan.count = isGroup ? count : nil
            plan.start = start
            plan.link = link
            plan.addresses = addresses ?? 1
            plan.clockDrift = drift ?? 0
            plan.implementation = implementation
            scenario.nodes.append(plan)
            settings.append(own.over(defaults))
            places.append(fields.position)
        }
        for clash in names.clashes {
            faults.report(
                clash.position,
                "name: '\(clash.name)' is also a node of the group '\(clash.group)'; choose another name")
        }
        if total > Self.maximumNodes {
            root.report("nodes", "\(total) nodes are too many; at most \(Self.maximumNodes)")
        }
        if let records = root.node("records") { readRecords(records) }
        checkPeers()
        configure(at: places)
    }

    /// What the link does that a node sends on, where it is not that of its network.
    private func nodeLink(_ fields: ScenarioFields, in network: String?) -> LinkModel? {
        guard let node = fields.node("link"),
            let keys = ScenarioFields(node, "a link like { loss: 5% }", keys: Self.linkKeys, faults: faults)
        else { return nil }
        return link(keys, over: scenario.networks.first { $0.name == network }?.link ?? LinkModel())
    }

    private func nodeFields(_ node: YAMLNode) -> ScenarioFields? {
        let fields = ScenarioFields(
            node, "a node like { name: a, network: internet }",
            keys: ["name", "count", "network", "start", "addresses", "clock_drift", "link", "implementation"]
                + ConfigurationKey.inScenario, faults: faults,
            refusal: { ConfigurationKey(rawValue: $0)?.refusalInScenario })
        fields?.require("name", "what the node is called, such as hub")
        fields?.require("network", "the name of the network that the node is in")
        return fields
    }

    /// Reports each name among the peers that is no node's and no record's, once where it stands in the defaults.
    private func checkPeers() {
        var told: Set<TextPosition> = []
        let records = scenario.records.map(\.name)
        for peer in ([defaults] + settings).flatMap({ $0.peers ?? [] })
        where !names.contains(peer.name) && !records.contains(peer.name) && told.insert(peer.position).inserted {
            let advice = faults.isFull ? "" : names.advice(onUnknown: peer.name, records: records)
            faults.report(
                peer.position, "peers: there is no node '\(peer.name.shortenedForMessage)'; \(advice)")
        }
    }

    private mutating func configure(at places: [TextPosition]) {
        var keys = DerivedKeys()
        var ports: [String: UInt16] = [:]
        for (plan, settings) in zip(scenario.nodes, settings) { ports[plan.name] = settings.settings.port }
        // A record has the port of the first node that it stands for at the start.
        for record in scenario.records {
            if case .nodes(let nodes) = record.target, let first = nodes.first {
                ports[record.name] = ports[names.plan(of: first)]
            }
        }
        for index in scenario.nodes.indices {
            scenario.nodes[index].memberSubnets = memberSubnets(index)
            var settings = settings[index].settings
            if let first = scenario.nodes[index].memberSubnets.first { settings.subnets = first }
            settings.peers = (self.settings[index].peers ?? []).flatMap { peer in
                let port = peer.port ?? ports[names.plan(of: peer.name)] ?? PeerName.defaultPort
                return names.members(of: peer.name).compactMap { PeerName("\($0):\(port)") }
            }
            do {
                let network = try RunPlan.Network(settings)
                // A file with faults makes no scenario, and a key takes a moment.
                let seal =
                    faults.isEmpty
                    ? try keys.seal(settings, magic: network.magic) : PacketSeal(unencrypted: network.magic)
                if case .text(let text)? = settings.key { scenario.nodes[index].sharedKey = text }
                scenario.nodes[index].configuration = network.configuration(
                    settings.deviceType ?? .tap, seal: seal, reportsMessages: false)
            } catch let error as Failure {
                faults.report(places[index], error.lines.joined(separator: "; "))
            } catch {
                faults.report(places[index], "shared_key: \(error)")
            }
        }
    }
}
