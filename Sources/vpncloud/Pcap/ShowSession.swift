import Glibc
import VPNCaptures
import VPNNode

/// Reads a capture to its end, and prints a line for each packet of the protocol.
struct ShowSession {
    private let reader: CaptureReader
    private let opener: CaptureOpener
    private let asJSON: Bool

    init(_ capture: String, _ rules: OpeningRules, asJSON: Bool) throws(Failure) {
        _ = signal(SIGPIPE, SIG_IGN)
        reader = try openCapture(capture)
        opener = CaptureOpener(try packetOpener(rules), reader.link)
        self.asJSON = asJSON
    }

    /// Does it.
    ///
    /// - Returns: whether every packet of the protocol was opened.
    mutating func run() throws(Failure) -> Bool {
        let output = LineOutput(descriptor: STDOUT_FILENO)
        var progress = CaptureProgress(reader, isWanted: isatty(STDOUT_FILENO) == 0)
        var lines = PacketLines(opener, asJSON: asJSON)
        while output.failure == nil,
            reader.next({ packet, wireBytes, time in
                lines.take(packet, wireBytes: wireBytes, at: time) { output.write($0) }
            })
        {
            progress.countPacket()
            if reader.mayWait { output.flush() }
        }
        output.flush()
        progress.clear()
        if let failure = output.failure {
            // Enough was seen.
            if failure.code == EPIPE { return true }
            throw .runTime("the standard output is not complete: \(failure)")
        }
        let summary = PcapSummary(
            lines.counts, of: reader, networks: lines.networks, othersAre: "not shown")
        for line in summary.lines { print(toStandardError: line) }
        if let failure = Failure(reader, after: lines.counts.packets) { throw failure }
        return lines.counts.isComplete
    }
}
