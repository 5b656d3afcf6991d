import TestTapes
import Testing

@testable import VPNNode
@testable import VPNProtocol

/// Draws inputs, with all that they may hold.
private struct InputSource {
    var numbers: RandomNumbers

    init(_ number: Int) { numbers = seed(number).numbers(for: "inputs") }

    mutating func number(below bound: Int) -> Int { numbers.next(below: bound) }

    /// Often a small number, and now and then one of any size.
    mutating func anyNumber() -> UInt64 { numbers.next() >> UInt64(numbers.next(below: 64)) }

    mutating func bytes(atMost count: Int) -> [UInt8] {
        let count = number(below: 4) == 0 ? number(below: count + 1) : number(below: min(count, 100) + 1)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
    }

    mutating func endpoint() -> Endpoint {
        let port = UInt16(truncatingIfNeeded: numbers.next())
        switch number(below: 4) {
        case 0: return Endpoint(IPAddress(bits: numbers.next128()), port: port)
        case 1:
            let linkLocal = IPAddress(bits: 0xfe80 << 112 | UInt128(numbers.next()))
            return Endpoint(linkLocal, port: port, scope: UInt32(truncatingIfNeeded: numbers.next()))
        default: return Endpoint(IPAddress(ipv4: UInt32(truncatingIfNeeded: numbers.next())), port: port)
        }
    }

    mutating func type() -> MessageType { MessageType.allCases[number(below: MessageType.allCases.count)] }

    mutating func name() -> PeerName {
        peerName(number(below: 2) == 0 ? endpoint() : Endpoint(IPAddress(10, 0, 0, 1), port: 1))
    }

    /// Lets a recorder take an input, and returns it.
    mutating func draw(
        for recorder: InputRecorder, at now: Instant, _ method: CryptoMethod, _ batch: inout OutputBatch
    ) -> RecordedInput {
        switch number(below: 11) {
        case 0:
            recorder.advance(at: now)
            return .advance
        case 1, 2:
            let (type, message, source) = (type(), bytes(atMost: 2000), endpoint())
            let nonce = method == .none ? nil : Nonce(bits: numbers.next128())
            let packet = OpenedPacket(type: type, message: 0..<message.count, nonce: nonce)
            recorder.datagram(packet, message.span, from: source, at: now)
            return .datagram(type, nonce, message: message, from: source)
        case 3:
            let (datagram, source) = (bytes(atMost: 2000), endpoint())
            recorder.unopened(datagram.span, .malformed(.foreignMagic), from: source, at: now)
            return .unopened(datagram, from: source)
        case 4 where method != .none:
            let (type, nonce, source) = (type(), Nonce(bits: numbers.next128()), endpoint())
            var datagram = [UInt8](repeating: 0, count: 36 + number(below: 2000))
            datagram[PacketHeader.typeOffset] = type.rawValue
            for index in 0..<12 {
                datagram[8 + index] = UInt8(truncatingIfNeeded: nonce.bits >> UInt128(8 * (11 - index)))
            }
            recorder.unopened(datagram.span, .unauthentic, from: source, at: now)
            return .unauthentic(type, nonce, byteCount: datagram.count, from: source)
        case 5, 6:
            let frames = bytes(atMost: 9000)
            let frameBytes = frames.isEmpty ? 0 : 1 + number(below: frames.count)
            batch.reset()
            recorder.frames(
                batch.stageFrames(copying: frames.span, frameBytes: frameBytes), of: batch, at: now)
            return .frames(frames, frameBytes: frameBytes)
        case 7:
            let (name, endpoints) = (name(), (0..<number(below: 4)).map { _ in endpoint() })
            recorder.resolved(name, to: endpoints, at: now)
            return .resolved(name, endpoints)
        case 8:
            let lease: Duration? = number(below: 2) == 0 ? nil : .milliseconds(number(below: 10_000_000))
            let external = endpoint()
            recorder.portMapped(to: external, lease: lease, at: now)
            return .portMapped(external, lease: lease)
        case 9:
            let (destination, code) = (endpoint(), Int32(truncatingIfNeeded: numbers.next()))
            recorder.sendFailed(to: destination, errorCode: code, at: now)
            return .sendFailed(destination, errorCode: code)
        default:
            let frames = number(below: 100)
            recorder.deviceRefused(frames: frames, at: now)
            return .deviceRefused(frames: frames)
        }
    }
}

