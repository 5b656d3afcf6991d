import VPNNode
import VPNProtocol
import VPNSimulator

extension ScenarioFile {
    static let linkKeys = [
        "latency", "jitter", "loss", "duplication", "corruption", "truncation", "rate", "queue", "mtu", "icmp",
    ]

    /// A link with what is written, and of another what is not.
    func link(_ fields: ScenarioFields, over base: LinkModel) -> LinkModel {
        var link = base
        if let latency = fields.duration("latency") { link.latency = latency }
        if let node = fields.node("jitter") { link.jitter = jitter(node) }
        if let node = fields.node("loss"), let loss = loss(node, fields) { link.loss = loss }
        if let duplication = fields.probability("duplication") { link.duplication = duplication }
        if let corruption = fields.probability("corruption") { link.corruption = corruption }
        if let truncation = fields.probability("truncation") { link.truncation = truncation }
        if let rate = fields.value("rate", ScenarioValues.rate) { link.rate = rate }
        if let queue = fields.value("queue", ScenarioValues.byteCount) { link.queueBytes = queue }
        if let mtu = fields.number("mtu", ScenarioValues.mtu) { link.mtu = mtu }
        if let reports = fields.boolean("icmp") {
            link.reportsTooLong = reports
            if reports, link.mtu == nil { fields.report("icmp", "no packet is too long here; write 'mtu' as well") }
        }
        return link
    }

    /// `2ms`, or the amount with distribution and whether datagrams may overtake each other.
    private func jitter(_ node: YAMLNode) -> Jitter? {
        if case .scalar = node.content {
            let amount = ValueReader(faults: faults).value("jitter", node, ScenarioValues.duration)
            return amount.flatMap { $0 == .zero ? nil : Jitter(amount: $0) }
        }
        guard
            let fields = ScenarioFields(
                node, "a time like 2ms, or { amount: 2ms, distribution: normal, reorder: true }",
                keys: ["amount", "distribution", "reorder"], faults: faults),
            fields.require("amount", "how much the delay varies, such as 2ms"),
            let amount = fields.duration("amount")
        else { return nil }
        let distribution = fields.value("distribution", ScenarioValues.choice(Jitter.Distribution.self)) ?? .uniform
        let mayReorder = fields.boolean("reorder") ?? false
        return amount == .zero ? nil : Jitter(distribution, amount: amount, mayReorder: mayReorder)
    }

    /// `5%`, a list of numbers of datagrams, or bursts.
    private func loss(_ node: YAMLNode, _ link: ScenarioFields) -> Loss? {
        switch node.content {
        case .scalar: return link.probability("loss").map(Loss.independent)
        case .list: return .numbered(datagramNumbers("loss", node))
        case .mapping:
            guard
                let fields = ScenarioFields(
                    node, "", keys: ["to_bad", "to_good", "in_good", "in_bad", "messages", "numbers"], faults: faults)
            else { return nil }
            if fields.has("messages") || fields.has("numbers") { return lostMessages(fields) }
            fields.require("to_bad", "how likely a burst begins with a datagram, such as 1%")
            fields.require("to_good", "how likely a burst ends with a datagram, such as 25%")
            return .bursts(
                toBad: fields.probability("to_bad") ?? .never, toGood: fields.probability("to_good") ?? .never,
                lossInGood: fields.probability("in_good") ?? .never,
                lossInBad: fields.probability("in_bad") ?? Probability(millionths: 1_000_000))
        }
    }

    /// All messages of a type, or those with these numbers.
    private func lostMessages(_ fields: ScenarioFields) -> Loss? {
        fields.require("messages", "the type of the messages that are lost, such as init")
        for key in ["to_bad", "to_good", "in_good", "in_bad"] where fields.has(key) {
            fields.report(key, "is about bursts and does not go with 'messages'; leave it out")
        }
        let numbers = fields.node("numbers").map { datagramNumbers("numbers", $0) }
        if let numbers, numbers.isEmpty {
            fields.report("numbers", "name at least one message, or leave it out for all of the type")
        }
        return fields.value("messages", ScenarioValues.messageType).map { .messages($0, numbered: numbers ?? []) }
    }

    /// Numbers of datagrams, counted from 1, in order.
    private func datagramNumbers(_ key: String, _ node: YAMLNode) -> [Int] {
        guard case .list(let items) = node.content else {
            faults.report(node.position, "\(key): expected a list of numbers like [1, 2], found \(node.summary)")
            return [1]
        }
        let parse = ScenarioValues.number(1...1_000_000_000)
        var numbers: [Int] = []
        for item in items {
            guard let number = ValueReader(faults: faults).number(key, item, parse) else { continue }
            if numbers.contains(number) {
                faults.report(item.position, "\(key): the datagram \(number) is named already; keep one of them")
            }
            numbers.append(number)
            if numbers.count > 1_000 {
                faults.report(item.position, "\(key): at most 1000 datagrams can be named; write a percentage")
                break
            }
        }
        return numbers.sorted()
    }
}
