import VPNNode
import VPNSimulator

extension ScenarioFile {
    /// The most networks.
    static let maximumNetworks = 1_000

    mutating func readNetworks(_ node: YAMLNode) {
        guard case .mapping(let entries) = node.content else {
            return faults.report(
                node.position, "networks: expected a mapping of names to networks, found \(node.summary)")
        }
        if entries.isEmpty { faults.report(node.position, "networks: a scenario needs at least one network") }
        guard entries.count <= Self.maximumNetworks else {
            return faults.report(
                node.position, "networks: \(entries.count) are too many; at most \(Self.maximumNetworks)")
        }
        var gateways: [(index: Int, fields: ScenarioFields)] = []
        var places: [String: TextPosition] = [:]
        for entry in entries {
            let reader = ValueReader(faults: faults)
            guard let name = reader.value("the name of a network", entry.key, ScenarioValues.name) else { continue }
            if let first = places[name] {
                faults.report(
                    entry.key.position,
                    "there is already a network '\(name)' in line \(first.line); choose another name")
                continue
            }
            places[name] = entry.key.position
            scenario.networks.append(NetworkPlan(name))
            if case .scalar(let scalar) = entry.value.content, scalar.isNull { continue }
            let keys = Self.linkKeys + ["inward", "families", "behind"]
            guard
                let fields = ScenarioFields(entry.value, "a network like { latency: 20ms }", keys: keys, faults: faults)
            else { continue }
            let index = scenario.networks.count - 1
            scenario.networks[index].link = link(fields, over: LinkModel())
            scenario.networks[index].inwardLink = inwardLink(fields, over: scenario.networks[index].link)
            if let families = fields.node("families").flatMap(families) {
                scenario.networks[index].hasIPv4 = families.contains(.ipv4)
                scenario.networks[index].hasIPv6 = families.contains(.ipv6)
            }
            guard let behind = fields.node("behind"),
                let gateway = ScenarioFields(
                    behind, "a gateway like { network: internet, nat: home }",
                    keys: ["network", "nat", "firewall"], faults: faults)
            else { continue }
            gateways.append((index, gateway))
        }
        for (index, fields) in gateways { readGateway(fields, of: index) }
        reportCycles(gateways)
    }

    /// What the links do with what the gateway sends, where that is not the same.
    private func inwardLink(_ fields: ScenarioFields, over base: LinkModel) -> LinkModel? {
        guard let node = fields.node("inward") else { return nil }
        if !fields.has("behind") {
            fields.report("inward", "is about what the gateway sends; add 'behind', or leave it out")
        }
        let keys = ScenarioFields(node, "a link like { rate: 1Mbit }", keys: Self.linkKeys, faults: faults)
        return keys.map { link($0, over: base) }
    }

    /// The kinds of addresses of a network.
    private enum Family: String, CaseIterable {
        case ipv4
        case ipv6
    }

    /// `ipv4`, `ipv6`, or a list of them; nil where none could be read.
    private func families(_ node: YAMLNode) -> [Family]? {
        let items = if case .list(let items) = node.content { items } else { [node] }
        if items.isEmpty {
            faults.report(node.position, "families: a network has at least one, 'ipv4' or 'ipv6'")
        }
        var families: [Family] = []
        for item in items {
            let family = ValueReader(faults: faults).value(
                "families", item, ScenarioValues.choice(Family.self))
            guard let family else { continue }
            if families.contains(family) {
                faults.report(item.position, "families: '\(family.rawValue)' is named already; keep one of them")
            }
            families.append(family)
        }
        return families.isEmpty ? nil : families
    }

    private mutating func readGateway(_ fields: ScenarioFields, of index: Int) {
        fields.require("network", "the network outside, such as internet")
        let model = fields.node("nat").flatMap(nat)
        let isFirewall = fields.boolean("firewall") ?? false
        guard let outer = networkName(fields, "network") else { return }
        if model != nil {
            let inner = scenario.networks[index].name
            for network in scenario.networks where [inner, outer].contains(network.name) && !network.hasIPv4 {
                fields.report(
                    "nat", "translates IPv4, which '\(network.name)' does not have; add ipv4 to its 'families'")
            }
        }
        var gateway = GatewayPlan(to: outer, nat: model)
        gateway.isFirewall = isFirewall
        scenario.networks[index].gateway = gateway
    }

    /// Reports each ring of networks that are behind each other once.
    private func reportCycles(_ gateways: [(index: Int, fields: ScenarioFields)]) {
        var outer: [String: String] = [:]
        for network in scenario.networks { outer[network.name] = network.gateway?.network }
        var told: Set<String> = []
        for (index, fields) in gateways {
            let first = scenario.networks[index].name
            var path = [first]
            while let next = outer[path.last ?? first], !path.contains(next), path.count <= Topology.maximumDepth + 1 {
                path.append(next)
            }
            if path.count > Topology.maximumDepth + 1 {
                return fields.report(
                    "network",
                    "'\(first)' would be behind more than \(Topology.maximumDepth) gateways, the most there can be")
            }
            guard outer[path.last ?? first] == first, !path.contains(where: told.contains) else { continue }
            told.formUnion(path)
            fields.report(
                "network",
                "'\(first)' would be behind itself: \((path + [first]).joined(separator: " behind ")); one of them must be behind none"
            )
        }
    }

    /// A preset's name, or axes over a preset.
    private func nat(_ node: YAMLNode) -> NATModel? {
        let preset = ScenarioValues.choice(NATModel.Preset.self)
        if case .scalar = node.content {
            return ValueReader(faults: faults).value("nat", node, preset).map(NATModel.init)
        }
        let keys = [
            "preset", "mapping", "filtering", "ports", "hairpinning", "mapping_timeout", "refresh", "limit",
            "overflow", "external_addresses", "pooling", "port_mappings",
        ]
        guard
            let fields = ScenarioFields(
                node, "the name of a preset like home, or a mapping like { preset: home, mapping_timeout: 30s }",
                keys: keys, faults: faults)
        else { return nil }
        var model = fields.value("preset", preset).map(NATModel.init) ?? NATModel()
        let dependence = ScenarioValues.choice(EndpointDependence.self)
        if let mapping = fields.value("mapping", dependence) { model.mapping = mapping }
        if let filtering = fields.value("filtering", dependence) { model.filtering = filtering }
        if let ports = fields.value("ports", ScenarioValues.choice(PortAllocation.self)) { model.ports = ports }
        if let hairpinning = fields.boolean("hairpinning") { model.hairpinning = hairpinning }
        if let timeout = fields.value("mapping_timeout", ScenarioValues.positiveDuration) { model.timeout = timeout }
        if let refresh = fields.value("refresh", ScenarioValues.choice(MappingRefresh.self)) { model.refresh = refresh }
        if let limit = fields.number("limit", ScenarioValues.number(1...1_000_000)) { model.limit = limit }
        if let count = fields.number("external_addresses", ScenarioValues.number(1...254)) {
            model.externalAddresses = count
        }
        if let overflow = fields.value("overflow", ScenarioValues.choice(TableOverflow.self)) {
            model.overflow = overflow
        }
        if let pooling = fields.value("pooling", ScenarioValues.choice(AddressPooling.self)) { model.pooling = pooling }
        if let grants = fields.boolean("port_mappings") { model.grantsPortMappings = grants }
        return model
    }
}
