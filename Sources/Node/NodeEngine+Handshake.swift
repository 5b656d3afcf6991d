import VPNProtocol

extension NodeEngine {
    /// Takes an Init: the step that makes peers of nodes.
    mutating func receiveInit(
        _ bytes: Span<UInt8>, nonce: Nonce?, from source: Endpoint, at now: Instant, into outputs: inout OutputBatch
    ) -> Reception.Disposition {
        let message: InitMessage
        do {
            message = try InitMessage(bytes)
        } catch {
            drop(.malformedInit, from: source, into: &outputs)
            return .drop(.malformedInit)
        }
        guard message.nodeID != id else {
            noteOwnMessage(from: source, nonce: nonce, at: now, into: &outputs)
            return .drop(.ownMessage)
        }
        guard source.isUsable else {
            drop(.unknownSender, from: source, into: &outputs)
            return .drop(.unknownSender)
        }
        let slot: Int
        if let known = peers.slot(of: message.nodeID) {
            // A repetition does not even keep the peer alive.
            guard peers.acceptInit(known, nonce: nonce, from: source, at: now) else {
                drop(.notFresh, from: source, into: &outputs)
                return .drop(.notFresh)
            }
            // Nonces are one sequence for all receivers, so that what a peer said to others is fresh here, whoever repeats
            // it. It takes an answer to this node to unseat another peer.
            if let holder = peers.slot(at: source), holder != known, message.stage == .request {
                answerStranger(at: source, now: now, into: &outputs)
                return .handled
            }
            slot = known
            if let holder = peers.slot(at: source), holder != slot {
                takeAddress(source, from: holder, at: now, &outputs)
            }
            useAddress(source, of: slot, into: &outputs)
        } else {
            // A node that left may come back, but not by a repetition of what it said before.
            if let nonce, let last = departed[message.nodeID]?.value, nonce.isNear(last), !nonce.follows(last) {
                drop(.notFresh, from: source, into: &outputs)
                return .drop(.notFresh)
            }
            slot = addPeer(message, nonce: nonce, at: source, now: now, into: &outputs)
        }
        answerInit(message.stage, at: source, now: now, into: &outputs)
        return .handled
    }

    /// Answers an Init of stage 0 with one of stage 1 and a list; in dialect `1` one of stage 1 with a list, too.
    private mutating func answerInit(
        _ stage: InitMessage.Stage, at source: Endpoint, now: Instant, into outputs: inout OutputBatch
    ) {
        guard stage == .request || configuration.dialect.answersStageOneWithList else { return }
        guard answeredRequests.allows(source, at: now) else {
            counters.withheldAnswers &+= 1
            return
        }
        if stage == .request {
            let mark = outputs.destinationMark
            outputs.appendDestination(source)
            transmitInit(response, toDestinationsSince: mark, into: &outputs)
        }
        let mark = outputs.destinationMark
        outputs.appendDestination(source)
        transmitList(fullList(), toDestinationsSince: mark, into: &outputs)
    }

    /// Adds a node that was not a peer.
    private mutating func addPeer(
        _ message: InitMessage, nonce: Nonce?, at source: Endpoint, now: Instant, into outputs: inout OutputBatch
    ) -> Int {
        if let holder = peers.slot(at: source) { takeAddress(source, from: holder, at: now, &outputs) }
        if peers.count >= configuration.limits.peers, let silent = peers.mostSilent {
            counters.countEviction(from: .peers)
            removePeer(silent, .evicted, at: now, into: &outputs)
        }
        let slot = peers.insert(message.nodeID, at: source, mark: nonce, now: now)
        departed.remove(message.nodeID)
        contacts.remove(source)
        ownAddresses.remove(source)
        let reference = peers.reference(to: slot)
        addClaims(message.subnets, of: slot, into: &outputs)
        if configuration.dialect.announcesPeerTimeout {
            peers.setAnnouncedTimeout(of: slot, to: message.announcedPeerTimeout)
        }
        agenda.noteJoin(of: reference, secondList: now + Self.secondListDelay)
        tidyAgenda(at: now)
        scheduleLists(at: now)
        outputs.append(.peerJoined(message.nodeID, source, claims: message.subnets.count))
        return slot
    }

