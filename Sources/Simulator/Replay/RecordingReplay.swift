package import VPNNode
package import VPNProtocol

/// Why a recording cannot be replayed here.
package enum ReplayError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The node's packets cannot be sealed here as it did.
    case seal(KeyError)
    /// The configuration is one that no engine takes.
    case configuration(ConfigurationError)
    /// Something stands before the head.
    case missingHead

    /// What is wrong, and what can be done about it.
    package var description: String {
        switch self {
        case .seal(let error): "\(error)"
        case .configuration(let error): "its configuration cannot be: \(error)"
        case .missingHead: "it does not say what the node was made of"
        }
    }
}

/// Where a replay does something else than the node did.
package struct ReplayDifference: Error, Hashable, Sendable {
    /// By the clock of the node.
    package let time: Instant
    /// The number of the round, from 1.
    package let round: Int
    /// The numbers of the inputs in it, from 1; empty where there are none.
    package let inputs: Range<Int>
    /// What differs, as a clause.
    package let text: String
}

/// Tells a new engine what a recorded one was told, and compares what comes out.
///
/// The key of the network is in no recording. Opened messages are sealed once more, under a key that everybody knows and under
/// the nonces that they had, so that the engine does all that it did, opening included.
package final class RecordingReplay {
    /// Everybody knows this key; it keeps nothing secret.
    private static let key = (0..<SecretKey.byteCount).map { UInt8($0) }

    private var engine: NodeEngine
    private var batch: OutputBatch
    private let seal: PacketSeal
    /// Digests the outputs, as it did when they were recorded.
    private let recorder: InputRecorder
    /// The packet at hand.
    private var packet: [UInt8] = []
    private var time: Instant
    private var firstInputOfRound = 1
    /// Which of the batch's transmits were observed.
    private var observedTransmits = 0

    /// Sees all that goes in and comes out; nil where nobody wants to.
    package var observe: ((ReplayObservation, Instant) -> Void)?
    /// What was done so far.
    package private(set) var counts = ReplayCounts()

    /// A node as it was made, which was told nothing yet.
    ///
    /// - Parameter recorder: records the replay in its turn; nil for a recording that nobody keeps.
    package init(_ head: RecordingHead, recordedBy recorder: InputRecorder? = nil) throws(ReplayError) {
        if head.method == .none {
            seal = PacketSeal(unencrypted: head.configuration.seal.magic)
        } else {
            do throws(KeyError) {
                let key = SecretKey(Self.key.span)
                seal = try PacketSeal(magic: head.configuration.seal.magic, method: head.method, key: key)
            } catch {
                throw .seal(error)
            }
        }
        let recorder =
            recorder
            ?? InputRecorder(program: head.program, timeOfDay: head.timeOfDay) { _ in true }
        do throws(ConfigurationError) {
            engine = try NodeEngine(
                head.configuration(seal: seal), seed: head.seed, startingAt: head.start, recorder: recorder)
        } catch {
            throw .configuration(error)
        }
        self.recorder = recorder
        batch = OutputBatch(for: seal, capacity: 256 << 10)
        time = head.start
    }

    /// The id of the node.
    package var id: NodeID { engine.id }

    /// How the node is now.
    package func statistics() -> NodeStatistics { engine.statistics() }

    /// Takes the next entry behind the head.
    ///
    /// - Throws: what differs, where something does. The entries behind that make no sense any more.
    package func take(_ entry: RecordedEntry) throws(ReplayDifference) {
        switch entry {
        case .head: throw difference("the recording has a second head")
        case .input(let input, let now):
            time = now
            counts.note(input)
            put(input, at: now)
        case .sealing:
            observeTransmits()
            engine.seal(&batch)
        case .round(let recorded): try endRound(recorded)
        case .state(let recorded):
            let state = StateSummary(engine.statistics())
            guard state == recorded else { throw difference(state.difference(from: recorded)) }
        case .end: return
        }
    }

    private func endRound(_ recorded: RoundSummary) throws(ReplayDifference) {
        counts.noteRound()
        if let observe { for event in batch.events { observe(.event(event), time) } }
        engine.endRound(batch)
        batch.reset()
        observedTransmits = 0
        let round = recorder.lastRound ?? RoundSummary()
        guard round == recorded else { throw difference(round.difference(from: recorded)) }
        counts.note(round)
        firstInputOfRound = counts.inputs + 1
    }

    private func difference(_ text: String) -> ReplayDifference {
        ReplayDifference(
            time: time, round: max(counts.rounds, 1), inputs: firstInputOfRound..<counts.inputs + 1, text: text)
    }
}

