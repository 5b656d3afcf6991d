public import VPNProtocol

extension NodeEngine {
    /// When ``advance(to:into:)`` is to be called next; nil where nothing is planned.
    public var nextDeadline: Instant? {
        guard !isShutDown else { return nil }
        var deadline = earlier(agenda.nextDeadline, nextLists)
        deadline = earlier(deadline, stations.nextDeadline)
        deadline = earlier(deadline, forwardedPort.nextRequest)
        for peer in configured { deadline = earlier(deadline, peer.nextDeadline) }
        return deadline
    }

    /// Does everything that is due.
    public mutating func advance(to now: Instant, into outputs: inout OutputBatch) {
        recorder?.advance(at: now)
        guard !isShutDown else { return }
        runAgenda(at: now, into: &outputs)
        answeredStrangers.expire(at: now)
        answeredRequests.expire(at: now)
        while let station = stations.expireOne(at: now) { outputs.append(.stationForgotten(station)) }
        if let nextLists, nextLists <= now { sendLists(at: now, into: &outputs) }
        for index in configured.indices { attend(toConfigured: index, at: now, into: &outputs) }
        if let due = forwardedPort.nextRequest, due <= now {
            forwardedPort.noteRequest(at: now)
            outputs.requestPortMapping(.map(port: configuration.port, lease: configuration.portLease))
        }
    }

    /// Takes the addresses of a name; none where it did not resolve.
    public mutating func resolved(
        _ name: PeerName, to endpoints: [Endpoint], at now: Instant, into outputs: inout OutputBatch
    ) {
        recorder?.resolved(name, to: endpoints, at: now)
        guard !isShutDown else { return }
        if endpoints.isEmpty { outputs.append(.unresolved(name)) }
        for index in configured.indices where configured[index].name == name {
            configured[index].resolve(to: endpoints, at: now)
            attend(toConfigured: index, at: now, into: &outputs)
        }
    }

    /// Takes what a router granted: the external endpoint, and for how long (nil for good).
    public mutating func portMapped(
        to external: Endpoint, lease: Duration?, at now: Instant, into outputs: inout OutputBatch
    ) {
        recorder?.portMapped(to: external, lease: lease, at: now)
        guard !isShutDown else { return }
        if forwardedPort.noteMapped(external, lease: lease, at: now) { outputs.append(.portMapped(external)) }
    }

    /// Notes that there is no router, or that it did not grant the wish. It is asked again after a while.
    public mutating func portMappingFailed(at now: Instant, into outputs: inout OutputBatch) {
        recorder?.portMappingFailed(at: now)
        guard !isShutDown else { return }
        if forwardedPort.noteFailure(at: now) { outputs.append(.portMappingLost) }
    }

    /// Tries a configured peer if it is time to.
    private mutating func attend(toConfigured index: Int, at now: Instant, into outputs: inout OutputBatch) {
        if let due = configured[index].nextResolution, due <= now {
            configured[index].noteResolutionRequest(at: now)
            outputs.requestResolution(of: configured[index].name)
        }
        guard let due = configured[index].nextTry, due <= now else { return }
        let peer = configured[index]
        if isConnected(peer) { return configured[index].rest(until: nil) }
        // A name may stand for several nodes, this one among them.
        let pause = Self.configuredOwnAddressTime
        let endpoints = peer.endpoints.filter { !isOwnAddress($0, at: now, within: pause) }
        guard !endpoints.isEmpty else { return configured[index].rest(until: now + pause) }
        configured[index].noteTry(at: now, nonce: nonce)
        outputs.append(.connecting(peer.name, attempt: configured[index].tries))
        for endpoint in endpoints { transmitRequest(to: endpoint, into: &outputs) }
    }

    /// Asks one address for a connection. Each gets a message of its own, also where several are asked at once: they may
    /// all be one node's, which takes the second of two messages with one nonce for a repetition, and learns no address.
    private mutating func transmitRequest(to endpoint: Endpoint, into outputs: inout OutputBatch) {
        let mark = outputs.destinationMark
        outputs.appendDestination(endpoint)
        transmitInit(request, toDestinationsSince: mark, into: &outputs)
    }

    /// Does what is due on the agenda. Second lists to several peers go out as one message.
    mutating func runAgenda(at now: Instant, into outputs: inout OutputBatch) {
        guard let first = agenda.nextDeadline, first <= now else { return }
        var newPeers: [PeerReference] = []
        var strangers: [Endpoint] = []
        while let entry = agenda.next(at: now) {
            switch entry.item {
            case .checkPeer(let reference): checkPeer(reference, at: now, into: &outputs)
            case .secondList(let reference):
                guard let slot = peers.slot(of: reference) else { continue }
                let check = peers.peers[slot].joined + configuration.peerTimeout
                if check > entry.due {
                    agenda.noteFirstCheck(of: reference, due: check, after: entry)
                } else {
                    checkPeer(reference, at: now, into: &outputs)
                }
                if peers.slot(of: reference) != nil { newPeers.append(reference) }
            case .contact(let reference):
                guard let endpoint = contacts.endpoint(of: reference) else { continue }
                if takeTurn(contacting: endpoint, reference, at: now) { strangers.append(endpoint) }
            }
        }
        for endpoint in strangers { transmitRequest(to: endpoint, into: &outputs) }
        guard !newPeers.isEmpty else { return }
        let list = periodicList()
        let mark = outputs.destinationMark
        for reference in newPeers {
            guard let slot = peers.slot(of: reference) else { continue }
            appendDestination(slot, bytes: list.byteCount, into: &outputs)
        }
        transmitList(list, toDestinationsSince: mark, into: &outputs)
    }

    /// Removes a peer that was silent for too long, or looks again when it may have been.
    private mutating func checkPeer(_ reference: PeerReference, at now: Instant, into outputs: inout OutputBatch) {
        guard let slot = peers.slot(of: reference) else { return }
        let deadline = peers.peers[slot].heard + configuration.peerTimeout
        if deadline <= now {
            removePeer(slot, .timedOut, at: now, into: &outputs)
        } else {
            agenda.note(.checkPeer(reference), due: deadline)
        }
    }

    /// Frees the agenda of what is void once that is most of it, so that it is bounded by the tables it is about.
    mutating func tidyAgenda(at now: Instant) {
        guard agenda.count > 2 * (peers.count + contacts.count) + 64 else { return }
        agenda.keep { item in
            switch item {
            case .checkPeer(let reference), .secondList(let reference): peers.slot(of: reference) != nil
            case .contact(let reference): contacts.endpoint(of: reference) != nil
            }
        }
    }

    /// Whether an address from a list gets an Init now.
    private mutating func takeTurn(
        contacting endpoint: Endpoint, _ reference: ContactReference, at now: Instant
    ) -> Bool {
        guard contacts.isDue(endpoint, at: now) else { return false }
        guard peers.slot(at: endpoint) == nil, !isOwnAddress(endpoint, at: now) else {
            contacts.remove(endpoint)
            return false
        }
        switch contacts.takeTurn(endpoint, nonce: nonce, at: now) {
        case .wait(let instant):
            agenda.note(.contact(reference), due: instant)
            return false
        case .contact(let again):
            if let again { agenda.note(.contact(reference), due: again) }
            return true
        }
    }
}