@Suite("A recording")
struct RecordingTests {
    /// A configuration in which nothing is as by default.
    private static func settings(_ seal: PacketSeal) -> NodeConfiguration {
        configuration(seal, device: .tap) {
            $0.mode = .router
            $0.dialect = .v1
            $0.subnets = [subnet("10.1.0.0/16"), subnet("fd00::/64"), subnet("10/02:00:00:00:00:01/64")]
            $0.peers = ["a.example:1", "[2001:db8::1]:3210", "192.0.2.1:5"].compactMap { PeerName($0) }
            $0.peerTimeout = .seconds(77)
            $0.stationTimeout = .milliseconds(5_500)
            $0.port = 4567
            $0.portForwarding = true
            $0.portLease = .nanoseconds(123_456_789_012)
            $0.reportsMessages = true
            $0.limits.peers = 1
            $0.limits.addressesPerPeer = 2
            $0.limits.stations = 3
            $0.limits.claims = 4
            $0.limits.pendingContacts = 5
            $0.limits.contactsPerSecond = 6
            $0.limits.ownAddresses = 7
            $0.limits.departedNodes = 8
            $0.limits.answers = 9
            $0.limits.controlMessageBytes = 1_000
        }
    }

    @Test("begins with all that makes the node, but for the key")
    func head() throws {
        let settings = Self.settings(encrypted)
        let tape = Tape()
        let seed = Seed(1, .max, 0x0123_4567_89ab_cdef, 4)
        tape.recorder.begin(settings, seed: seed, at: Instant(nanoseconds: 12_345))
        let bytes = tape.end()
        let head = try #require(Played(bytes).head)
        let read = head.configuration
        #expect(head.timeOfDay == 1_700_000_000_123_456_789)
        #expect(head.timeOfDay(at: head.start + .milliseconds(5)).nanoseconds == head.timeOfDay + 5_000_000)
        #expect(head.program == "a test" && head.seed == seed && head.start == Instant(nanoseconds: 12_345))
        #expect(head.method == .chacha20 && read.seal.magic == settings.seal.magic)
        #expect(read.deviceType == settings.deviceType && read.mode == settings.mode)
        #expect(read.dialect == settings.dialect && read.subnets == settings.subnets && read.peers == settings.peers)
        #expect(read.peerTimeout == settings.peerTimeout && read.stationTimeout == settings.stationTimeout)
        #expect(read.port == settings.port && read.portForwarding == settings.portForwarding)
        #expect(read.portLease == settings.portLease && read.reportsMessages == settings.reportsMessages)
        #expect(read.limits == settings.limits)
        // The key of the tests is one byte again and again.
        let run = [UInt8](repeating: 0x5a, count: 4)
        #expect(!bytes.indices.contains { bytes[$0...].starts(with: run) })
        #expect(read.seal.method == .none)
    }

    @Test("holds each input as it was, with its time, however it is cut into pieces", arguments: 1...20)
    func roundTrip(number: Int) throws {
        var source = InputSource(number)
        let seal = number.isMultiple(of: 3) ? plain : encrypted
        let tape = Tape()
        tape.recorder.begin(Self.settings(seal), seed: seed(1), at: .zero)
        var batch = OutputBatch(for: seal, capacity: 1000)
        var now = Instant.zero
        var expected: [TimedInput] = []
        for _ in 0..<300 {
            if source.number(below: 3) == 0 {
                now = Instant(nanoseconds: now.nanoseconds + source.anyNumber() >> 12)
            }
            let input = source.draw(for: tape.recorder, at: now, seal.method, &batch)
            expected.append(TimedInput(input: input, time: now))
        }
        tape.recorder.portMappingFailed(at: now)
        expected.append(TimedInput(input: .portMappingFailed, time: now))
        tape.recorder.shutDown(
            NodeStatistics(id: NodeID(bits: 1), peers: [], stations: [], counters: NodeCounters()), at: now)
        expected.append(TimedInput(input: .shutDown, time: now))
        batch.reset()
        tape.recorder.endRound(batch, deadline: nil)
        let bytes = tape.end(.limit)
        for pieceBytes in [Int.max, 4096, 7] {
            let played = Played(bytes, pieceBytes: pieceBytes)
            #expect(played.error == nil && played.ending == .complete(.limit))
            #expect(played.inputs == expected)
            #expect(tape.recorder.inputs == UInt64(expected.count))
        }
    }

