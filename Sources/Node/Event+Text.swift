public import VPNProtocol

extension Event {
    /// What happened, in words for people.
    ///
    /// - Parameter name: what a node is called; its ``VPNProtocol/NodeID/short`` form where nothing else is known.
    public func text(naming name: (NodeID) -> String = { $0.short }) -> String {
        switch self {
        case .peerJoined, .peerLost, .addressLearned, .addressEvicted, .addressMoved, .ownAddressFound, .connecting,
            .unresolved:
            peerText(name)
        case .stationLearned, .stationMoved, .stationForgotten, .stationEvicted, .claimsIgnored, .contactsIgnored:
            tableText(name)
        case .dropped(let reason, let source):
            "\(source.map { "dropped a packet from \($0)" } ?? "dropped a frame of the device"): \(reason.explanation)"
        case .listsSent(let peers): "sent the list of addresses to \(counted(peers, "peer"))"
        case .portMapped(let external):
            external.address.isUnspecified
                ? "a router forwards UDP port \(external.port) (it does not tell its address)"
                : "a router forwards the port; this node is reachable at \(external)"
        case .portMappingLost: "no router forwards the port"
        case .sendFailed(let endpoint, let code): "cannot send to \(endpoint): error \(code)"
        case .received(let type, let source, let bytes):
            "received \(type.words) of \(counted(bytes, "byte")) from \(source)"
        case .sending(let type, let destinations, let bytes):
            "sending \(type.words) of \(counted(bytes, "byte")) to \(counted(destinations, "address", "addresses"))"
        }
    }

    private func peerText(_ name: (NodeID) -> String) -> String {
        switch self {
        case .peerJoined(let id, let endpoint, let claims):
            "peer \(name(id)) at \(endpoint) joined\(claims == 0 ? "" : ", claims \(counted(claims, "subnet"))")"
        case .peerLost(let id, let endpoint, let loss): "peer \(name(id)) at \(endpoint) is gone: \(loss.explanation)"
        case .addressLearned(let id, let endpoint): "peer \(name(id)) is also at \(endpoint)"
        case .addressEvicted(let id, let endpoint): "peer \(name(id)) has too many addresses; forgot \(endpoint)"
        case .addressMoved(let id, let old, let new): "peer \(name(id)) moved from \(old) to \(new)"
        case .ownAddressFound(let endpoint): "\(endpoint) is an address of this node"
        case .connecting(let peer, let attempt):
            "connecting to \(peer)\(attempt > 1 ? " (attempt \(attempt))" : "")"
        case .unresolved(let peer): "the name '\(peer.host)' of a peer is looked for again later"
        default: "\(self)"
        }
    }

    private func tableText(_ name: (NodeID) -> String) -> String {
        switch self {
        case .stationLearned(let station, let id): "learned that \(station) is at peer \(name(id))"
        case .stationMoved(let station, let id): "\(station) moved to peer \(name(id))"
        case .stationForgotten(let station): "forgot \(station), which was not seen for long"
        case .stationEvicted(let station): "the table of addresses is full; forgot \(station)"
        case .claimsIgnored(let id, let count): "the table of subnets is full; ignored \(count) of peer \(name(id))"
        case .contactsIgnored(let source, let count):
            "too many addresses wait to be contacted; left out \(count) from the list of \(source)"
        default: "\(self)"
        }
    }
}

extension DropReason {
    /// What was wrong, and where it helps, what that may come from.
    public var explanation: String {
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
    /// Why the peer is gone, as a clause.
    public var explanation: String {
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
    fileprivate var words: String {
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
    public var short: String { String(description.prefix(8)) }
}

/// A number with its noun.
private func counted(_ number: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(number) \(number == 1 ? singular : plural ?? singular + "s")"
}
