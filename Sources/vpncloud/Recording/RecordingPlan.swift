/// Where all that a running node is told is recorded.
struct RecordingPlan: Hashable, Sendable {
    /// The default of the limit, in megabytes.
    static let standardMegabytes: UInt32 = 1000

    /// The file.
    var path: String
    /// How long it may become, in bytes.
    var limit: Int

    /// What settings say; nil where they name no file.
    init?(_ settings: Settings) {
        guard let name = settings.record else { return nil }
        path = FileBytes.absolute(name)
        limit = Int(settings.recordLimit ?? Self.standardMegabytes) * 1_000_000
    }
}
