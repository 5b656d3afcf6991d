import VPNNode
import VPNProtocol

@testable import VPNSimulator

/// That of scenarios; Swift Testing has another one.
typealias Expectation = VPNSimulator.Expectation

/// A scenario in which much can be claimed: a hub, a node beside it and one behind a NAT, of which one dies after 40 s.
enum JudgedRun {
    /// Each claims 10.0.N.0/24, its number counted from 0.
    static func scenario(_ device: DeviceType = .tun) throws -> Scenario {
        var scenario = Scenario(name: "judged")
        var internet = NetworkPlan("internet")
        internet.link.latency = .milliseconds(20)
        var home = NetworkPlan("home")
        home.link.latency = .milliseconds(1)
        home.gateway = GatewayPlan(to: "internet", nat: NATModel(.home))
        scenario.networks = [internet, home]
        for (number, name) in ["hub", "a", "b"].enumerated() {
            scenario.nodes.append(
                try node(name, in: name == "b" ? "home" : "internet", number, device, peers: number > 0 ? ["hub"] : []))
        }
        var traffic = TrafficPlan(from: "a", to: "b", every: .seconds(1))
        traffic.isEcho = true
        scenario.traffic = [traffic]
        scenario.events = [PlannedEvent(at: .seconds(40), .kill("a", restartAfter: nil))]
        scenario.settlingTime = .seconds(10)
        return scenario
    }

    /// A node with a key.
    static func node(
        _ name: String, in network: String, _ number: Int, _ device: DeviceType = .tun, peers: [String] = []
    ) throws -> NodePlan {
        var configuration = NodeConfiguration(seal: encrypted)
        configuration.deviceType = device
        configuration.peerTimeout = .seconds(100)
        configuration.peers = peers.compactMap { PeerName("\($0):3210") }
        if device == .tun { configuration.subnets = [try Subnet(parsing: "10.0.\(number).0/24")] }
        return NodePlan(name, in: network, configuration)
    }

    /// What became of one expectation.
    static func result(
        of claim: Expectation.Claim, _ time: Expectation.Time, _ scenario: Scenario
    ) throws -> ExpectationResult {
        var scenario = scenario
        scenario.expectations = [Expectation(claim, time, text: "x")]
        return try ScenarioRun(scenario).finish().expectations[0]
    }
}

/// Collects what it sees of some kind, with the time.
final class TimedRecorder: NetworkObserver {
    private(set) var seen: [(observation: Observation, time: Instant)] = []

    func observe(_ observation: Observation, at now: Instant) { seen.append((observation, now)) }
}
