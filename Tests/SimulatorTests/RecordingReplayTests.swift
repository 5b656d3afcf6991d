import TestTapes
import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

extension Tape {
    /// Its head, and what comes behind.
    fileprivate func entries() throws -> (head: RecordingHead, rest: [RecordedEntry]) {
        let played = Played(bytes)
        if let error = played.error { throw error }
        guard let head = played.head else { throw ReplayError.missingHead }
        return (head, Array(played.entries.dropFirst()))
    }
}

/// Replays entries, and returns what was done.
@discardableResult
private func replay(
    _ head: RecordingHead, _ entries: [RecordedEntry],
    observe: ((ReplayObservation, VPNNode.Instant) -> Void)? = nil
) throws -> (counts: ReplayCounts, statistics: NodeStatistics) {
    let replay = try RecordingReplay(head)
    replay.observe = observe
    for entry in entries { try replay.take(entry) }
    return (replay.counts, replay.statistics())
}

/// Where a replay differs.
private func difference(_ head: RecordingHead, _ entries: [RecordedEntry]) -> ReplayDifference? {
    do {
        try replay(head, entries)
        return nil
    } catch {
        return error as? ReplayDifference
    }
}

/// Nodes that meet, talk, lose datagrams, get foreign and forged ones, are refused by their system, and end; each recorded.
private struct RecordedNetwork {
    let network = VirtualNetwork()
    var nodes: [VirtualNode] = []
    let tapes = [Tape(), Tape(), Tape()]

    init(_ seal: PacketSeal, _ device: DeviceType, change: (inout NodeConfiguration) -> Void = { _ in }) throws {
        let hub = try #require(PeerName("hub.example:3210"))
        network.nameService = { name in name == hub ? [endpoint(1), endpoint(9)] : [] }
        var started = 0
        network.recorder = { [tapes] _ in
            defer { started += 1 }
            return tapes[started].recorder
        }
        var sent = 0
        network.fate = { datagram in
            sent += 1
            if datagram.destination == endpoint(9) { return .refused(errorCode: 101) }
            return sent.isMultiple(of: 7) ? .lost : .arrives(after: .microseconds(1_234_567 + sent))
        }
        for number in 1...3 as ClosedRange<UInt8> {
            var configuration = NodeConfiguration(seal: seal)
            configuration.deviceType = device
            configuration.portForwarding = number == 2
            configuration.stationTimeout = .seconds(20)
            if device == .tun,
                let subnet = Subnet(.ipv4, base: UInt128(0x0a00_0000 + UInt32(number)) << 96, prefixLength: 32)
            {
                configuration.subnets = [subnet]
            }
            if number > 1 { configuration.peers = [hub] }
            change(&configuration)
            nodes.append(
                try network.start(
                    "node-\(number)", configuration, at: [endpoint(number)], seed: Seed(7, UInt64(number), 0, 0)))
        }
        network.run(for: .seconds(15))
        talk(device)
        network.inject([1, 2, 3], from: endpoint(40), to: endpoint(1))
        network.inject([UInt8](repeating: 0x76, count: 90), from: endpoint(40), to: endpoint(1))
        try injectForgery(seal)
        network.mapPort(of: nodes[1], to: endpoint(50, port: 999), lease: .seconds(60))
        network.mapPort(of: nodes[1], to: endpoint(50, port: 999), lease: nil)
        network.stop(nodes[2])
        network.run(for: .seconds(5))
        talk(device)
        network.run(for: .seconds(40))
        network.stop(nodes[0])
        network.stop(nodes[1])
        for tape in tapes { tape.end() }
    }

    /// Frames of both first nodes for each other, and for somebody unknown.
    private func talk(_ device: DeviceType) {
        for number in 0..<6 as Range<UInt8> {
            let (from, to) = number.isMultiple(of: 2) ? (UInt8(1), UInt8(2)) : (2, number == 5 ? 77 : 1)
            let frame: [UInt8] =
                switch device {
                case .tap: [2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5] + [UInt8](repeating: number, count: 60)
                case .tun:
                    [0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 1, 0, 0, 10, 0, 0, from, 10, 0, 0, to]
                        + [UInt8](repeating: number, count: 40)
                }
            network.send(frame, from: nodes[Int(from) - 1])
            network.run(for: .milliseconds(300))
        }
        network.send([], from: nodes[0])
        network.send([9], from: nodes[0])
    }

