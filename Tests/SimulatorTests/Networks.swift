import VPNNode
import VPNProtocol

@testable import VPNSimulator

/// An address out of the documentation range 198.51.100.0/24.
func endpoint(_ number: UInt8, port: UInt16 = 3210) -> Endpoint {
    Endpoint(IPAddress(198, 51, 100, number), port: port)
}

/// A network with ChaCha20.
let encrypted: PacketSeal = {
    let key = SecretKey([UInt8](repeating: 0x5a, count: 32).span)
    do { return try PacketSeal(magic: .standard, method: .chacha20, key: key) } catch { fatalError("\(error)") }
}()

/// A small network in which nodes meet, frames get through and get lost, and one node leaves.
struct SmallNetwork {
    let network = VirtualNetwork()
    let nodes: [VirtualNode]

    /// - Parameter changeFrame: whether one bit of one frame is another.
    init(
        seed: UInt64, device: DeviceType = .tap, changeFrame: Bool = false, observers: [any NetworkObserver] = []
    ) throws {
        for observer in observers { network.add(observer) }
        var sent = 0
        network.fate = { _ in
            sent += 1
            return sent.isMultiple(of: 7) ? .lost : .arrives(after: .microseconds(1_234_567 + sent))
        }
        let base = Seed(seed, 0, 0, 0)
        var nodes: [VirtualNode] = []
        for number in 1...3 as ClosedRange<UInt8> {
            var configuration = NodeConfiguration(seal: encrypted)
            configuration.deviceType = device
            configuration.reportsMessages = true
            if device == .tun,
                let subnet = Subnet(.ipv4, base: UInt128(0x0a00_0000 + UInt32(number)) << 96, prefixLength: 32)
            {
                configuration.subnets = [subnet]
            }
            if number > 1, let hub = PeerName(endpoint(1).description) { configuration.peers = [hub] }
            let name = "node-\(number)"
            nodes.append(try network.start(name, configuration, at: [endpoint(number)], seed: base.derived(name)))
        }
        self.nodes = nodes
        network.run(for: .seconds(20))
        for number in 0..<5 as Range<UInt8> {
            network.send(frame(device, number: number ^ (changeFrame && number == 4 ? 1 : 0)), from: nodes[1])
            network.run(for: .seconds(1))
        }
        network.stop(nodes[2])
        network.run(for: .seconds(10))
    }

    /// A frame from the second node to the first.
    private func frame(_ device: DeviceType, number: UInt8) -> [UInt8] {
        switch device {
        case .tap:
            [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, number] + [UInt8](repeating: 0xda, count: 45)
        case .tun:
            // UDP between two nodes, with a right header checksum and none over the payload.
            [
                0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0x26, 0xcb, 10, 0, 0, 2, 10, 0, 0, 1,
                0x30, 0x39, 0x30, 0x3a, 0, 12, 0, 0, 1, 2, 3, number,
            ]
        }
    }
}

/// Collects what it sees, as records.
final class Recorder: NetworkObserver {
    var observations: [Observation] = []

    func observe(_ observation: Observation, at now: Instant) { observations.append(observation) }
}