    /// A small recording with several blocks, and what it holds.
    private static func small() throws -> [UInt8] {
        let tape = Tape()
        var engine = try NodeEngine(
            configuration { $0.peers = [peerName(endpoint(9))] }, seed: seed(1), startingAt: .zero,
            recorder: tape.recorder)
        var batch = OutputBatch(for: encrypted, capacity: 4000)
        for second in 0..<3 {
            let now = Instant.zero + .seconds(second)
            engine.advance(to: now, into: &batch)
            if second == 0 { engine.resolved(peerName(endpoint(9)), to: [endpoint(9)], at: now, into: &batch) }
            var datagram = packet(.initial, initial(.request, id: UInt128(second + 7)), nonce: UInt128(second + 1))
            if second == 2 { datagram[30] ^= 1 }
            var span = datagram.mutableSpan
            _ = engine.receive(&span, from: endpoint(20 + second), at: now, into: &batch)
            let frame = batch.stageFrame(copying: ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 0, 2)).span)
            engine.send(frame, at: now, into: &batch)
            engine.seal(&batch)
            engine.endRound(batch)
            batch.reset()
        }
        engine.shutDown(at: .zero + .seconds(3), into: &batch)
        engine.seal(&batch)
        engine.endRound(batch)
        return tape.end()
    }

    @Test("in which one bit is not as it was is refused, at the block that it is in or before it")
    func flips() throws {
        let bytes = try Self.small()
        let whole = Played(bytes)
        try #require(whole.error == nil && whole.ending == .complete(.nodeEnded) && whole.inputs.count > 10)
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << UInt8(bit)
                let played = Played(damaged)
                switch played.error {
                case .damaged(let place)?:
                    #expect(place <= position && position < place + 2000)
                    #expect(played.ending == .cut(position: place))
                case .notARecording?: #expect(position < 7)
                case .unknownVersion?: #expect(position == 7)
                default: Issue.record("bit \(bit) of byte \(position): \(String(describing: played.error))")
                }
                // What comes before the damage is what was written.
                #expect(whole.inputs.starts(with: played.inputs))
            }
        }
    }

    @Test("that was cut is told as cut, wherever that is, and what there is of it can be read")
    func cuts() throws {
        let bytes = try Self.small()
        let whole = Played(bytes)
        var before = 0
        for length in 0..<bytes.count {
            let played = Played(Array(bytes[..<length]))
            #expect(played.error == nil)
            guard case .cut(let position) = played.ending else {
                Issue.record("cut to \(length) bytes, it is complete")
                continue
            }
            #expect(position <= length)
            #expect(whole.inputs.starts(with: played.inputs))
            #expect(played.inputs.count >= before)
            before = played.inputs.count
        }
        #expect(before == whole.inputs.count)
    }

    @Test("that goes on after its end, or lacks a byte, or has two blocks in the wrong order, is refused")
    func otherDamage() throws {
        let bytes = try Self.small()
        #expect(Played(bytes + [0]).error == .bytesAfterEnd(position: bytes.count))
        for position in bytes.indices.dropLast() {
            var damaged = bytes
            damaged.remove(at: position)
            let played = Played(damaged)
            #expect(played.error != nil || played.ending != .complete(.nodeEnded))
        }
        // The second block and the third have a head of 8 bytes each, which says how long the rest is.
        func length(at start: Int) -> Int { 16 + Int(bytes.span.big(UInt32.self, at: start)) }
        let first = 8 + length(at: 8)
        let second = first + length(at: first)
        let third = second + length(at: second)
        let swapped = Array(bytes[..<first] + bytes[second..<third] + bytes[first..<second] + bytes[third...])
        #expect(Played(swapped).error == .damaged(position: first))
        #expect(Played(Array(bytes[..<first] + bytes[second...])).error == .damaged(position: first))
    }

    @Test(
        "whose records make no sense is refused with a reason, though its checksums are right",
        arguments: [encrypted, plain])
    func nonsense(seal: PacketSeal) throws {
        var numbers = seed(5).numbers(for: "damage")
        var source = InputSource(3)
        var batch = OutputBatch(for: seal, capacity: 1000)
        var records = RecordBuffer(capacity: 10)
        let recorder = InputRecorder(program: "x") { bytes in
            records.append(bytes)
            return true
        }
        recorder.begin(Self.settings(seal), seed: seed(1), at: .zero)
        for _ in 0..<40 { _ = source.draw(for: recorder, at: .zero, seal.method, &batch) }
        recorder.endRound(batch, deadline: .zero)
        let good = records.bytes.indices.map { records.bytes[$0] }
        var refused = 0
        for _ in 0..<4000 {
            var bad = good
            for _ in 0...numbers.next(below: 3) {
                bad[numbers.next(below: bad.count)] = UInt8(truncatingIfNeeded: numbers.next())
            }
            if numbers.next(below: 4) == 0 { bad.removeLast(numbers.next(below: bad.count)) }
            var blocks = BlockWriter()
            blocks.append(bad.span)
            blocks.close()
            let played = Played(blocks.bytes)
            guard let error = played.error else { continue }
            refused += 1
            guard case .malformed(8, let reason) = error else {
                Issue.record("\(error)")
                continue
            }
            #expect(!reason.isEmpty)
        }
        #expect(refused > 1000)
    }

    @Test("ends where nobody takes it any more, and the engine goes on")
    func refusal() throws {
        var taken = 0
        let recorder = InputRecorder(program: "x") { _ in
            taken += 1
            return taken < 3
        }
        var engine = try NodeEngine(configuration(), seed: seed(1), startingAt: .zero, recorder: recorder)
        var batch = OutputBatch(for: encrypted, capacity: 1000)
        for second in 0..<10 {
            engine.advance(to: .zero + .seconds(second), into: &batch)
            engine.seal(&batch)
            engine.endRound(batch)
            batch.reset()
        }
        #expect(taken == 3)
        #expect(recorder.isOver && recorder.inputs == 2)
    }
}
