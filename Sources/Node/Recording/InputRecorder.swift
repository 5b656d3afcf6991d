import VPNProtocol

/// Writes down what one engine is told, and a digest of what comes out of it.
///
/// The engine itself calls it, so that nothing that goes in is left out. Records are gathered and handed on at the end of each
/// round, and earlier where they are many; once what takes them refuses, nothing more is recorded.
package final class InputRecorder {
    /// Records are handed on within a round where there are so many bytes of them.
    private static let patientBytes = RecordingFormat.wantedBlockBytes
    /// Those, the longest datagram or run of frames behind them, and some more.
    private static let roomBytes = patientBytes + (128 << 10)

    private let program: String
    private let timeOfDay: UInt64
    private let take: (Span<UInt8>) -> Bool
    private var records = RecordBuffer(capacity: roomBytes)
    private var outputs = OutputDigest()
    private var time = Instant.zero
    private var hasRecordsOfRound = false
    /// Whether nothing is recorded any more.
    private(set) var isOver = false

    /// How many inputs there were.
    package private(set) var inputs: UInt64 = 0
    /// What came out in the last round; nil where nothing went in, either.
    package private(set) var lastRound: RoundSummary?

    /// - Parameters:
    ///   - program: the version of the program.
    ///   - timeOfDay: in nanoseconds since 1970; 0 where nobody knows.
    ///   - take: takes whole records, to be put into a ``BlockWriter``; returns false where no more are wanted.
    package init(program: String, timeOfDay: UInt64 = 0, take: @escaping (Span<UInt8>) -> Bool) {
        self.program = program
        self.timeOfDay = timeOfDay
        self.take = take
    }

    /// Begins with the making of the engine.
    func begin(_ configuration: NodeConfiguration, seed: Seed, at now: Instant) {
        time = now
        records.append(
            RecordingHead(program: program, timeOfDay: timeOfDay, configuration, seed: seed, start: now))
        handOn()
    }
}

// Inputs.
extension InputRecorder {
    func advance(at now: Instant) { beginInput(.advance, at: now) }

    func datagram(_ packet: OpenedPacket, _ message: Span<UInt8>, from source: Endpoint, at now: Instant) {
        beginInput(.datagram, at: now)
        records.append(byte: packet.type.rawValue)
        records.append(source)
        if let nonce = packet.nonce { records.append(bits: nonce.bits, byteCount: Nonce.byteCount) }
        records.append(count: message.count)
        records.append(message)
        handOnMuch()
    }

    /// A datagram that was not opened: nil for the error where that was not tried.
    func unopened(_ datagram: Span<UInt8>, _ error: OpenError?, from source: Endpoint, at now: Instant) {
        if error == .unauthentic {
            // Its header was read, and its nonce, neither of which is encrypted.
            let nonce = Nonce(datagram, at: PacketHeader.byteCount)
            beginInput(.unauthentic, at: now)
            records.append(byte: datagram[PacketHeader.typeOffset])
            records.append(source)
            records.append(bits: nonce.bits, byteCount: Nonce.byteCount)
            records.append(count: datagram.count)
        } else {
            // Nobody has touched it.
            beginInput(.unopened, at: now)
            records.append(source)
            records.append(count: datagram.count)
            records.append(datagram)
        }
        handOnMuch()
    }

    /// What became of the datagram.
    func noteDisposition(_ disposition: Reception.Disposition) { outputs.append(disposition) }

    func frames(_ frames: StagedFrames, of batch: borrowing OutputBatch, at now: Instant) {
        beginInput(.frames, at: now)
        records.append(count: frames.frameBytes)
        records.append(count: frames.byteCount(gapBytes: batch.gapBytes))
        let bytes = batch.bytes
        var start = frames.range.lowerBound
        for _ in 0..<frames.count {
            let end = min(start + frames.frameBytes, frames.range.upperBound)
            records.append(bytes.extracting(start..<end))
            start = end + batch.gapBytes
        }
        handOnMuch()
    }

    func resolved(_ name: PeerName, to endpoints: [Endpoint], at now: Instant) {
        beginInput(.resolved, at: now)
        records.append(text: name.description)
        records.append(count: endpoints.count)
        for endpoint in endpoints { records.append(endpoint) }
    }

    func portMapped(to external: Endpoint, lease: Duration?, at now: Instant) {
        beginInput(.portMapped, at: now)
        records.append(external)
        records.append(lease != nil)
        if let lease { records.append(lease) }
    }

    func portMappingFailed(at now: Instant) { beginInput(.portMappingFailed, at: now) }

    func sendFailed(to endpoint: Endpoint, errorCode: Int32, at now: Instant) {
        beginInput(.sendFailed, at: now)
        records.append(endpoint)
        records.append(signed: Int64(errorCode))
        handOnMuch()
    }

    func deviceRefused(frames: Int, at now: Instant) {
        beginInput(.deviceRefused, at: now)
        records.append(count: frames)
    }

    /// The end of the node, and how it was before.
    func shutDown(_ statistics: NodeStatistics, at now: Instant) {
        let state = StateSummary(statistics)
        records.append(.state)
        records.append(count: state.peers)
        records.append(count: state.stations)
        records.append(bits: state.digest, byteCount: 16)
        beginInput(.shutDown, at: now)
    }

    private func beginInput(_ kind: RecordingFormat.Kind, at now: Instant) {
        if now != time {
            records.append(.time)
            // A clock that goes back would be a very long time here, which the reader refuses.
            records.append(number: now.nanoseconds &- time.nanoseconds)
            time = now
        }
        records.append(kind)
        inputs += 1
        hasRecordsOfRound = true
    }
}

// Outputs.
extension InputRecorder {
    /// Notes that what a batch holds is sealed next, under the nonces behind this one.
    func sealing(_ batch: borrowing OutputBatch, after nonce: Nonce) {
        guard !batch.unsealed.isEmpty else { return }
        records.append(.sealing)
        hasRecordsOfRound = true
        outputs.append(unsealedOf: batch, after: nonce)
    }

    /// Ends a round in which there was something.
    func endRound(_ batch: borrowing OutputBatch, deadline: Instant?) {
        guard hasRecordsOfRound || !outputs.isEmpty else { return lastRound = nil }
        let round = outputs.endRound(batch, deadline: deadline)
        records.append(.round)
        records.append(count: round.packets)
        records.append(count: round.messageBytes)
        records.append(count: round.frames)
        records.append(count: round.events)
        records.append(count: round.wishes)
        records.append(bits: round.digest, byteCount: 16)
        lastRound = round
        hasRecordsOfRound = false
        handOn()
    }

    private func handOnMuch() {
        if records.count >= Self.patientBytes { handOn() }
    }

    private func handOn() {
        if !isOver {
            // A value of its own, since nobody may change what is lent.
            let lent = records
            isOver = !take(lent.bytes)
        }
        records.removeAll()
    }
}
