import VPNProtocol

// What of recording is done with each packet, apart from the path that packets take without it.
extension NodeEngine {
    @inline(never)
    mutating func recordOpened(
        _ packet: OpenedPacket, _ message: Span<UInt8>, from source: Endpoint, at now: Instant
    ) {
        recorder?.datagram(packet, message, from: source, at: now)
    }

    @inline(never)
    mutating func recordFrames(_ frames: StagedFrames, of outputs: borrowing OutputBatch, at now: Instant) {
        recorder?.frames(frames, of: outputs, at: now)
    }

    @inline(never)
    mutating func recordDisposition(_ disposition: Reception.Disposition) { recorder?.noteDisposition(disposition) }

    /// Ends a round: what came out of the inputs since the last one is carried out, and the batch is reset next.
    ///
    /// For recordings only. A round is whatever the shell makes one.
    package mutating func endRound(_ outputs: borrowing OutputBatch) {
        guard recorder != nil else { return }
        endRecordedRound(outputs)
    }

    @inline(never)
    private mutating func endRecordedRound(_ outputs: borrowing OutputBatch) {
        recorder?.endRound(outputs, deadline: nextDeadline)
        if recorder?.isOver == true { recorder = nil }
    }
}
