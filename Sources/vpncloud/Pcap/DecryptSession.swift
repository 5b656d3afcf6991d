import Glibc
import VPNCaptures
import VPNNode

/// Reads a capture to its end, writes what is in it, and says what that was.
struct DecryptSession {
    private let reader: CaptureReader
    private var decryption: CaptureDecryption
    private let outputs: CaptureDecryption.Outputs

    init(
        _ capture: String, _ rules: OpeningRules, outer: String?, inner: String?, type: DeviceType?, keepsOther: Bool
    ) throws(Failure) {
        // Whoever reads what is written may stop at any time, which is then an error of the writing.
        _ = signal(SIGPIPE, SIG_IGN)
        var outputs = CaptureDecryption.Outputs()
        outputs.outer = outer
        outputs.inner = inner
        outputs.deviceType = type
        outputs.keepsOther = keepsOther
        self.outputs = outputs
        try Self.checkPaths(capture, [outer, inner].compactMap { $0 })
        reader = try openCapture(capture)
        let packets = try packetOpener(rules)
        do {
            decryption = try CaptureDecryption(packets, reader.link, outputs)
        } catch {
            throw Failure(error)
        }
    }

    /// Nothing may be written to what is read, nor twice to one file, nor to a terminal.
    private static func checkPaths(_ capture: String, _ paths: [String]) throws(Failure) {
        let source = capture == "-" ? FileIdentity(descriptor: STDIN_FILENO) : FileIdentity(capture)
        var files: [FileIdentity] = []
        for path in paths {
            if path == "-", isatty(STDOUT_FILENO) == 1 {
                throw .usage("the standard output is a terminal; pipe it to a program that reads captures")
            }
            let identity = path == "-" ? FileIdentity(descriptor: STDOUT_FILENO) : FileIdentity(path)
            guard let file = identity else { continue }
            guard file != source else {
                throw .usage("\(name(path).withoutControlCharacters) is the capture to be read; write to another file")
            }
            guard !files.contains(file) else {
                throw .usage("--outer and --inner are the same file; name different ones")
            }
            files.append(file)
        }
    }

    /// Does it.
    ///
    /// - Returns: whether every packet of the protocol was opened.
    mutating func run() throws(Failure) -> Bool {
        var progress = CaptureProgress(reader, isWanted: true)
        var decryption = decryption
        while decryption.failure == nil,
            reader.next({ packet, wireBytes, time in decryption.take(packet, wireBytes: wireBytes, at: time) })
        {
            progress.countPacket()
            if reader.mayWait { decryption.flush() }
        }
        progress.clear()
        do {
            try decryption.finish()
        } catch {
            // Enough was read.
            if decryption.isUnread { return true }
            throw Failure(error)
        }
        let report = LineOutput(
            descriptor: [outputs.outer, outputs.inner].contains("-") ? STDERR_FILENO : STDOUT_FILENO)
        for line in summary(of: decryption).lines { report.write(line) }
        report.flush()
        if let failure = Failure(reader, after: decryption.counts.packets) { throw failure }
        return decryption.counts.isComplete
    }

    private func summary(of decryption: CaptureDecryption) -> PcapSummary {
        var summary = PcapSummary(
            decryption.counts, of: reader, networks: decryption.networks,
            othersAre: outputs.keepsOther ? "kept as they are" : "left out")
        if let outer = outputs.outer {
            summary.add(decryption.packetsWritten, "packets written to \(Self.name(outer))")
        }
        if let inner = outputs.inner {
            let kind = decryption.deviceType == .tun ? "IP packets" : "Ethernet frames"
            summary.add(decryption.framesWritten, "\(kind) written to \(Self.name(inner))")
        }
        if decryption.framesOfOtherKind > 0 {
            let kind = decryption.deviceType == .tun ? "no IP packets" : "no Ethernet frames"
            summary.add(decryption.framesOfOtherKind, "not written, being \(kind)")
            summary.addNote("--type says what the frames are where the first one misleads")
        }
        return summary
    }

    private static func name(_ path: String) -> String { path == "-" ? "the standard output" : "'\(path)'" }
}
