import VPNProtocol

extension TraceRecord {
    /// Appends what a node told of: a number for the case, and its values.
    public mutating func append(_ event: Event) {
        switch event {
        case .peerJoined(let id, let endpoint, let claims):
            append(kind: 0, id, endpoint)
            append(number: claims)
        case .peerLost(let id, let endpoint, let loss):
            append(kind: 1, id, endpoint)
            append(loss.traceNumber)
        case .addressLearned(let id, let endpoint): append(kind: 2, id, endpoint)
        case .addressEvicted(let id, let endpoint): append(kind: 3, id, endpoint)
        case .addressMoved(let id, let old, let new):
            append(kind: 4, id, old)
            append(new)
        case .ownAddressFound(let endpoint): append(kind: 5, endpoint)
        case .stationLearned(let station, let id): append(kind: 6, station, id)
        case .stationMoved(let station, let id): append(kind: 7, station, id)
        case .stationForgotten(let station): append(kind: 8, station, nil)
        case .stationEvicted(let station): append(kind: 9, station, nil)
        case .claimsIgnored(let id, let count):
            append(UInt8(10))
            append(id.bits)
            append(number: count)
        case .contactsIgnored(let endpoint, let count):
            append(kind: 11, endpoint)
            append(number: count)
        case .connecting(let name, let attempt):
            append(kind: 12, name)
            append(number: attempt)
        case .unresolved(let name): append(kind: 13, name)
        case .listsSent(let peers):
            append(UInt8(14))
            append(number: peers)
        case .portMapped(let endpoint): append(kind: 15, endpoint)
        case .portMappingLost: append(UInt8(16))
        case .dropped(let reason, let endpoint):
            append(UInt8(17))
            append(reason.traceNumber)
            append(UInt8(endpoint == nil ? 0 : 1))
            if let endpoint { append(endpoint) }
        case .sendFailed(let endpoint, let code):
            append(kind: 18, endpoint)
            append(code)
        case .received(let type, let endpoint, let byteCount):
            append(kind: 19, endpoint)
            append(type.rawValue)
            append(number: byteCount)
        case .sending(let type, let destinations, let byteCount):
            append(UInt8(20))
            append(type.rawValue)
            append(number: destinations)
            append(number: byteCount)
        }
    }

    private mutating func append(kind: UInt8, _ endpoint: Endpoint) {
        append(kind)
        append(endpoint)
    }

    private mutating func append(kind: UInt8, _ id: NodeID, _ endpoint: Endpoint) {
        append(kind)
        append(id.bits)
        append(endpoint)
    }

    private mutating func append(kind: UInt8, _ station: StationAddress, _ id: NodeID?) {
        append(kind)
        append(station.family.rawValue)
        append(station.bits)
        if let id { append(id.bits) }
    }

    private mutating func append(kind: UInt8, _ name: PeerName) {
        append(kind)
        append(text: name.host)
        append(name.port)
    }
}

extension PeerLoss {
    var traceNumber: UInt8 {
        switch self {
        case .timedOut: 0
        case .closed: 1
        case .replaced: 2
        case .evicted: 3
        }
    }
}

extension DropReason {
    /// Not the raw value, which follows the order of the declaration.
    var traceNumber: UInt8 {
        switch self {
        case .truncatedPacket: 0
        case .foreignMagic: 1
        case .foreignMethod: 2
        case .unknownMessageType: 3
        case .unauthentic: 4
        case .malformedInit: 5
        case .malformedList: 6
        case .unknownSender: 7
        case .notFresh: 8
        case .closeFromStranger: 9
        case .ownMessage: 10
        case .malformedFrame: 11
        case .unknownDestination: 12
        case .noPeers: 13
        case .oversizedFrame: 14
        case .deviceRefused: 15
        }
    }
}
