import VPNSimulator

extension ScenarioReport {
    /// Reads the one run of a report in JSON, which is YAML too; nil where it is none.
    init?(json bytes: [UInt8]) {
        guard let root = try? YAMLNode.parse(bytes), let run = root["runs"]?.items.first,
            let scenario = run["scenario"]?.text, let seed = run["seed"]?.text.flatMap({ UInt64($0) })
        else { return nil }
        self.init(
            scenario, file: run["file"]?.text, seed: seed,
            duration: .nanoseconds(Int64(run["virtual_nanoseconds"]?.number ?? 0)))
        elapsed = run["elapsed_nanoseconds"]?.number.map { .nanoseconds(Int64($0)) }
        problem = run["problem"]?.text
        world = run["world"]?.text.flatMap(RunWorld.init(rawValue:)) ?? .simulator
        notes = run["notes"]?.items.compactMap(\.text) ?? []
        expectations = run["expectations"]?.items.map(ExpectationResult.init(json:)) ?? []
        summary = run["summary"].flatMap(RunSummary.init(json:))
        guard let numbers = run["counts"] else { return }
        func number(_ key: String) -> UInt64 { UInt64(clamping: numbers[key]?.number ?? 0) }
        counts.observations = number("observations")
        counts.datagramsSent = number("datagrams_sent")
        counts.datagramsArrived = number("datagrams_arrived")
        counts.datagramsLost = number("datagrams_lost")
        counts.framesSent = number("frames_sent")
        counts.framesDelivered = number("frames_delivered")
        counts.managementBytes = number("management_bytes")
    }
}

extension ExpectationResult {
    fileprivate init(json: YAMLNode) {
        self.init(
            json["text"]?.text ?? "", passed: json["passed"]?.text == "true", expected: json["expected"]?.text ?? "",
            seen: json["seen"]?.text ?? "", at: json["at_nanoseconds"]?.number.map { .nanoseconds(Int64($0)) },
            events: json["events"]?.items.compactMap(\.text) ?? [])
        isUnmet = json["unmet"]?.text == "true"
        isJudged = json["judged"]?.text != "false"
    }
}

extension RunSummary {
    fileprivate init?(json: YAMLNode) {
        guard case .mapping = json.content else { return nil }
        self.init()
        connections =
            json["connections"]?.items.map { meeting in
                Meeting(
                    node: meeting["node"]?.text ?? "", peer: meeting["peer"]?.text ?? "",
                    time: .nanoseconds(Int64(meeting["at_nanoseconds"]?.number ?? 0)))
            } ?? []
        deliveries =
            json["deliveries"]?.items.map { delivery in
                Delivery(
                    from: delivery["from"]?.text ?? "", to: delivery["to"]?.text ?? "",
                    sent: delivery["sent"]?.number ?? 0, arrived: delivery["arrived"]?.number ?? 0)
            } ?? []
        messages =
            json["messages"]?.items.map { item in
                var messages = Messages(node: item["node"]?.text ?? "")
                messages.data = item["data"]?.number ?? 0
                messages.lists = item["peers"]?.number ?? 0
                messages.initial = item["init"]?.number ?? 0
                messages.close = item["close"]?.number ?? 0
                return messages
            } ?? []
    }
}