extension RecordingReplay {
    private func put(_ input: RecordedInput, at now: Instant) {
        switch input {
        case .advance: engine.advance(to: now, into: &batch)
        case .datagram(let type, let nonce, let message, let source):
            makePacket(message, type, nonce ?? Nonce(bits: 0))
            observe?(.received(type, message, from: source), now)
            receive(from: source, at: now)
        case .unopened(let bytes, let source):
            packet = bytes
            observe?(.unopened(bytes, from: source), now)
            receive(from: source, at: now)
        case .unauthentic(let type, let nonce, let byteCount, let source):
            // The tag of a packet that somebody made for the known key would fit. This one does not, by one bit.
            let zeros = [UInt8](repeating: 0, count: byteCount - seal.headBytes - seal.tailBytes)
            makePacket(zeros, type, nonce)
            packet[packet.count - 1] ^= 1
            observe?(.unauthentic(type, byteCount: byteCount, from: source), now)
            receive(from: source, at: now)
        case .frames(let bytes, let frameBytes):
            observeFrames(bytes, frameBytes, at: now)
            let frames = batch.stageFrames(copying: bytes.span, frameBytes: frameBytes)
            engine.send(frames, at: now, into: &batch)
        case .resolved(let name, let endpoints): engine.resolved(name, to: endpoints, at: now, into: &batch)
        case .portMapped(let external, let lease):
            engine.portMapped(to: external, lease: lease, at: now, into: &batch)
        case .portMappingFailed: engine.portMappingFailed(at: now, into: &batch)
        case .sendFailed(let destination, let code):
            engine.sendFailed(to: destination, errorCode: code, at: now, into: &batch)
        case .deviceRefused(let frames): engine.deviceRefused(frames: frames, at: now, into: &batch)
        case .shutDown: engine.shutDown(at: now, into: &batch)
        }
    }

    /// Makes a packet of a message.
    private func makePacket(_ message: [UInt8], _ type: MessageType, _ nonce: Nonce) {
        var made = [UInt8](repeating: 0, count: seal.headBytes)
        made += message
        made += repeatElement(0, count: seal.tailBytes)
        var bytes = made.mutableSpan
        let range = seal.headBytes..<seal.headBytes + message.count
        seal.seal(&bytes, message: range, type: type, nonce: nonce)
        packet = made
    }

    private func receive(from source: Endpoint, at now: Instant) {
        let reception = Self.receive(&packet, from: source, at: now, by: &engine, into: &batch)
        guard let observe, reception.disposition == .deliver, let message = reception.packet?.message else { return }
        observe(.delivered(Array(packet[message])), now)
    }

    /// The parts are separate parameters, since the packet borrows one of them meanwhile.
    private static func receive(
        _ packet: inout [UInt8], from source: Endpoint, at now: Instant, by engine: inout NodeEngine,
        into batch: inout OutputBatch
    ) -> Reception {
        var bytes = packet.mutableSpan
        return engine.receive(&bytes, from: source, at: now, into: &batch)
    }

    private func observeFrames(_ bytes: [UInt8], _ frameBytes: Int, at now: Instant) {
        guard let observe else { return }
        var start = 0
        repeat {
            let end = min(start + frameBytes, bytes.count)
            observe(.taken(Array(bytes[start..<end])), now)
            start = end
        } while start < bytes.count
    }

    /// Shows the packets that are sealed next.
    private func observeTransmits() {
        defer { observedTransmits = batch.transmits.count }
        guard let observe else { return }
        Self.show(batch, from: observedTransmits) { type, message, destination in
            observe(.sent(type, message, to: destination), time)
        }
    }

    private static func show(
        _ batch: borrowing OutputBatch, from first: Int, _ body: (MessageType, [UInt8], Endpoint) -> Void
    ) {
        let bytes = batch.bytes
        for transmit in batch.transmits[first...] {
            for segment in transmit.segments {
                let range = batch.message(of: segment)
                var message: [UInt8] = []
                message.reserveCapacity(range.count)
                for index in range { message.append(bytes[index]) }
                for destination in batch.destinations[transmit.destinations] {
                    body(transmit.type, message, destination)
                }
            }
        }
    }
}
