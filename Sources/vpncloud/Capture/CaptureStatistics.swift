import VPNLinuxIO

/// What a live capture has done so far.
struct CaptureStatistics: Hashable, Sendable {
    var inner = PacketFeed.Counts()
    var outer = PacketFeed.Counts()
    /// Files that were made.
    var files = 0
    /// Errors of files, of which one ends the capture.
    var errors = 0

    /// The lines of the statistics file.
    var yaml: String {
        let streams = [("inner", inner), ("outer", outer)].map { name, counts in
            "  \(name): {captured: \(counts.captured), dropped: \(counts.dropped), filtered: \(counts.filtered)}\n"
        }
        return "capture:\n\(streams.joined())  files: \(files)\n  errors: \(errors)\n"
    }

    /// One line for the log.
    var summary: String {
        let streams = [("inner", inner), ("outer", outer)].map { name, counts in
            "\(name) \(counts.captured) captured, \(counts.dropped) dropped, \(counts.filtered) filtered"
        }
        return "capture: \(streams.joined(separator: "; ")); \(Count(files, "file")), \(Count(errors, "error"))"
    }
}
