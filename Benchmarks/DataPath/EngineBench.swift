import VPNNode
import VPNProtocol

/// One node without encryption, with peers that only introduced themselves, and packets that it sends and receives.
final class EngineBench {
    /// As many frames as one turn of the real loop takes from the device.
    private static let burst = 64
    /// So many bursts are timed together that looking at the clock is no part of it.
    private static let bursts = 8
    /// So many destinations and senders by chance that the caches do not know them all. A power of two.
    private static let choices = 8192
    private static let plain = PacketSeal(unencrypted: .standard)
    private static let frameBytes = SodiumReference.messageBytes

    private let name: String
    private let device: DeviceType
    private let peers: Int
    private let destinations: Int
    /// How many of the destinations have traffic.
    private let busy: Int
    private var node: NodeEngine
    private var batch: OutputBatch
    /// What is written into each frame as its destination, where that is in a frame, and which comes next.
    private var targets: [UInt32] = []
    private let targetOffset: Int
    private var nextTarget = 0
    /// The same for packets and their sources. The packet itself is always the same.
    private var sources: [(endpoint: Endpoint, number: UInt32)] = []
    private let sourceOffset: Int
    private var nextSource = 0
    private var datagram: [UInt8] = []
    private let now = Instant.zero + .seconds(60)

    /// - Parameters:
    ///   - destinations: how many subnets (on TUN) or stations (on TAP) the peers have, all together.
    ///   - busy: to and from how many of these packets go, by chance; usually all.
    ///   - isRecorded: whether all of it is recorded, but for the writing of the file, which another thread does.
    init(
        _ name: String, _ device: DeviceType, peers: Int, destinations: Int, busy: Int? = nil, isRecorded: Bool = false
    ) throws {
        self.name = name
        self.device = device
        self.peers = peers
        self.destinations = destinations
        self.busy = busy ?? destinations
        // IPv4: addresses at 12 and 16. Ethernet: the last four bytes of the addresses at 0 and 6.
        (targetOffset, sourceOffset) = device == .tun ? (16, 12) : (2, 8)
        var configuration = NodeConfiguration(seal: Self.plain)
        configuration.deviceType = device
        let recorder = isRecorded ? InputRecorder(program: "a benchmark") { _ in true } : nil
        node = try NodeEngine(configuration, seed: Seed(2, 4, 6, 8), startingAt: .zero, recorder: recorder)
        batch = OutputBatch(for: Self.plain, capacity: (Self.frameBytes + 64) * Self.burst)
        for peer in 0..<peers { introduce(peer) }
        precondition(node.peerCount == peers, "all must have become peers")
        for station in 0..<destinations where device == .tap { teach(station) }
        choose()

        // Frames lie at the same places of the batch each time, so only their destinations have to be written later.
        let header = header(to: 0)
        for _ in 0..<Self.burst {
            _ = batch.stageFrame { room in
                for index in 0..<header.count { room[index] = header[index] }
                return Self.frameBytes
            }.map { node.send($0, at: now, into: &batch) }
        }
        batch.reset()
        send()
        let sent = batch.transmits.reduce(0) { $0 + $1.range.count / $1.segmentBytes * $1.destinations.count }
        batch.reset()
        precondition(sent == Self.burst && receive() == Self.burst, "every packet must find its way")
    }

    /// From the device to the batch: a frame to a destination by chance.
    var frameOut: Measurement {
        Measurement("\(name), frame out", reference: SodiumReference.name(.chacha20), count: Self.burst * Self.bursts) {
            [self] in
            for _ in 0..<Self.bursts {
                send()
                node.endRound(batch)
                batch.reset()
            }
        }
    }

    /// From the socket to the decision what to do with it: a packet of a peer by chance.
    var packetIn: Measurement {
        Measurement("\(name), packet in", reference: SodiumReference.name(.chacha20), count: Self.burst * Self.bursts) {
            [self] in
            for _ in 0..<Self.bursts { _ = receive() }
        }
    }

    private func send() {
        Self.send(targets, from: nextTarget, offset: targetOffset, with: &node, at: now, into: &batch)
        nextTarget = (nextTarget + Self.burst) % Self.choices
    }

    private func receive() -> Int {
        defer { nextSource = (nextSource + Self.burst) % Self.choices }
        return Self.receive(
            &datagram, sources, from: nextSource, offset: Self.plain.headBytes + sourceOffset, with: &node, at: now,
            into: &batch)
    }

