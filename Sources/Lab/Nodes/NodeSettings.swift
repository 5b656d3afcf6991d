import VPNNode
import VPNProtocol
package import VPNSimulator

/// What a node of a scenario is told, as keys and values of the configuration file.
struct NodeSettings {
    /// The name of each node's device.
    static let device = "vpn0"

    let member: WorldJudge.Member
    let plan: NodePlan
    let clock: LabClock
    let statisticsFile: String?

    /// Every key that has a value, in one order for all.
    var values: [(key: String, values: [String])] {
        let configuration = member.configuration
        var result: [(key: String, values: [String])] = [
            ("device_type", [configuration.deviceType.rawValue]), ("device_name", [Self.device]),
            ("mode", [configuration.mode.rawValue]), ("port", ["\(configuration.port)"]),
            ("peers", configuration.peers.map { "\($0)" }), ("subnets", configuration.subnets.map { "\($0)" }),
            ("magic", configuration.seal.magic == .standard ? [] : ["\(configuration.seal.magic)"]),
            ("compat", [configuration.dialect.rawValue]),
            ("peer_timeout", ["\(min(65_535, clock.timeout(configuration.peerTimeout)))"]),
            ("dst_timeout", ["\(clock.timeout(configuration.stationTimeout))"]),
            ("port_forwarding", ["false"]), ("offload", ["false"]),
        ]
        if let key = plan.sharedKey {
            result.append(("shared_key", [key]))
            result.append(("crypto", [configuration.seal.method == .aes256 ? "aes256" : "chacha20"]))
        }
        if let statisticsFile { result.append(("stats_file", [statisticsFile])) }
        return result
    }
}

extension Scenario {
    /// Why one of its nodes cannot be the program that it is to be; nil where all can.
    ///
    /// - Parameter implementations: one for each of its plans.
    package func refusal(by implementations: [Implementation]) throws(ScenarioError) -> String? {
        for member in try WorldJudge(self, networkOf: { _ in nil }).members {
            if let refusal = refusal(by: implementations[member.plan], of: member) { return refusal }
        }
        return nil
    }

    private func refusal(by implementation: Implementation, of member: WorldJudge.Member) -> String? {
        if case .other(let program) = implementation.program, !LabProcess.canStart(program) {
            return "\(implementation.name): there is no program '\(program)'"
        }
        let settings = NodeSettings(
            member: member, plan: nodes[member.plan], clock: LabClock(scale: labScale ?? 1000, start: 0),
            statisticsFile: implementation.hasStatistics ? "statistics" : nil)
        return settings.values.lazy.compactMap { implementation.refusal(of: $0.key, $0.values) }.first
    }
}
