import Logging
import VPNNode
import VPNProtocol

extension Event {
    /// What the log says about the event, how loud, and how it is folded.
    var logMessage: LogMessage {
        switch self {
        case .peerJoined, .peerLost, .addressLearned, .addressEvicted, .addressMoved, .ownAddressFound, .connecting,
            .unresolved:
            return peerMessage
        case .stationLearned, .stationMoved, .stationForgotten, .stationEvicted, .claimsIgnored, .contactsIgnored:
            return tableMessage
        case .dropped(let reason, let source): return reason.logMessage(from: source)
        case .listsSent(let peers):
            return LogMessage(free: .debug, "sent the list of addresses to \(Count(peers, "peer"))")
        case .portMapped(let external):
            let text =
                external.address.isUnspecified
                ? "a router forwards UDP port \(external.port) (it does not tell its address)"
                : "a router forwards the port; this node is reachable at \(external)"
            return LogMessage(free: .info, text)
        case .portMappingLost:
            return LogMessage(.network, .warning, "no router forwards the port", kind: "portMappingLost")
        case .sendFailed(let endpoint, let code):
            return LogMessage(
                .network, .warning, "cannot send to \(endpoint): \(FileError(code: code))",
                kind: "sendFailed \(endpoint)")
        case .received(let type, let source, let bytes):
            return LogMessage(free: .trace, "received \(type.name) of \(Count(bytes, "byte")) from \(source)")
        case .sending(let type, let destinations, let bytes):
            return LogMessage(
                free: .trace,
                "sending \(type.name) of \(Count(bytes, "byte")) to \(Count(destinations, "address", "addresses"))")
        }
    }

    private var peerMessage: LogMessage {
        switch self {
        case .peerJoined(let id, let endpoint, let claims):
            let subnets = claims == 0 ? "" : ", claims \(Count(claims, "subnet"))"
            return LogMessage(.peers, .info, "peer \(id.short) at \(endpoint) joined\(subnets)")
        case .peerLost(let id, let endpoint, let loss):
            let level: Logger.Level = loss == .evicted ? .warning : .info
            return LogMessage(.peers, level, "peer \(id.short) at \(endpoint) is gone: \(loss.explanation)")
        case .addressLearned(let id, let endpoint):
            return LogMessage(free: .debug, "peer \(id.short) is also at \(endpoint)")
        case .addressEvicted(let id, let endpoint):
            return LogMessage(free: .debug, "peer \(id.short) has too many addresses; forgot \(endpoint)")
        case .addressMoved(let id, let old, let new):
            return LogMessage(.peers, .info, "peer \(id.short) moved from \(old) to \(new)")
        case .ownAddressFound(let endpoint):
            return LogMessage(free: .debug, "\(endpoint) is an address of this node")
        case .connecting(let name, let attempt):
            let again = attempt > 1 ? " (attempt \(attempt))" : ""
            // The first attempt, and then one line for each time that the pause grows.
            let level: Logger.Level = attempt % 10 == 1 ? .info : .debug
            return LogMessage(.peers, level, "connecting to \(name)\(again)")
        case .unresolved(let name):
            // The warning says the reason, and comes from where the name was looked up.
            return LogMessage(free: .debug, "the name '\(name.host)' of a peer is looked for again later")
        default: return LogMessage(free: .debug, "\(self)")
        }
    }

    private var tableMessage: LogMessage {
        switch self {
        case .stationLearned(let station, let id):
            return LogMessage(free: .debug, "learned that \(station) is at peer \(id.short)")
        case .stationMoved(let station, let id):
            return LogMessage(free: .debug, "\(station) moved to peer \(id.short)")
        case .stationForgotten(let station):
            return LogMessage(free: .debug, "forgot \(station), which was not seen for long")
        case .stationEvicted(let station):
            return LogMessage(
                .network, .warning, "the table of addresses is full; forgot \(station)", kind: "stationEvicted")
        case .claimsIgnored(let id, let count):
            return LogMessage(
                .network, .warning, "the table of subnets is full; ignored \(count) of peer \(id.short)",
                kind: "claimsIgnored")
        case .contactsIgnored(let source, let count):
            return LogMessage(
                .network, .info,
                "too many addresses wait to be contacted; left out \(count) from the list of \(source)",
                kind: "contactsIgnored")
        default: return LogMessage(free: .debug, "\(self)")
        }
    }
}

extension DropReason {
    /// The line about something that was dropped.
    func logMessage(from source: Endpoint?) -> LogMessage {
        let what = source.map { "dropped a packet from \($0)" } ?? "dropped a frame of the device"
        return LogMessage(.network, level, "\(what): \(explanation)", kind: name)
    }

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

    /// What was wrong, and where it helps, what that may come from.
    private var explanation: String {
        switch self {
        case .truncatedPacket: "it is too short"
        case .foreignMagic: "it belongs to another network (see --magic), or to no VPN at all"
        case .foreignMethod: "it is not encrypted as here; --crypto and the shared key must be the same on all nodes"
        case .unknownMessageType: "its type is unknown"
        case .unauthentic: "it is forged or damaged, or made with another shared key"
        case .malformedInit: "it is no proper initial message"
        case .malformedList: "it is no proper list of peers"
        case .unknownSender: "the sender is no peer"
        case .notFresh: "it is older than what was received before"
        case .closeFromStranger: "it closes a connection that there is not"
        case .ownMessage: "it comes from this node itself"
        case .malformedFrame: "it is no frame of the device's type"
        case .unknownDestination: "no peer claims its destination"
        case .noPeers: "there are no peers"
        case .oversizedFrame: "it is longer than a packet can be"
        case .deviceRefused: "the device does not take it; is it up?"
        }
    }
}

extension PeerLoss {
    fileprivate var explanation: String {
        switch self {
        case .timedOut: "it was silent for too long"
        case .closed: "it said goodbye"
        case .replaced: "it was started anew"
        case .evicted: "the table of peers is full, and it was silent for longest"
        }
    }
}

extension MessageType {
    /// The manual's word, with its article.
    fileprivate var name: String {
        switch self {
        case .data: "data"
        case .peers: "a peer list"
        case .initial: "an initial message"
        case .close: "a closing message"
        }
    }
}

extension NodeID {
    /// The first eight digits, which are enough to tell nodes apart in a log.
    var short: String { String(description.prefix(8)) }
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
