import VPNNode
import VPNSimulator

/// Something in a scenario that the kernel of this machine does not play, or plays otherwise.
struct Shortfall: Hashable {
    /// How far it reaches.
    enum Reach: Hashable {
        /// It is worth a note, and no more.
        case note
        /// How long frames take is not judged.
        case latency
        /// Nothing is judged: the scenario would be another one.
        case everything
    }

    let reach: Reach
    let text: String
}

extension Scenario {
    /// What of it the lab cannot play on a kernel, each once.
    func shortfalls(on kernel: KernelFeatures, nodes: [WorldJudge.Member], scale: Int) -> [Shortfall] {
        var found: [Shortfall] = []
        func add(_ reach: Shortfall.Reach, _ text: String) {
            let shortfall = Shortfall(reach: reach, text: text)
            if !found.contains(shortfall) { found.append(shortfall) }
        }
        var links = networks.flatMap { [$0.link] + ($0.inwardLink.map { [$0] } ?? []) } + self.nodes.compactMap(\.link)
        for case .change(_, let link) in events.map(\.action) { links.append(link) }
        for link in links { link.shortfalls(on: kernel, add) }
        if self.nodes.contains(where: { $0.clockDrift != 0 }) {
            add(.everything, "clock drift: all processes of a machine have one clock")
        }
        for network in networks {
            network.gateway?.nat?.shortfalls(of: network.name, add)
            if network.gateway?.nat != nil, network.hasIPv6 {
                add(.everything, "IPv6 behind the NAT of '\(network.name)': the lab has no way in for it")
            }
            guard network.gateway?.nat?.grantsPortMappings == true else { continue }
            let asks = nodes.contains { self.nodes[$0.plan].network == network.name && $0.configuration.portForwarding }
            guard asks else { continue }
            let isNeeded = network.gateway?.nat?.mapping != .independent
            add(
                isNeeded ? .everything : .note,
                "port mappings: the lab's gateways forward no port on request (UPnP), as that of '\(network.name)' does"
            )
        }
        if scale != 1000 {
            add(.note, "time: a second of the scenario takes \(decimal(scale)) s; timeouts of nodes are whole seconds")
        }
        return found
    }

    private func decimal(_ thousandths: Int) -> String {
        let digits = String(thousandths % 1000 + 1000).dropFirst()
        return "\(thousandths / 1000).\(digits)"
    }
}

extension LinkModel {
    fileprivate func shortfalls(on kernel: KernelFeatures, _ add: (Shortfall.Reach, String) -> Void) {
        let missing = "this kernel has no netem"
        if !kernel.hasDelay {
            if latency > .zero { add(.latency, "latency: \(missing), so that everything arrives at once") }
            if let jitter {
                add(
                    jitter.mayReorder ? .everything : .latency,
                    jitter.mayReorder
                        ? "jitter that reorders: \(missing)" : "jitter: \(missing), so that everything arrives at once")
            }
            if duplication.millionths > 0 { add(.everything, "duplication: \(missing)") }
            if corruption.millionths > 0 { add(.everything, "corruption: \(missing)") }
        }
        if kernel.hasDelay, let jitter, !jitter.mayReorder {
            add(.everything, "jitter that does not reorder: netem lets packets overtake each other")
        }
        if truncation.millionths > 0 { add(.everything, "truncation: nothing in the kernel cuts packets off") }
        if case .bursts = loss { add(.everything, "loss in bursts: nftables has no state for it") }
        if rate != nil, !kernel.hasRate { add(.everything, "rates: this kernel has no tbf") }
    }
}

extension NATModel {
    fileprivate func shortfalls(of network: String, _ add: (Shortfall.Reach, String) -> Void) {
        let what = "the NAT of '\(network)'"
        if mapping == .address { add(.everything, "\(what): the kernel has no mapping by address alone") }
        if mapping == .addressAndPort, filtering != .addressAndPort {
            add(.everything, "\(what): a mapping by address and port lets in nobody else in the kernel")
        }
        if mapping == .independent, ports != .preserved {
            add(.note, "\(what): a mapping that ran out comes back with the port that it had")
        }
        if ports != .preserved || pooling == .paired && externalAddresses > 1 {
            add(.note, "\(what): other external ports, or addresses, than in the simulator")
        }
        if hairpinning, mapping != .independent || filtering != .independent {
            add(.everything, "\(what): hairpinning can be had with independent mapping and filtering only")
        }
        if limit < 1024 { add(.everything, "\(what): the kernel does not limit mappings to \(limit)") }
    }
}

extension Expectation.Claim {
    /// Why the lab does not judge it; nil where it does.
    func reasonForNoJudgement(
        _ shortfalls: [Shortfall], scale: Int, hasStatistics: (String) -> Bool
    ) -> String? {
        if let everything = shortfalls.first(where: { $0.reach == .everything }) { return everything.text }
        let needsStatistics = "its program wrote no statistics"
        switch self {
        case .latency: return shortfalls.first { $0.reach == .latency }?.text
        case .memory: return "the memory of a process is more than its tables"
        case .management: return scale == 1000 ? nil : "messages do not come faster where the time does"
        case .table(let table, let node, _):
            guard [.peers, .stations, .claims].contains(table) else {
                return "the statistics file does not tell how full the table '\(table.name)' is"
            }
            return hasStatistics(node) ? nil : needsStatistics
        case .path(let node, _, _), .station(_, _, let node), .dropped(let node, _, _), .evicted(let node, _, _):
            return hasStatistics(node) ? nil : needsStatistics
        case .connected, .disconnected, .peers, .delivery: return nil
        case .invariant(let invariant):
            return switch invariant {
            case .noExtraFrames, .noRelayedFrames: "what a process does for which reason is not seen from outside"
            case .boundedTables: "the statistics file does not tell bounds"
            case .networkModel: "the kernel is the network here"
            case .noSelfPeers, .noDuplicateFrames, .noMisdeliveredFrames, .noCorruptedFrames, .noPlaintext,
                .noNonceReuse, .fullMesh:
                nil
            }
        }
    }
}
