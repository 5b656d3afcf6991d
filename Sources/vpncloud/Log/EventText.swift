import Logging
import VPNNode

extension Event {
    /// What the log says about the event, how loud, and how it is folded.
    var logMessage: LogMessage {
        switch self {
        case .peerJoined: LogMessage(.peers, .info, text())
        case .peerLost(_, _, let loss): LogMessage(.peers, loss == .evicted ? .warning : .info, text())
        case .addressMoved: LogMessage(.peers, .info, text())
        case .connecting(_, let attempt):
            // The first attempt, and then one line for each time that the pause grows.
            LogMessage(.peers, attempt % 10 == 1 ? .info : .debug, text())
        // Of a name that does not resolve, the warning says the reason, and comes from where the name was looked up.
        case .addressLearned, .addressEvicted, .ownAddressFound, .unresolved, .stationLearned, .stationMoved,
            .stationForgotten, .listsSent:
            LogMessage(free: .debug, text())
        case .stationEvicted: LogMessage(.network, .warning, text(), kind: "stationEvicted")
        case .claimsIgnored: LogMessage(.network, .warning, text(), kind: "claimsIgnored")
        case .contactsIgnored: LogMessage(.network, .info, text(), kind: "contactsIgnored")
        case .dropped(let reason, _): LogMessage(.network, reason.level, text(), kind: reason.name)
        case .portMapped: LogMessage(free: .info, text())
        case .portMappingLost: LogMessage(.network, .warning, text(), kind: "portMappingLost")
        case .sendFailed(let endpoint, let code):
            LogMessage(
                .network, .warning, "cannot send to \(endpoint): \(FileError(code: code))",
                kind: "sendFailed \(endpoint)")
        case .received, .sending: LogMessage(free: .trace, text())
        }
    }
}

extension DropReason {
    /// How loud the line is. Faults of the other side, or of the keys, are warnings.
    var level: Logger.Level {
        switch self {
        case .truncatedPacket, .foreignMagic, .foreignMethod, .unknownMessageType, .unauthentic, .malformedInit,
            .malformedList, .deviceRefused, .oversizedFrame:
            .warning
        case .unknownSender, .notFresh, .closeFromStranger, .malformedFrame: .info
        case .ownMessage, .unknownDestination, .noPeers: .debug
        }
    }
}

/// A number with its noun.
struct Count: CustomStringConvertible {
    let description: String

    init(_ number: Int, _ singular: String, _ plural: String? = nil) {
        description = "\(number) \(number == 1 ? singular : plural ?? singular + "s")"
    }
}

extension LogMessage {
    /// A message that is always printed.
    init(free level: Logger.Level, _ text: String) {
        self.init(level: level, text: text, lineClass: .free, kind: "")
    }

    /// A message that is folded with those of the same kind, or with equal ones.
    init(_ lineClass: LineClass, _ level: Logger.Level, _ text: String, kind: String? = nil) {
        self.init(level: level, text: text, lineClass: lineClass, kind: kind ?? text)
    }
}

extension Logger {
    /// Logs a message that knows how loud it is and how it folds.
    func log(_ message: LogMessage) {
        guard message.level >= logLevel else { return }
        log(
            level: message.level, "\(message.text)",
            metadata: [
                FoldingLogHandler.classKey: "\(message.lineClass.rawValue)",
                FoldingLogHandler.kindKey: "\(message.kind)",
            ])
    }
}
