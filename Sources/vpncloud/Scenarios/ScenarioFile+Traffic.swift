import VPNNode
import VPNSimulator

extension ScenarioFile {
    mutating func readTraffic(_ node: YAMLNode) {
        guard
            let fields = ScenarioFields(
                node, "traffic like { from: a, to: b, every: 100ms }",
                keys: ["from", "to", "every", "size", "start", "end", "echo"], faults: faults)
        else { return }
        fields.require("from", "the node that sends")
        fields.require("to", "the node that is to get it, or all")
        fields.require("every", "the pause between two frames, such as 100ms")
        let from = nodeName(fields, "from")
        let to = receiver(fields)
        let interval = fields.value("every", ScenarioValues.positiveDuration)
        let size = fields.number("size", ScenarioValues.number(64...65_000))
        let (start, end) = window(fields, "start", "end")
        let isEcho = fields.boolean("echo") ?? false
        if isEcho, case .some(nil) = to { fields.report("echo", "a broadcast is not answered; name a node in 'to'") }
        guard let from, let to, let interval else { return }
        checkDifferent(from, to, fields)
        var traffic = TrafficPlan(from: from, to: to, every: interval)
        if let size { traffic.size = size }
        traffic.start = start
        traffic.end = end
        traffic.isEcho = isEcho
        scenario.traffic.append(traffic)
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
                || traffic.isEcho && names.overlap(traffic.from, to) && names.overlap(receiver, from)
        }
    }
}
