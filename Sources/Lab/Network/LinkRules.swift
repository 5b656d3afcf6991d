import VPNNode
import VPNProtocol
import VPNSimulator

/// What a link does, as rules of nftables for the port where it enters the switch, and as queues of its sender.
struct LinkRules {
    let model: LinkModel
    let clock: LabClock
    let kernel: KernelFeatures

    /// The rules, for a chain of the family `bridge`.
    var rules: [String] {
        var rules: [String] = []
        if let mtu = model.mtu {
            rules += ["ip length > \(mtu) drop", "ip6 length > \(max(0, mtu - 40)) drop"]
        }
        switch model.loss {
        case .independent(let probability) where probability.millionths >= 1_000_000:
            rules.append("meta l4proto udp drop")
        case .independent(let probability) where probability.millionths > 0:
            rules.append("meta l4proto udp numgen random mod 1000000 < \(probability.millionths) drop")
        case .numbered(let numbers) where !numbers.isEmpty:
            rules.append("meta l4proto udp numgen inc mod \(Self.most) \(Self.set(numbers)) drop")
        case .messages(let type, let numbers):
            // Behind eight bytes of UDP, the type is a byte of the packet's header.
            let place = (8 + PacketHeader.typeOffset) * 8
            let match = "meta l4proto udp @th,\(place),8 \(type.rawValue)"
            rules.append(
                numbers.isEmpty ? "\(match) drop" : "\(match) numgen inc mod \(Self.most) \(Self.set(numbers)) drop")
        case .independent, .numbered, .bursts: break
        }
        return rules
    }

    /// More datagrams than any run has: a counter that comes round would lose them anew.
    private static let most = 2_000_000_000

    /// The numbers as a counter from 0 has them.
    private static func set(_ numbers: [Int]) -> String {
        "{ \(numbers.map { "\($0 - 1)" }.joined(separator: ", ")) }"
    }

    /// The longest packet that the sender's device takes: packets that are too long are its own business only where it
    /// would be told of them.
    var deviceMTU: Int {
        model.reportsTooLong ? min(model.mtu ?? Self.longestPacket, Self.longestPacket) : Self.longestPacket
    }
    static let longestPacket = 65_535

    /// The commands of `tc` that give a device the queues; the first one removes those that it had, and may fail.
    func queues(of device: String) -> [String] {
        var commands: [String] = []
        var parent = "root"
        if let delay = delay {
            commands.append("qdisc add dev \(device) \(parent) handle 1: netem limit 100000 \(delay)")
            parent = "parent 1:1"
        }
        if kernel.hasRate, let rate = model.rate {
            let real = rate * 1000 / clock.scale
            // What a hundredth of a second brings, and one packet at least, goes at once.
            let burst = max(real / 800, 2_000)
            commands.append(
                "qdisc add dev \(device) \(parent) handle 10: tbf rate \(real)bit burst \(burst)b limit \(model.queueBytes)b"
            )
        }
        return commands
    }

    private var delay: String? {
        guard kernel.hasDelay else { return nil }
        var words: [String] = []
        func microseconds(_ duration: Duration) -> Int64 { clock.real(duration).nanoseconds / 1000 }
        if model.latency > .zero || model.jitter != nil {
            words.append("delay \(microseconds(model.latency))us")
            if let jitter = model.jitter {
                words.append("\(microseconds(jitter.amount))us")
                if jitter.distribution != .uniform { words.append("distribution \(jitter.distribution.rawValue)") }
            }
        }
        func percent(_ probability: Probability) -> String {
            let fraction = String(probability.millionths % 10_000)
            return "\(probability.millionths / 10_000).\(String(repeating: "0", count: 4 - fraction.count))\(fraction)%"
        }
        if model.duplication.millionths > 0 { words.append("duplicate \(percent(model.duplication))") }
        if model.corruption.millionths > 0 { words.append("corrupt \(percent(model.corruption))") }
        return words.isEmpty ? nil : words.joined(separator: " ")
    }
}
