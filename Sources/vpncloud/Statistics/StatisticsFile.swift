import VPNLinuxIO
import VPNNode

/// The file of `--stats-file`, replaced as a whole each time, so that a reader never sees a part of it.
struct StatisticsFile {
    /// How often the file is replaced.
    static let interval: Duration = .seconds(60)

    private let path: String
    private var text = StatisticsText()

    init(_ path: String) { self.path = path }

    /// Writes a picture of the node.
    mutating func write(
        _ statistics: NodeStatistics, io: IOCounters, offload: OffloadInUse, capture: CaptureStatistics?,
        recording: RecordingWriter.Statistics?, uptime: Duration
    ) throws(FileError) {
        let text = text.text(
            statistics, io: io, offload: offload, capture: capture, recording: recording, uptime: uptime,
            time: WallClock.now())
        try FileBytes.replace(path, with: Array(text.utf8))
    }

    /// Finds out whether the file can be written.
    func tryOut() throws(FileError) { try FileBytes.tryReplacing(path) }
}