    /// With everything as arguments, so that the checks of exclusive access are made once for all frames.
    private static func send(
        _ targets: [UInt32], from first: Int, offset: Int, with node: inout NodeEngine, at now: Instant,
        into batch: inout OutputBatch
    ) {
        for number in first..<first + burst {
            // The device would write the whole frame.
            let staged = batch.stageFrame { room in
                write(targets[number], to: &room, at: offset)
                return frameBytes
            }
            if let staged { node.send(staged, at: now, into: &batch) }
        }
        node.seal(&batch)
    }

    private static func receive(
        _ datagram: inout [UInt8], _ sources: [(endpoint: Endpoint, number: UInt32)], from first: Int, offset: Int,
        with node: inout NodeEngine, at now: Instant, into batch: inout OutputBatch
    ) -> Int {
        var delivered = 0
        for number in first..<first + burst {
            let source = sources[number]
            var span = datagram.mutableSpan
            write(source.number, to: &span, at: offset)
            if node.receive(&span, from: source.endpoint, at: now, into: &batch).disposition == .deliver {
                delivered += 1
            }
        }
        node.endRound(batch)
        batch.reset()
        return delivered
    }

    private static func write(_ number: UInt32, to bytes: inout MutableSpan<UInt8>, at offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index)) }
    }
}

// The peers, and what they say.
extension EngineBench {
    private func address(of peer: Int) -> Endpoint {
        Endpoint(IPAddress(ipv4: 0x0b00_0001 + UInt32(peer)), port: 3210)
    }

    /// Draws where frames go and where packets come from. A station's packets come from the peer that has it.
    private func choose() {
        var numbers = Seed(1, 2, 3, 4).numbers(for: "frames")
        for _ in 0..<Self.choices {
            let target = UInt32(numbers.next(below: busy))
            targets.append(device == .tun ? 0x0a00_0001 + target << 8 : target)
            let source = numbers.next(below: busy)
            sources.append((address(of: source % peers), UInt32(source)))
        }
        datagram = packet(.data, Self.frameBytes, header(to: 0))
    }

    /// The destinations are dealt out to the peers in turn.
    private func introduce(_ peer: Int) {
        let subnets = stride(from: peer, to: device == .tun ? destinations : 0, by: peers).compactMap { number in
            Subnet(.ipv4, base: UInt128(0x0a00_0000 + UInt32(number) << 8) << 96, prefixLength: 24)
        }
        let message = InitMessage(stage: .response, nodeID: NodeID(bits: UInt128(peer + 1)), subnets: subnets)
        let byteCount = Self.plain.headBytes + message.byteCount
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var span = bytes.mutableSpan
        var writer = ByteWriter(span._mutatingExtracting(Self.plain.headBytes..<byteCount))
        message.encode(into: &writer)
        give(&bytes, .initial, from: peer)
    }

    /// Lets a station of a peer say something, so that the node knows where it is.
    private func teach(_ station: Int) {
        var bytes = packet(.data, 64, header(to: station, from: station))
        give(&bytes, .data, from: station % peers)
    }

    private func give(_ bytes: inout [UInt8], _ type: MessageType, from peer: Int) {
        PacketHeader(magic: .standard, method: .none, type: type).write(toStartOf: &bytes)
        var span = bytes.mutableSpan
        _ = node.receive(&span, from: address(of: peer), at: .zero + .seconds(1), into: &batch)
        batch.reset()
    }

    private func packet(_ type: MessageType, _ byteCount: Int, _ header: [UInt8]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.plain.headBytes + byteCount)
        PacketHeader(magic: .standard, method: .none, type: type).write(toStartOf: &bytes)
        bytes.replaceSubrange(Self.plain.headBytes..<Self.plain.headBytes + header.count, with: header)
        return bytes
    }

    /// The headers of an IPv4 packet or Ethernet frame, as far as they are looked at.
    private func header(to destination: Int, from source: Int = 0) -> [UInt8] {
        let (to, from) = (UInt32(destination), UInt32(source))
        switch device {
        case .tun:
            return [0x45] + [UInt8](repeating: 0, count: 11) + big(0x0aff_0001) + big(0x0a00_0001 + to << 8)
        case .tap:
            return [2, 0] + big(to) + [2, 0] + big(from) + [8, 0]
        }
    }

    private func big(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * $0)) }
    }
}

extension PacketHeader {
    fileprivate func write(toStartOf bytes: inout [UInt8]) {
        var span = bytes.mutableSpan
        write(to: &span)
    }
}
