import VPNNode
import VPNProtocol
import VPNSimulator

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
            ("magic", ["\(configuration.seal.magic)"]), ("compat", [configuration.dialect.rawValue]),
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
