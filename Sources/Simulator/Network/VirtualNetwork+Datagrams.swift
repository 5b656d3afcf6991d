import VPNNode
import VPNProtocol

extension VirtualNetwork {
    /// The error of a datagram that is longer than its way takes (Linux, `EMSGSIZE`).
    static let messageTooLong: Int32 = 90
    /// How many datagrams of one input there is room for without allocating.
    static let spareRoom = 1024

    /// Takes a datagram at its next place.
    func pass(_ transit: consuming Transit) {
        let before = isObserved ? transit.received.bytes : []
        guard let verdict = topology?.pass(&transit) else { return }
        follow(verdict, transit, before: before)
    }

    /// Carries out what the topology decided, and sees that all of it is known: the one place that each step of every
    /// datagram goes through.
    ///
    /// - Parameter before: the bytes that went into the link, where there are observers.
    private func follow(_ verdict: Topology.Verdict, _ transit: consuming Transit, before: [UInt8]) {
        switch verdict {
        case .onward(let again):
            if isObserved { tellCrossing(transit, again: again, before: before) }
            let second = again.map { transit.arriving($0) }
            let time = transit.time
            queue.plan(.transit(transit), at: time)
            if let second { queue.plan(.transit(second), at: second.time) }
        case .delivered:
            guard case .node(let place) = transit.stop else { return }
            guard let node = node(at: transit.destination, place: place) else {
                return lose(transit.received, .noReceiver, .node(place))
            }
            guard !node.isSuspended else { return lose(transit.received, .suspended, .node(place)) }
            arrivalTap?(transit)
            deliver(transit.received, to: node)
        case .lost(let loss, let place):
            lose(transit.received, loss, place)
            if loss == .link(.tooLong), case .link(let link) = place { report(transit.sent, tooLongFor: link) }
        }
    }

    private func tellCrossing(_ transit: Transit, again: LinkArrival?, before: [UInt8]) {
        guard let link = transit.link else { return }
        var entering = transit.received
        entering.bytes = before
        let arrival = LinkArrival(time: transit.time, bytes: transit.received.bytes)
        tell(.crossed(LinkCrossing(link, entering, sent: now, arrival: arrival, again: again)))
    }

    private func lose(_ datagram: VirtualDatagram, _ loss: NetworkLoss, _ place: NetworkPlace) {
        lossTap?(datagram, loss, place)
        tell(.dropped(datagram, loss, place))
    }

    /// Lets the router before a link tell the sender of a datagram that it is too long, if it does so. That takes as long
    /// as the datagram has taken.
    private func report(_ datagram: VirtualDatagram, tooLongFor link: LinkIdentity) {
        guard let model = topology?.model(of: link), model.reportsTooLong, let mtu = model.mtu,
            let node = node(at: datagram.source)
        else { return }
        queue.plan(
            .tooLong(node, from: datagram.source, to: datagram.destination.address, mtu: mtu),
            at: now + (now - datagram.sent))
    }

    /// Brings a datagram to whoever has its destination, in no network.
    func arrive(_ datagram: consuming VirtualDatagram) {
        guard let node = node(at: datagram.destination) else { return tell(.dropped(datagram, .noReceiver, nil)) }
        guard !node.isSuspended else { return tell(.dropped(datagram, .suspended, node.place.map { .node($0) })) }
        deliver(datagram, to: node)
    }

    private func deliver(_ datagram: consuming VirtualDatagram, to node: VirtualNode) {
        deliveries += 1
        var bytes: [UInt8] = []
        if isObserved {
            tell(.arrived(datagram, at: node))
            bytes = datagram.bytes
        } else {
            // The only one, which is opened where it is.
            swap(&bytes, &datagram.bytes)
        }
        let source = datagram.source
        var message: Range<Int>?
        act(node) { engine, batch, now in
            var span = bytes.mutableSpan
            let reception = engine.receive(&span, from: source, at: now, into: &batch)
            if reception.disposition == .deliver { message = reception.packet?.message }
        }
        guard let message, isObserved || recordsHistory || answering != nil else { return }
        let frame = Array(bytes[message])
        if recordsHistory { node.delivered.append(frame) }
        tell(.frameDelivered(frame, at: node, of: datagram))
        if let answer = answering?(node, frame) { send(answer, from: node) }
    }

    /// Gives a node an input at the time of its clock, and carries out what comes of it, until nothing more does.
    func act(_ node: VirtualNode, _ input: (inout NodeEngine, inout OutputBatch, Instant) -> Void) {
        guard var outcome = perform(node, input) else { return }
        carryOut(outcome, of: node)
        guard outcome.sent.capacity > 0, outcome.sent.capacity <= Self.spareRoom else { return }
        outcome.sent.removeAll(keepingCapacity: true)
        swap(&spare, &outcome.sent)
    }
}

