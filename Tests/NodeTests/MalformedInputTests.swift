import Testing
import VPNProtocol

@testable import VPNNode

/// Bytes that no program of this protocol sends, in great number.
@Suite("Malformed input")
struct MalformedInputTests {
    /// An engine that talks to whoever talks to it, and tables so small that their bounds are reached.
    private struct Victim: ~Copyable {
        var engine: NodeEngine
        var batch: OutputBatch
        let limits: Limits
        var now = Instant.zero
        var delivered = 0
        var dropped = 0
        var handled = 0

        init(_ seal: PacketSeal, device: DeviceType, mode: ForwardingMode) throws(ConfigurationError) {
            var limits = Limits()
            limits.peers = 50
            limits.stations = 100
            limits.claims = 200
            limits.pendingContacts = 100
            limits.departedNodes = 64
            limits.answers = 32
            limits.ownAddresses = 8
            limits.addressesPerPeer = 3
            let settings = configuration(seal, device: device) {
                $0.mode = mode
                $0.limits = limits
                $0.dialect = .v1
                // Where the node's own messages come back from, among others.
                $0.peers = (0..<20).map { peerName(endpoint($0 + 1)) }
            }
            let engine = try NodeEngine(settings, seed: seed(1), startingAt: .zero)
            self.engine = engine
            self.limits = limits
            batch = OutputBatch(for: seal, capacity: 65_536)
        }

        mutating func take(_ bytes: inout [UInt8], from source: Endpoint) {
            var span = bytes.mutableSpan
            switch engine.receive(&span, from: source, at: now, into: &batch).disposition {
            case .deliver: delivered += 1
            case .drop: dropped += 1
            case .handled: handled += 1
            }
            if (delivered + dropped + handled).isMultiple(of: 64) {
                now = now + .milliseconds(50)
                engine.advance(to: now, into: &batch)
                engine.seal(&batch)
                batch.reset()
            }
        }

