import VPNNode
import VPNSimulator

extension ScenarioFile {
    mutating func readTraffic(_ node: YAMLNode) {
        guard
            let fields = ScenarioFields(
                node, "traffic like { from: a, to: b, every: 100ms }",
                keys: ["from", "to", "every", "rate", "size", "start", "end", "count", "echo", "kind", "vlan"],
                faults: faults)
        else { return }
        fields.require("from", "the node that sends")
        fields.require("to", "the node that is to get it, or all")
        let from = nodeName(fields, "from")
        let to = receiver(fields)
        let size = fields.number("size", ScenarioValues.number(64...65_000)) ?? 100
        let interval = interval(fields, size: size)
        let (start, end) = window(fields, "start", "end")
        let count = fields.number("count", ScenarioValues.number(1...Scenario.maximumFrames))
        let isEcho = fields.boolean("echo") ?? false
        let kind = fields.value("kind", ScenarioValues.choice(TrafficPlan.Kind.self)) ?? .data
        let vlan = fields.number("vlan", ScenarioValues.number(1...4094))
        if isEcho, case .some(nil) = to { fields.report("echo", "a broadcast is not answered; name a node in 'to'") }
        if kind == .arp {
            if isEcho { fields.report("echo", "'arp' is answered as it is; leave it out") }
            if case .some(nil) = to { fields.report("to", "'arp' asks for one node; name it, or a group") }
        }
        guard let from, let to, let interval else { return }
        checkDifferent(from, to, fields)
        if let to, let sent = deviceType(of: from), let wanted = deviceType(of: to), sent != wanted {
            fields.report(
                "to",
                "'\(to)' has a \(wanted.rawValue) device and '\(from)' a \(sent.rawValue) device, which do not "
                    + "understand each other's frames; give both the same 'device_type'")
        }
        for key in ["vlan", "kind"] where fields.has(key) && (key == "vlan" || kind == .arp) {
            checkEthernet(from, to, fields, key)
        }
        var traffic = TrafficPlan(from: from, to: to, every: interval)
        traffic.size = size
        traffic.start = start
        traffic.end = end
        traffic.count = count
        traffic.isEcho = isEcho
        traffic.kind = kind
        traffic.vlan = vlan.map(UInt16.init)
        scenario.traffic.append(traffic)
    }

    /// The pause between two frames, which is written, or follows from the bits a second.
    private func interval(_ fields: ScenarioFields, size: Int) -> Duration? {
        if fields.has("rate"), fields.has("every") {
            fields.report("rate", "'every' says how often already; keep one of them")
        } else if !fields.has("rate") {
            fields.require("every", "the pause between two frames, such as 100ms, or 'rate', such as 10Mbit")
        }
        if let every = fields.value("every", ScenarioValues.positiveDuration) { return every }
        guard let rate = fields.value("rate", ScenarioValues.finiteRate) else { return nil }
        return .nanoseconds(max(1, size * 8 * 1_000_000_000 / rate))
    }

    /// The kind of device of a node or a group; nil where that is not known.
    private func deviceType(of name: String) -> DeviceType? {
        let plan = names.plan(of: name)
        return scenario.nodes.firstIndex { $0.name == plan }.map { settings[$0].settings.deviceType ?? .tap }
    }

    /// Reports nodes with a TUN device where frames have to be those of an Ethernet.
    private func checkEthernet(_ from: String, _ to: String?, _ fields: ScenarioFields, _ key: String) {
        for name in [from, to].compactMap(\.self) {
            let plan = names.plan(of: name)
            guard let index = scenario.nodes.firstIndex(where: { $0.name == plan }),
                settings[index].settings.deviceType == .tun
            else { continue }
            return fields.report(key, "needs Ethernet frames, and '\(name)' has a TUN device; use 'device_type: tap'")
        }
    }

    /// Reports traffic that would take a simulator too long, or all its memory.
    func checkFrameCount(_ root: ScenarioFields) {
        guard let duration else { return }
        var total = 0
        for traffic in scenario.traffic {
            let (sum, overflow) = total.addingReportingOverflow(frameCount(traffic, duration))
            total = overflow ? .max : sum
        }
        guard total > Scenario.maximumFrames else { return }
        let found = total == .max ? "more frames than can be counted" : "\(total) frames"
        root.report(
            "traffic",
            "makes up to \(found); at most \(Scenario.maximumFrames) can be simulated: make pauses longer, or write 'count' or 'end'"
        )
    }

    /// How many frames there are, each counted once for each receiver.
    private func frameCount(_ traffic: TrafficPlan, _ duration: Duration) -> Int {
        let all = scenario.nodes.reduce(0) { $0 + ($1.count ?? 1) }
        let receivers = traffic.to.map { names.size(of: $0) } ?? max(all - 1, 1)
        var result = traffic.frames(in: duration)
        for factor in [names.size(of: traffic.from), receivers] {
            let (product, overflow) = result.multipliedReportingOverflow(by: factor)
            result = overflow ? .max : product
        }
        return result
    }

    /// Who is to get something: a name, nil within for all, nil where that could not be read.
    func receiver(_ fields: ScenarioFields) -> String?? {
        guard let node = fields.node("to") else { return nil }
        if case .scalar(let scalar) = node.content, scalar.text == "all" { return .some(nil) }
        return nodeName("to", node).map { .some($0) }
    }

    /// Reports a single node that is both ends.
    func checkDifferent(_ from: String, _ to: String?, _ fields: ScenarioFields) {
        if from == to, names.size(of: from) == 1 {
            fields.report("to", "'\(from)' does not send to itself; name another node")
        }
    }

    /// Whether some traffic, or its echo, goes from nodes of the one name to nodes of the other.
    func hasTraffic(from: String, to: String?) -> Bool {
        scenario.traffic.contains { traffic in
            guard let receiver = traffic.to else { return names.overlap(traffic.from, from) }
            guard let to else { return false }
            return names.overlap(traffic.from, from) && names.overlap(receiver, to)
                || (traffic.isEcho || traffic.kind == .arp) && names.overlap(traffic.from, to)
                    && names.overlap(receiver, from)
        }
    }
}