/// What came of an input to a node, taken out of the batch, which others use meanwhile.
private struct Outcome {
    var sent: [VirtualDatagram] = []
    var events: [Event] = []
    var names: [PeerName] = []
    var wishes: [PortMappingRequest] = []
    /// By the clock of the node.
    var deadline: Instant?
}

extension VirtualNetwork {
    /// Gives a node an input at the time of its clock; nil where it does nothing. Nobody else sees the engine meanwhile.
    private func perform(
        _ node: VirtualNode, _ input: (inout NodeEngine, inout OutputBatch, Instant) -> Void
    ) -> Outcome? {
        guard node.isRunning, !node.isSuspended else { return nil }
        return perform(&node.engine, &node.outputs.batch, of: node, input)
    }

    private func perform(
        _ engine: inout NodeEngine, _ batch: inout OutputBatch, of node: VirtualNode,
        _ input: (inout NodeEngine, inout OutputBatch, Instant) -> Void
    ) -> Outcome {
        input(&engine, &batch, node.clock.local(now))
        engine.seal(&batch)
        var outcome = Outcome(deadline: engine.nextDeadline)
        if !batch.transmits.isEmpty {
            // Empty, and in use by nobody: what is carried out meanwhile takes what is then spare.
            swap(&spare, &outcome.sent)
            takeDatagrams(batch, of: node, into: &outcome.sent)
        }
        if !batch.events.isEmpty, recordsHistory || isObserved { outcome.events = batch.events }
        if !batch.names.isEmpty { outcome.names = batch.names }
        if !batch.portMappings.isEmpty { outcome.wishes = batch.portMappings }
        engine.endRound(batch)
        batch.reset()
        return outcome
    }

    /// The sealed packets of a node's batch as datagrams, one for each receiver.
    private func takeDatagrams(
        _ batch: borrowing OutputBatch, of node: VirtualNode, into sent: inout [VirtualDatagram]
    ) {
        for transmit in batch.transmits {
            for segment in transmit.segments {
                let packet = batch.bytes.extracting(segment)
                // Copied while the span is valid, and within its bounds.
                let bytes = unsafe packet.withUnsafeBufferPointer { unsafe Array($0) }
                for destination in batch.destinations[transmit.destinations] {
                    guard let source = node.source(towards: destination) else { continue }
                    sent.append(
                        VirtualDatagram(
                            id: datagrams, sent: now, sender: node.number, source: source, destination: destination,
                            bytes: bytes))
                    datagrams += 1
                }
            }
        }
    }

    private func carryOut(_ outcome: Outcome, of node: VirtualNode) {
        for event in outcome.events {
            if recordsHistory { node.events.append(TimedEvent(time: now, event: event)) }
            tell(.event(event, in: node))
        }
        if recordsHistory, !outcome.wishes.isEmpty { node.portMappings.append(contentsOf: outcome.wishes) }
        var isUpToDate = true
        for datagram in outcome.sent { isUpToDate = send(datagram, from: node) && isUpToDate }
        for name in outcome.names {
            isUpToDate = false
            let endpoints = nameService(name)
            act(node) { engine, batch, now in engine.resolved(name, to: endpoints, at: now, into: &batch) }
        }
        for wish in outcome.wishes { convey(wish, of: node) }
        planDeadline(isUpToDate ? outcome.deadline : node.engine.nextDeadline, of: node)
    }

    private func planDeadline(_ local: Instant?, of node: VirtualNode) {
        guard let local, node.isRunning, !node.isSuspended else { return }
        let deadline = max(node.clock.firstTime(showing: local), now)
        guard node.plannedDeadline.map({ deadline < $0 }) ?? true else { return }
        node.plannedDeadline = deadline
        queue.plan(.deadline(node), at: deadline)
    }

    /// Sends a datagram; returns whether the node was not called again.
    private func send(_ datagram: VirtualDatagram, from node: VirtualNode) -> Bool {
        tap?(datagram)
        tell(.sent(datagram, by: node))
        if node.refuses(datagram, at: now) {
            refuse(datagram, of: node, Self.messageTooLong)
            return false
        }
        guard topology == nil else {
            guard let place = node.place ?? topology?.node(at: datagram.source.address) else {
                lose(datagram, .noRoute, .outside)
                return true
            }
            var transit = Transit(datagram, origin: place, at: now)
            if let verdict = topology?.send(&transit) { follow(verdict, transit, before: datagram.bytes) }
            return true
        }
        switch fate(datagram) {
        case .arrives(let delay): queue.plan(.arrival(datagram), at: now + delay)
        case .lost: tell(.dropped(datagram, .onTheWay, nil))
        case .refused(let code):
            refuse(datagram, of: node, code)
            return false
        }
        return true
    }

    private func refuse(_ datagram: VirtualDatagram, of node: VirtualNode, _ code: Int32) {
        tell(.dropped(datagram, .refused(errorCode: code), node.place.map { .node($0) }))
        act(node) { engine, batch, now in
            engine.sendFailed(to: datagram.destination, errorCode: code, at: now, into: &batch)
        }
    }
}
