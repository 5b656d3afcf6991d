import VPNNode
import VPNProtocol
import VPNSimulator

/// A network to measure: nodes in one network, the first of which introduces the others to each other.
final class Workload {
    let network: VirtualNetwork
    private(set) var nodes: [VirtualNode] = []
    private(set) var datagrams = 0
    private(set) var controlBytes = 0
    private var numbers = Seed(4, 5, 6, 7).numbers(for: "receivers")

    /// Nodes that know the first one and nothing else.
    init(_ count: Int, seal: PacketSeal, observers: [any NetworkObserver] = []) throws {
        network = VirtualNetwork(try Topology([NetworkPlan("internet")], seed: Seed(1, 2, 3, 4)))
        network.recordsHistory = false
        for observer in observers { network.add(observer) }
        for number in 0..<count {
            var configuration = NodeConfiguration(seal: seal)
            configuration.deviceType = .tun
            let base = UInt128(0x0a00_0000 + UInt32(number)) << 96
            if let claim = Subnet(.ipv4, base: base, prefixLength: 32) { configuration.subnets = [claim] }
            if let first = nodes.first?.endpoints.first, let name = PeerName(first.description) {
                configuration.peers = [name]
            }
            nodes.append(
                try network.start(
                    "node-\(number)", configuration, in: "internet", seed: Seed(8, 9, 10, UInt64(number))))
        }
    }

    var pairs: Int { nodes.reduce(0) { $0 + $1.engine.peerCount } }

    /// Lets time pass until every node has every other one as a peer; returns the virtual seconds, or nil after ten minutes.
    func connect() -> Int? {
        for second in 0..<600 {
            if pairs == nodes.count * (nodes.count - 1) { return second }
            network.run(for: .seconds(1))
        }
        return nil
    }

    /// Lets every node send a frame to another one again and again; returns the frames.
    func talk(rounds: Int, byteCount: Int = 100) -> Int {
        var packet = [UInt8](repeating: 0, count: byteCount)
        packet[0] = 0x45
        for _ in 0..<rounds {
            for (index, node) in nodes.enumerated() {
                var other = numbers.next(below: nodes.count - 1)
                if other >= index { other += 1 }
                packet[12] = 10
                packet[14] = UInt8(index >> 8)
                packet[15] = UInt8(truncatingIfNeeded: index)
                packet[16] = 10
                packet[18] = UInt8(other >> 8)
                packet[19] = UInt8(truncatingIfNeeded: other)
                network.send(packet, from: node)
            }
            network.run(for: .milliseconds(1))
        }
        network.run(for: .milliseconds(10))
        return rounds * nodes.count
    }

    /// Counts datagrams and their bytes, with the headers of IP and UDP, from now on.
    func count() {
        network.tap = { [unowned self] datagram in
            datagrams += 1
            controlBytes += datagram.packetBytes
        }
    }
}
