public import VPNProtocol

/// A node of the network as a function of its inputs: datagrams, frames, names and time come in, packets, wishes
/// and events go out.
///
/// Every call takes the instant at which it happens, which must not go backwards, and a batch for what comes out.
/// Nothing in it depends on anything but the configuration, the seed and the calls.
public struct NodeEngine: ~Copyable {
    /// How long an address that turned out to be the node's own is not contacted.
    static let ownAddressTime: Duration = .seconds(3600)
    /// The same for an address from the configuration: someone may have made the node believe so, by repeating its last Init.
    static let configuredOwnAddressTime: Duration = .seconds(60)
    /// How often one stranger is answered with an Init at most.
    static let strangerPause: Duration = .seconds(1)
    /// How often an Init from one address is answered at most: less than the second that nodes wait before they try again,
    /// and so seldom that a forged source gets no flood of lists.
    static let requestPause: Duration = .milliseconds(500)
    /// When a new peer gets its second list, in case the first was lost.
    static let secondListDelay: Duration = .seconds(1)
    /// The most addresses of a periodic list (manual: "about 20 peers").
    static let periodicListAddresses = 20

    /// How frames find their peers, once ``ForwardingMode/normal`` is decided.
    enum Forwarding { case hub, learning, claims }

    let configuration: NodeConfiguration
    let forwarding: Forwarding
    /// The id of this node, drawn from the seed.
    public let id: NodeID
    let request: InitMessage
    let response: InitMessage

    var nonce: Nonce
    var choices: RandomNumbers
    var counters = NodeCounters()
    var agenda = Agenda()
    var peers: PeerTable
    var stations: StationTable
    var claims: ClaimTable
    var contacts: ContactQueue
    var configured: [ConfiguredPeer]
    var ownAddresses: AgedTable<Endpoint, Bool>
    /// The nodes that left, with the last nonce of each.
    var departed: AgedTable<NodeID, Nonce>
    var answeredStrangers: AnswerLimit
    var answeredRequests: AnswerLimit
    var forwardedPort: PortForwarding
    /// When lists go to all peers next; nil without peers.
    var nextLists: Instant?
    var isShutDown = false
    /// Writes down every input; nil for nobody.
    var recorder: InputRecorder?

    /// A node that has done nothing yet: call ``advance(to:into:)`` at once to let it connect.
    public init(
        _ configuration: NodeConfiguration, seed: Seed, startingAt now: Instant
    ) throws(ConfigurationError) {
        try self.init(configuration, seed: seed, startingAt: now, recorder: nil)
    }

    /// A node whose inputs are recorded. Then ``endRound(_:)`` is to be called before a batch is reset.
    package init(
        _ configuration: NodeConfiguration, seed: Seed, startingAt now: Instant, recorder: InputRecorder?
    ) throws(ConfigurationError) {
        let timeout = configuration.peerTimeout
        guard timeout >= .seconds(1), timeout <= .seconds(65_535) else { throw .peerTimeoutOutOfRange }
        guard configuration.stationTimeout >= .seconds(1) else { throw .stationTimeoutOutOfRange }
        guard configuration.subnets.count <= InitMessage.maximumSubnets else {
            throw .tooManySubnets(configuration.subnets.count)
        }
        self.configuration = configuration
        forwarding =
            switch (configuration.mode, configuration.deviceType) {
            case (.hub, _): .hub
            case (.switch, _), (.normal, .tap): .learning
            case (.router, _), (.normal, .tun): .claims
            }
        var idNumbers = seed.numbers(for: "node id")
        id = NodeID(bits: idNumbers.next128())
        var nonceNumbers = seed.numbers(for: "nonce")
        nonce = Nonce(startingFrom: nonceNumbers.next128())
        choices = seed.numbers(for: "peer choice")

        let seconds = UInt16(clamping: timeout.components.seconds)
        let trailing =
            configuration.dialect.announcesPeerTimeout
            ? [UInt8(seconds >> 8), UInt8(truncatingIfNeeded: seconds)] : []
        request = InitMessage(stage: .request, nodeID: id, subnets: configuration.subnets, trailing: trailing)
        response = InitMessage(stage: .response, nodeID: id, subnets: configuration.subnets, trailing: trailing)

        var placeNumbers = seed.numbers(for: "places in tables")
        let placeKey = HashKey(placeNumbers.next(), placeNumbers.next())
        peers = PeerTable(isEncrypted: configuration.seal.method != .none, key: placeKey)
        let limits = configuration.limits
        stations = StationTable(capacity: limits.stations, timeout: configuration.stationTimeout, key: placeKey)
        claims = ClaimTable(capacity: limits.claims, key: placeKey)
        contacts = ContactQueue(capacity: limits.pendingContacts, perSecond: limits.contactsPerSecond, key: placeKey)
        ownAddresses = AgedTable(capacity: limits.ownAddresses, key: placeKey)
        departed = AgedTable(capacity: limits.departedNodes, key: placeKey)
        answeredStrangers = AnswerLimit(capacity: limits.answers, pause: Self.strangerPause, key: placeKey)
        answeredRequests = AnswerLimit(capacity: limits.answers, pause: Self.requestPause, key: placeKey)
        var names: Set<PeerName> = []
        configured = configuration.peers.filter { names.insert($0).inserted }.map {
            ConfiguredPeer($0, startingAt: now)
        }
        forwardedPort = PortForwarding(startingAt: configuration.portForwarding ? now : nil)
        self.recorder = recorder
        recorder?.begin(configuration, seed: seed, at: now)
    }