        func checkBounds() {
            #expect(engine.peers.count <= limits.peers)
            for peer in engine.statistics().peers {
                #expect(peer.subnets.count <= limits.claims)
                #expect(peer.addresses.count <= limits.addressesPerPeer)
            }
            #expect(engine.claims.count <= limits.claims)
            #expect(engine.stations.count <= limits.stations)
            #expect(engine.contacts.count <= limits.pendingContacts)
            #expect(engine.departed.count <= limits.departedNodes)
            #expect(max(engine.answeredStrangers.count, engine.answeredRequests.count) <= limits.answers)
            #expect(engine.ownAddresses.count <= limits.ownAddresses)
            #expect(
                engine.agenda.count <= 2 * (limits.peers + limits.pendingContacts) + 64 + 2 * limits.pendingContacts)
        }
    }

    /// Messages of every type, as they should be.
    private func originals(_ seal: PacketSeal) -> [(MessageType, [UInt8])] {
        let subnets = [
            subnet("10.0.0.0/8"), subnet("fd00::/64"), subnet("02:00:00:00:00:01/48"),
            subnet("10/02:00:00:00:00:01/64"),
        ]
        return [
            (.initial, initial(.request, id: 77, subnets: subnets, trailing: [1, 44])),
            (.initial, initial(.response, id: 78, subnets: subnets)),
            (.peers, list((0..<20).map { endpoint(300 + $0) } + (0..<5).map { endpoint6($0) })),
            (.data, ethernet(to: 0x0200_0000_0001, from: 0x0200_0000_0002, tag: 0x6064)),
            (.data, ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 0, 2))),
            (.close, []),
        ]
    }

    /// Changes bytes here and there: flips, overwrites, cuts, repeats, extends.
    private func mutate(_ bytes: [UInt8], _ numbers: inout RandomNumbers) -> [UInt8] {
        var result = bytes
        for _ in 0...numbers.next(below: 4) {
            switch numbers.next(below: 6) {
            case 0 where !result.isEmpty:
                result[numbers.next(below: result.count)] ^= 1 << UInt8(numbers.next(below: 8))
            case 1 where !result.isEmpty:
                let extremes: [UInt8] = [0, 1, 4, 6, 8, 16, 0x7f, 0x80, 0xfe, 0xff]
                result[numbers.next(below: result.count)] = extremes[numbers.next(below: extremes.count)]
            case 2: result.removeLast(numbers.next(below: result.count + 1))
            case 3 where !result.isEmpty:
                let start = numbers.next(below: result.count)
                result.insert(contentsOf: result[start...].prefix(40), at: start)
            case 4: result += (0..<numbers.next(below: 40)).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
            default:
                for index in result.indices where numbers.next(below: 8) == 0 {
                    result[index] = UInt8(truncatingIfNeeded: numbers.next())
                }
            }
        }
        return result
    }

    struct Case: CustomStringConvertible {
        let seal: PacketSeal
        let device: DeviceType
        let mode: ForwardingMode
        let validTag: Bool
        let seed: Int
        var description: String {
            "\(device) \(mode) \(seal.method), \(validTag ? "sealed after the change" : "changed as sent"), seed \(seed)"
        }
    }

    static let cases: [Case] = [
        Case(seal: plain, device: .tap, mode: .switch, validTag: true, seed: 1),
        Case(seal: plain, device: .tun, mode: .router, validTag: false, seed: 2),
        Case(seal: encrypted, device: .tap, mode: .router, validTag: true, seed: 3),
        Case(seal: encrypted, device: .tun, mode: .hub, validTag: false, seed: 4),
    ]

    /// The packets of each case; over a million in all.
    static let packetsPerCase = 255_000

    @Test("over a million changed packets trap nothing and leave every table within its bound", arguments: cases)
    func mutatedPackets(of given: Case) throws {
        var victim = try Victim(given.seal, device: given.device, mode: given.mode)
        var numbers = seed(given.seed).numbers(for: "mutation")
        let originals = originals(given.seal)
        let sealed = originals.map { packet($0.0, $0.1, seal: given.seal) }
        for index in 0..<Self.packetsPerCase {
            let choice = numbers.next(below: originals.count)
            var bytes: [UInt8]
            if given.validTag {
                let (type, message) = originals[choice]
                var changed = mutate(message, &numbers)
                // A new node id now and then, so that peers come and go.
                if type == .initial, changed.count > 16 { changed[16] = UInt8(truncatingIfNeeded: numbers.next()) }
                // And now and then the node's own.
                if type == .initial, numbers.next(below: 16) == 0 {
                    changed = initial(.request, id: victim.engine.id.bits)
                }
                // Next, the same again, an old one, one of another sequence.
                let next = UInt128(index + 1_000)
                let nonces = [next, next, next, next - 1, next / 2, next + 1 << 60]
                let nonce = nonces[numbers.next(below: nonces.count)]
                bytes = packet(type, changed, nonce: nonce, seal: given.seal)
            } else {
                bytes = mutate(sealed[choice], &numbers)
            }
            victim.take(&bytes, from: endpoint(numbers.next(below: 300)))
            if index.isMultiple(of: 5_000) { victim.checkBounds() }
        }
        victim.checkBounds()
        let (delivered, dropped, handled) = (victim.delivered, victim.dropped, victim.handled)
        #expect(delivered + dropped + handled == Self.packetsPerCase)
        #expect(dropped > 0)
        // Where tags are right, the changes reach the decoders and the tables.
        if given.validTag { #expect(handled > 10_000 && delivered > 1_000) }
    }

    @Test("changed frames of the device trap nothing", arguments: DeviceType.allCases)
    func mutatedFrames(device: DeviceType) throws {
        var victim = try Victim(encrypted, device: device, mode: .switch)
        var join = packet(.initial, initial(.request, id: 9), nonce: 1)
        victim.take(&join, from: endpoint(9))
        var numbers = seed(5).numbers(for: "frames")
        let originals = originals(encrypted).map(\.1)
        for index in 0..<50_000 {
            let frame = mutate(originals[index % originals.count], &numbers)
            let staged = victim.batch.stageFrame(copying: frame.span)
            victim.engine.send(staged, at: victim.now, into: &victim.batch)
            if index.isMultiple(of: 64) {
                victim.engine.seal(&victim.batch)
                victim.batch.reset()
            }
        }
        victim.checkBounds()
        #expect(victim.engine.statistics().counters.taken.packets == 50_000)
    }
}
