import VPNNode
import VPNProtocol

/// One node, and a crowd of light peers that keep up the protocol's conversation without being nodes: each sends its Init
/// and its lists when a node would, and hears nothing.
final class Crowd {
    /// What the node sends and receives, in bytes a second, with the headers of IPv4 and UDP.
    struct Rates {
        var sent = 0.0
        var received = 0.0
    }

    private static let headerBytes = 28
    /// How many light peers come in a second.
    private static let arrivals = 100
    /// The addresses of a periodic list.
    private static let listed = 20

    private var node: NodeEngine
    private let seal: PacketSeal
    private let count: Int
    private var batch: OutputBatch
    private var nonces: [Nonce]
    private var numbers = Seed(1, 3, 5, 7).numbers(for: "light peers")
    private var sentBytes = 0
    private var receivedBytes = 0

    init(_ count: Int, seal: PacketSeal) throws {
        var configuration = NodeConfiguration(seal: seal)
        configuration.deviceType = .tun
        node = try NodeEngine(configuration, seed: Seed(2, 4, 6, 8), startingAt: .zero)
        batch = OutputBatch(for: seal, capacity: 65_536)
        self.seal = seal
        self.count = count
        nonces = (0..<count).map { Nonce(bits: UInt128($0 + 1) << 64) }
    }

    var peerCount: Int { node.peerCount }
    var heldBytes: Int { node.heldBytes }

    /// Lets the crowd come, waits until all have had their second list, and measures for so many seconds.
    func run(seconds: Int) throws -> Rates {
        let settled = count / Self.arrivals + Benchmark.listPause
        for second in 0..<settled + seconds {
            if second == settled { (sentBytes, receivedBytes) = (0, 0) }
            let now = Instant.zero + .seconds(second)
            node.advance(to: now, into: &batch)
            flush()
            // Whoever came in a second sends its lists a pause, two pauses and so on after it.
            for arrival in stride(from: second % Benchmark.listPause, through: second, by: Benchmark.listPause) {
                let first = arrival * Self.arrivals
                guard first < count else { break }
                for number in first..<min(first + Self.arrivals, count) {
                    give(number, isNew: arrival == second, at: now)
                }
            }
        }
        return Rates(
            sent: Double(sentBytes) / Double(seconds), received: Double(receivedBytes) / Double(seconds))
    }

    /// Gives the node what a light peer sends.
    private func give(_ number: Int, isNew: Bool, at now: Instant) {
        var bytes: [UInt8]
        if isNew {
            let message = InitMessage(stage: .request, nodeID: NodeID(bits: UInt128(number + 1)), subnets: [])
            bytes = packet(.initial, message.byteCount, from: number) { message.encode(into: &$0) }
        } else {
            let list = PeerListMessage(ipv4: (0..<Self.listed).map { _ in address(numbers.next(below: count)) })
            bytes = packet(.peers, list.byteCount, from: number) { list.encode(into: &$0) }
        }
        receivedBytes += bytes.count + Self.headerBytes
        var span = bytes.mutableSpan
        _ = node.receive(&span, from: address(number), at: now, into: &batch)
        flush()
    }

    private func packet(
        _ type: MessageType, _ byteCount: Int, from number: Int, encode: (inout ByteWriter) -> Void
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: seal.headBytes + byteCount + seal.tailBytes)
        let message = seal.headBytes..<seal.headBytes + byteCount
        var span = bytes.mutableSpan
        var writer = ByteWriter(span._mutatingExtracting(message))
        encode(&writer)
        nonces[number].increment()
        seal.seal(&span, message: message, type: type, nonce: nonces[number])
        return bytes
    }

    private func address(_ number: Int) -> Endpoint {
        Endpoint(IPAddress(ipv4: 0x0b00_0001 + UInt32(number)), port: 3210)
    }

    private func flush() {
        node.seal(&batch)
        for transmit in batch.transmits {
            sentBytes += (transmit.range.count + Self.headerBytes) * transmit.destinations.count
        }
        batch.reset()
    }
}
