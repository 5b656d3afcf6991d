import VPNCaptures

/// What of a running node's packets is to be captured, and where to.
struct CapturePlan: Hashable, Sendable {
    /// Where packets go.
    enum Target: Hashable, Sendable {
        /// To files in a folder.
        case folder(String)
        /// Those of the tunnel to the standard output.
        case standardOutput
    }

    var target: Target
    /// An expression in the language of tcpdump; nil for everything.
    var filter: String?
    var limits: CaptureLimits

    /// What settings say; nil where they name no target.
    init?(_ settings: Settings) {
        guard let name = settings.capture else { return nil }
        // Used long after start: from another directory, possibly.
        target = name == "-" ? .standardOutput : .folder(FileBytes.absolute(name))
        filter = settings.captureFilter
        let standard = CaptureLimits.standard
        limits = CaptureLimits(
            fileBytes: settings.captureSize.map { Int($0) * 1_000_000 } ?? standard.fileBytes,
            age: settings.captureAge.map { .seconds(Int($0)) } ?? standard.age,
            files: settings.captureFiles.map { Int($0) } ?? standard.files)
    }
}