    private mutating func addClaims(_ subnets: [Subnet], of slot: Int, into outputs: inout OutputBatch) {
        let reference = peers.reference(to: slot)
        var ranges: Set<ClaimTable.Key> = []
        var ignored = 0
        for subnet in subnets where ranges.insert(ClaimTable.Key(subnet)).inserted {
            if claims.insert(subnet, of: reference) {
                peers.appendSubnet(subnet, to: slot)
            } else {
                ignored += 1
                counters.countEviction(from: .claims)
            }
        }
        if ignored > 0 { outputs.append(.claimsIgnored(peers.peers[slot].id, count: ignored)) }
    }

    /// Takes an address from the peer that has it. Where the peer is sent to there, it is another node's former life.
    private mutating func takeAddress(
        _ address: Endpoint, from holder: Int, at now: Instant, _ outputs: inout OutputBatch
    ) {
        if peers.peers[holder].address == address {
            removePeer(holder, .replaced, at: now, into: &outputs)
        } else {
            peers.removeAlternative(address, from: holder)
        }
    }

    /// Sends to a peer at this address from now on. Its routes and stations follow, since they name the peer.
    mutating func useAddress(_ address: Endpoint, of slot: Int, into outputs: inout OutputBatch) {
        let before = peers.peers[slot].address
        guard before != address else { return }
        let isNew = peers.slot(at: address) == nil
        let evicted = peers.moveAddress(of: slot, to: address, limit: configuration.limits.addressesPerPeer)
        let id = peers.peers[slot].id
        if isNew {
            contacts.remove(address)
            ownAddresses.remove(address)
            outputs.append(.addressLearned(id, address))
        }
        outputs.append(.addressMoved(id, from: before, to: address))
        if let evicted {
            counters.countEviction(from: .addresses)
            outputs.append(.addressEvicted(id, evicted))
        }
    }

    /// Removes a peer with all that hangs on it.
    mutating func removePeer(_ slot: Int, _ loss: PeerLoss, at now: Instant, into outputs: inout OutputBatch) {
        let (peer, mark) = (peers.peers[slot], peers.mark(of: slot))
        let reference = peers.reference(to: slot)
        for subnet in peers.subnets(of: slot) { claims.remove(subnet, of: reference) }
        peers.remove(slot)
        if let mark, departed.put(peer.id, mark, at: now) != nil {
            counters.countEviction(from: .departedNodes)
        }
        outputs.append(.peerLost(peer.id, peer.address, loss))
        if peers.isEmpty { nextLists = nil }
        for index in configured.indices where configured[index].nextTry == nil {
            if !isConnected(configured[index]) { configured[index].rest(until: now + .seconds(1)) }
        }
    }

    func isConnected(_ peer: ConfiguredPeer) -> Bool {
        peer.endpoints.contains { peers.slot(at: $0) != nil }
    }

    /// This node's own Init came back. Its source is the node itself if that very Init was sent there;
    /// otherwise someone repeats what he heard, and makes the node refuse nobody by it.
    private mutating func noteOwnMessage(
        from source: Endpoint, nonce: Nonce?, at now: Instant, into outputs: inout OutputBatch
    ) {
        drop(.ownMessage, from: source, into: &outputs)
        var marks = configured.filter { $0.endpoints.contains(source) }.compactMap(\.mark)
        if let mark = contacts.mark(of: source) { marks.append(mark) }
        let wasSentThere = marks.contains { mark in nonce.map { $0.follows(mark) } ?? true }
        guard wasSentThere, peers.slot(at: source) == nil else { return }
        contacts.remove(source)
        let isNew = !isOwnAddress(source, at: now)
        if ownAddresses.put(source, true, at: now) != nil { counters.countEviction(from: .ownAddresses) }
        if isNew { outputs.append(.ownAddressFound(source)) }
    }
}