    /// Seals everything in a batch that is not sealed yet: the last step before the packets are sent.
    public mutating func seal(_ outputs: inout OutputBatch) {
        if recorder != nil { recorder?.sealing(outputs, after: nonce) }
        outputs.seal(with: configuration.seal, nonce: &nonce)
    }

    /// Notes that the system refused to send to an address. The peer stays; its next message may pass.
    public mutating func sendFailed(
        to endpoint: Endpoint, errorCode: Int32, at now: Instant, into outputs: inout OutputBatch
    ) {
        recorder?.sendFailed(to: endpoint, errorCode: errorCode, at: now)
        if let slot = peers.slot(at: endpoint) { peers.countFailedSend(to: slot) }
        outputs.append(.sendFailed(endpoint, errorCode: errorCode))
    }

    /// Notes that the device did not take frames that were to be delivered.
    public mutating func deviceRefused(frames: Int, at now: Instant, into outputs: inout OutputBatch) {
        recorder?.deviceRefused(frames: frames, at: now)
        drop(.deviceRefused, from: nil, count: frames, into: &outputs)
    }

    /// Says goodbye to all peers and gives the port back. The node does nothing after that.
    public mutating func shutDown(at now: Instant, into outputs: inout OutputBatch) {
        if recorder != nil { recorder?.shutDown(statistics(), at: now) }
        guard !isShutDown else { return }
        isShutDown = true
        let mark = outputs.destinationMark
        for slot in peers.slots { appendDestination(slot, bytes: 0, into: &outputs) }
        transmit(.close, byteCount: 0, toDestinationsSince: mark, into: &outputs) { _ in }
        if forwardedPort.mayBeMapped { outputs.requestPortMapping(.unmap(port: configuration.port)) }
    }

    /// A picture of the node.
    public func statistics() -> NodeStatistics {
        var list = peers.slots.map { slot in
            let peer = peers.peers[slot]
            return PeerStatistics(
                id: peer.id, addresses: [peer.address] + peers.alternatives(of: slot), subnets: peers.subnets(of: slot),
                joined: peer.joined, heard: peer.heard, received: peers.received(from: slot),
                sent: peers.sent(to: slot),
                failedSends: peers.failedSends(of: slot))
        }
        list.sort { $0.id < $1.id }
        var seen: [StationStatistics] = []
        stations.forEach { address, reference, time in
            guard let slot = peers.slot(of: reference) else { return }
            seen.append(StationStatistics(address: address, peer: peers.peers[slot].id, seen: time))
        }
        return NodeStatistics(id: id, peers: list, stations: seen, counters: counters)
    }
}

extension NodeEngine {
    /// Counts datagrams or frames that go no further, and says so of each.
    mutating func drop(
        _ reason: DropReason, from source: Endpoint?, count: Int = 1, into outputs: inout OutputBatch
    ) {
        for _ in 0..<count {
            counters.countDrop(reason)
            outputs.append(.dropped(reason, source))
        }
    }

    /// Adds a peer to the receivers of the next transmit, which carries messages of so many bytes.
    mutating func appendDestination(_ slot: Int, bytes: Int, messages: Int = 1, into outputs: inout OutputBatch) {
        outputs.appendDestination(peers.peers[slot].address)
        peers.countSent(to: slot, bytes: bytes + messages * outputs.gapBytes, packets: messages)
    }

    /// Stages a control message.
    mutating func transmit(
        _ type: MessageType, byteCount: Int, toDestinationsSince mark: Int, into outputs: inout OutputBatch,
        encode: (inout ByteWriter) -> Void
    ) {
        let receivers = outputs.destinationMark - mark
        if configuration.reportsMessages, receivers > 0 {
            outputs.append(.sending(type, destinations: receivers, bytes: byteCount))
        }
        outputs.transmit(type, byteCount: byteCount, toDestinationsSince: mark, encode: encode)
    }

    /// Stages an Init for the receivers appended since `mark`.
    mutating func transmitInit(
        _ message: InitMessage, toDestinationsSince mark: Int, into outputs: inout OutputBatch
    ) {
        transmit(.initial, byteCount: message.byteCount, toDestinationsSince: mark, into: &outputs) { writer in
            message.encode(into: &writer)
        }
    }
}
