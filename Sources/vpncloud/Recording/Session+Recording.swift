import Logging
import VPNLinuxIO
import VPNNode

// A session that records.
extension Session {
    /// Opens the file of the recording with the rights that the node will have. What it held stays until the node begins.
    func openRecording(as account: Account?) throws -> RecordingFile? {
        guard let path = plan.recording?.path else { return nil }
        do {
            guard let account else { return try RecordingFile(path) }
            return try account.withRightsToFiles { try RecordingFile(path) }
        } catch {
            let advice = account.map { "; make it beforehand and give it to \($0.description)" } ?? ""
            throw Failure.runTime("\(error)\(advice)")
        }
    }

    /// Starts to record to a file.
    func record(to file: RecordingFile) throws -> RecordingWriter {
        let (log, path, limit) = (log, file.path, plan.recording?.limit ?? 0)
        let writer = try RecordingWriter(to: file, program: Version.number, limit: limit) { outcome in
            log.log(level: outcome.end == .nodeEnded ? .info : .warning, "\(outcome.text(path))")
        }
        log.warning(
            "all traffic is recorded in plain text, but not the key, to '\(path)': who can read that can read the network"
        )
        return writer
    }
}

extension RecordingWriter.Outcome {
    /// How the recording ended, as a line of the log.
    fileprivate func text(_ path: String) -> String {
        let length = "\(Count(byteCount, "byte")) in '\(path)'"
        if error == nil, end == .nodeEnded { return "recorded \(length)" }
        let reason = error.map { "\($0)" } ?? end.explanation
        return "the recording ends early, \(length), and the node goes on: \(reason)"
    }
}

extension RecordingWriter.Statistics {
    /// The lines of the statistics file.
    var yaml: String { "recording:\n  bytes: \(byteCount)\n  state: \(state)\n" }

    private var state: String {
        switch end {
        case nil: "running"
        case .nodeEnded?: "node_ended"
        case .limit?: "limit"
        case .tooSlow?: "too_slow"
        case .writeFailed?: "write_failed"
        }
    }
}
