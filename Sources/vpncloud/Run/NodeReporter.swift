import Logging
import VPNLinuxIO
import VPNNode

/// Tells the log what a node does, and the statistics file how it is.
final class NodeReporter: NodeObserver {
    private let log: Logger
    private var statistics: StatisticsFile?
    private let capture: LiveCapture?
    private let recording: RecordingWriter?

    init(
        log: Logger, statistics: StatisticsFile?, capture: LiveCapture? = nil, recording: RecordingWriter? = nil
    ) {
        self.log = log
        self.statistics = statistics
        self.capture = capture
        self.recording = recording
    }

    func started(_ start: NodeStart) {
        log.info(
            "node \(start.id) runs on \(start.deviceType.rawValue) device \(start.device) and UDP port \(start.port) (\(start.families))"
        )
        if start.bufferBytes < DatagramSockets.bufferBytes {
            log.info(
                "the sockets hold \(start.bufferBytes >> 10) KiB instead of \(DatagramSockets.bufferBytes >> 10), so bursts can be lost; raise net.core.rmem_max and net.core.wmem_max, or start as root"
            )
        }
        log.info("exchanged with the kernel: \(start.offload)")
    }

    func observe(_ events: [Event], at now: Instant) {
        for event in events {
            // Packets may be dropped by the hundred thousand: no text is made of what is not told.
            if case .dropped(let reason, _) = event, reason.level < log.logLevel { continue }
            log.log(event.logMessage)
        }
    }

    func observe(_ event: LinuxEvent) {
        log.log(event.logMessage)
    }

    func snapshot(_ snapshot: NodeStatistics, io: IOCounters, offload: OffloadInUse, uptime: Duration) {
        do throws(FileError) {
            try statistics?.write(
                snapshot, io: io, offload: offload, capture: capture?.statistics,
                recording: recording?.statistics, uptime: uptime)
        } catch {
            log.log(LogMessage(.network, .warning, "cannot write the statistics file: \(error)", kind: "statistics"))
        }
    }
}

extension LinuxEvent {
    /// What the log says about the event, how loud, and how it is folded.
    var logMessage: LogMessage {
        switch self {
        case .deviceDown(let name): LogMessage(.network, .warning, description, kind: "down \(name)")
        case .deviceUp(let name): LogMessage(.network, .info, description, kind: "up \(name)")
        case .deviceReadFailed: LogMessage(.network, .warning, description, kind: "deviceReadFailed")
        case .socketError(let family, let error):
            LogMessage(.network, .info, description, kind: "socketError \(family.rawValue) \(error.code)")
        case .runsRefused(let family, let bytes, _):
            LogMessage(.network, .info, description, kind: "runsRefused \(family.rawValue) \(bytes == nil)")
        case .joiningRefused: LogMessage(free: .info, description)
        case .resolved: LogMessage(free: .debug, description)
        case .resolutionFailed(let name, _): LogMessage(.network, .warning, description, kind: "resolve \(name)")
        case .portForwarding(.mapped): LogMessage(free: .debug, description)
        case .portForwarding(.failed): LogMessage(.network, .info, description, kind: "portForwarding")
        case .portForwarding: LogMessage(free: .info, description)
        case .signal: LogMessage(free: .info, description)
        case .deviceLost: LogMessage(free: .error, description)
        }
    }
}