    /// Packets of this network under the key that replays use, which the nodes do not have.
    private func injectForgery(_ seal: PacketSeal) throws {
        guard seal.method != .none else { return }
        let keyBytes = (0..<32).map { UInt8($0) }
        let key = SecretKey(keyBytes.span)
        let known = try PacketSeal(magic: seal.magic, method: seal.method, key: key)
        for message in [[UInt8](repeating: 0, count: 40), [UInt8](repeating: 3, count: 0)] {
            var bytes = [UInt8](repeating: 0, count: known.headBytes) + message
            bytes += [UInt8](repeating: 0, count: known.tailBytes)
            let range = known.headBytes..<known.headBytes + message.count
            var span = bytes.mutableSpan
            known.seal(&span, message: range, type: .initial, nonce: Nonce(bits: 77))
            network.inject(bytes, from: endpoint(41), to: endpoint(1))
        }
    }
}

private let seals: [PacketSeal] = {
    let key = SecretKey([UInt8](repeating: 0x5a, count: 32).span)
    var seals = [PacketSeal(unencrypted: .standard), encrypted]
    if CryptoMethod.aes256.isAvailable, let aes = try? PacketSeal(magic: .standard, method: .aes256, key: key) {
        seals.append(aes)
    }
    return seals
}()

@Suite("A recorded node")
struct RecordingReplayTests {
    @Test("replays exactly, whatever befalls it", arguments: seals, DeviceType.allCases)
    func replays(seal: PacketSeal, device: DeviceType) throws {
        let recorded = try RecordedNetwork(seal, device)
        for (node, tape) in zip(recorded.nodes, recorded.tapes) {
            let (head, entries) = try tape.entries()
            var frames: [[UInt8]] = []
            var events: [TimedEvent] = []
            let (counts, _) = try replay(head, entries) { observation, time in
                switch observation {
                case .delivered(let frame): frames.append(frame)
                case .event(let event): events.append(TimedEvent(time: time, event: event))
                default: break
                }
            }
            #expect(frames == node.delivered)
            #expect(events == node.events)
            #expect(counts.events == events.count && counts.framesDelivered == frames.count)
            #expect(counts.inputs > 10 && counts.outputs > 10 && counts.rounds > 10)
        }
        let (_, entries) = try recorded.tapes[0].entries()
        let unopened = entries.count { entry in
            switch entry {
            case .input(.unopened, _), .input(.unauthentic, _): true
            default: false
            }
        }
        #expect(unopened == (seal.method == .none ? 2 : 4))
        #expect(entries.contains { if case .state(let state) = $0 { state.peers > 0 } else { false } })
    }

    @Test("replays exactly with each dialect and mode, with messages as events, and with tables that overflow")
    func variants() throws {
        for dialect in Dialect.allCases {
            for mode in ForwardingMode.allCases {
                let recorded = try RecordedNetwork(encrypted, .tap) {
                    $0.dialect = dialect
                    $0.mode = mode
                    $0.reportsMessages = true
                    $0.peerTimeout = .seconds(20)
                    $0.limits.peers = 1
                    $0.limits.stations = 1
                    $0.limits.pendingContacts = 1
                    $0.limits.departedNodes = 1
                }
                for tape in recorded.tapes {
                    let (head, entries) = try tape.entries()
                    #expect(difference(head, entries) == nil, "\(dialect) \(mode)")
                }
            }
        }
    }

    @Test("is recorded once more by its replay, byte for byte")
    func again() throws {
        let recorded = try RecordedNetwork(encrypted, .tap)
        for tape in recorded.tapes {
            let (head, entries) = try tape.entries()
            let copy = Tape()
            let replay = try RecordingReplay(head, recordedBy: copy.recorder)
            for entry in entries { try replay.take(entry) }
            copy.end()
            #expect(copy.bytes == tape.bytes)
        }
    }

    @Test("does something else in the first round with another seed")
    func otherSeed() throws {
        let (head, entries) = try RecordedNetwork(encrypted, .tun).tapes[1].entries()
        let other = RecordingHead(
            program: head.program, head.configuration(seal: encrypted), seed: Seed(7, 2, 0, 1), start: head.start)
        // The first round has a name to ask for only; in the second the node introduces itself.
        let found = try #require(difference(other, entries))
        #expect(found.round == 2)
        #expect(found.text.contains("not the same"))
    }

    @Test("does something else exactly where a digest or a count is another")
    func otherDigest() throws {
        let (head, entries) = try RecordedNetwork(encrypted, .tun).tapes[0].entries()
        let rounds = entries.indices.filter { if case .round = entries[$0] { true } else { false } }
        for (number, place) in rounds.enumerated() {
            guard case .round(let summary) = entries[place] else { continue }
            var changed = entries
            var other = summary
            other.digest ^= 1 << 100
            changed[place] = .round(other)
            #expect(difference(head, changed)?.round == number + 1)
            other = summary
            other.packets += 1
            changed[place] = .round(other)
            let found = try #require(difference(head, changed))
            #expect(found.round == number + 1)
            #expect(found.text == "recorded were \(summary.packets + 1) packets to send, here \(summary.packets)")
        }
    }

    @Test("does something else where an input is missing, or a byte of one is another")
    func otherInput() throws {
        let (head, entries) = try RecordedNetwork(encrypted, .tun).tapes[0].entries()
        var tried = 0
        for (place, entry) in entries.enumerated() {
            guard case .input(.datagram(let type, let nonce, var message, let source), let time) = entry else {
                continue
            }
            tried += 1
            var changed = entries
            changed.remove(at: place)
            #expect(difference(head, changed) != nil, "without \(type)")
            guard type == .initial else { continue }
            // The last of the node's id.
            message[16] ^= 1
            changed = entries
            changed[place] = .input(.datagram(type, nonce, message: message, from: source), at: time)
            #expect(difference(head, changed) != nil, "another \(type)")
        }
        #expect(tried > 5)
    }

    @Test("does something else where its statistics are others")
    func otherState() throws {
        let (head, entries) = try RecordedNetwork(encrypted, .tun).tapes[0].entries()
        let place = try #require(entries.firstIndex { if case .state = $0 { true } else { false } })
        guard case .state(var state) = entries[place] else { return }
        state.digest ^= 1
        var changed = entries
        changed[place] = .state(state)
        let words = "the statistics of \(state.peers) peers and \(state.stations) stations are not the same"
        #expect(difference(head, changed)?.text == words)
    }

    @Test("survives any change of what it was told", arguments: 1...4)
    func nonsense(number: Int) throws {
        let tape = try RecordedNetwork(encrypted, number.isMultiple(of: 2) ? .tap : .tun).tapes[0]
        // The records of all blocks, one behind the other.
        var records: [UInt8] = []
        var start = 8
        while start < tape.bytes.count {
            let length = Int(tape.bytes.span.big(UInt32.self, at: start))
            records += tape.bytes[start + 8..<start + 8 + length]
            start += 16 + length
        }
        var numbers = Seed(UInt64(number), 0, 0, 0).numbers(for: "damage")
        var (replayed, refused) = (0, 0)
        for _ in 0..<1500 {
            var changed = records
            for _ in 0...numbers.next(below: 4) {
                changed[numbers.next(below: changed.count)] = UInt8(truncatingIfNeeded: numbers.next())
            }
            var blocks = BlockWriter()
            blocks.append(changed.span)
            blocks.close()
            var reader = RecordingReader()
            reader.append(blocks.bytes)
            do {
                var replay: RecordingReplay?
                while let entry = try reader.next() {
                    if case .head(let head) = entry {
                        replay = try RecordingReplay(head)
                        replay?.observe = { _ = ($0.line(at: $1), ReplayCapture(head).packet(of: $0, at: $1)) }
                    } else {
                        try replay?.take(entry)
                    }
                }
                replayed += 1
            } catch {
                refused += 1
            }
        }
        #expect(replayed + refused == 1500 && refused > 500)
    }

    @Test("is shown with lines and packets as a simulated one is")
    func shown() throws {
        let (head, entries) = try RecordedNetwork(encrypted, .tun).tapes[1].entries()
        let capture = ReplayCapture(head)
        var lines: [String] = []
        var packets: [CapturedPacket] = []
        try replay(head, entries) { observation, time in
            lines.append(observation.line(at: time).text)
            if let packet = capture.packet(of: observation, at: time) { packets.append(packet) }
        }
        #expect(lines.contains { $0.hasPrefix("0.000000000 s  connecting to hub.example:3210") })
        #expect(lines.contains { $0.contains("frame of 60 bytes from the device, ") })
        #expect(lines.contains { $0.contains("sent initial to 198.51.100.1:3210, ") })
        let inner = packets.filter { $0.stream == .inner(node: "node", .tun) }
        let outer = packets.filter { $0.stream == .outer(node: "node") }
        #expect(inner.count >= 6 && outer.count >= 20 && inner.count + outer.count == packets.count)
        // Ethernet, IPv4, UDP, and a header of method 0.
        let headers = outer.map { Array($0.bytes[42..<47]) }
        #expect(headers.allSatisfy { $0 == [0x76, 0x70, 0x6e, 0x01, 0] })
    }
}
