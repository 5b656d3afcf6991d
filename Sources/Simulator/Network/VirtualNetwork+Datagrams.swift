import VPNNode
import VPNProtocol

extension VirtualNetwork {
    /// The error of a datagram that is longer than its way takes (Linux, `EMSGSIZE`).
    static let messageTooLong: Int32 = 90

    /// Takes a datagram at its next place.
    func pass(_ transit: Transit) {
        guard let passage = topology?.pass(transit) else { return }
        follow(passage, of: transit.sent, before: transit.received.bytes)
    }

    /// Carries out what the topology decided, and sees that all of it is known: the one place that each step of every
    /// datagram goes through.
    ///
    /// - Parameter before: the bytes that went into the link.
    private func follow(_ passage: Passage, of datagram: VirtualDatagram, before: [UInt8]) {
        switch passage {
        case .onward(let transit, let again):
            if isObserved, let link = transit.link {
                var entering = transit.received
                entering.bytes = before
                tell(
                    .crossed(
                        LinkCrossing(
                            link, entering, sent: now,
                            arrival: LinkArrival(time: transit.time, bytes: transit.received.bytes),
                            again: again.map { LinkArrival(time: $0.time, bytes: $0.received.bytes) })))
            }
            queue.plan(.transit(transit), at: transit.time)
            if let again { queue.plan(.transit(again), at: again.time) }
        case .delivered(let transit):
            guard case .node(let place) = transit.stop else { return }
            guard let node = node(at: transit.destination, place: place) else {
                return lose(transit.received, .noReceiver, .node(place))
            }
            guard !node.isSuspended else { return lose(transit.received, .suspended, .node(place)) }
            arrivalTap?(transit)
            deliver(transit.received, to: node)
        case .lost(let lost, let loss, let place):
            lose(lost, loss, place)
            if loss == .link(.tooLong), case .link(let link) = place { report(datagram, tooLongFor: link) }
        }
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
    func arrive(_ datagram: VirtualDatagram) {
        guard let node = node(at: datagram.destination) else { return tell(.dropped(datagram, .noReceiver, nil)) }
        guard !node.isSuspended else { return tell(.dropped(datagram, .suspended, node.place.map { .node($0) })) }
        deliver(datagram, to: node)
    }

    private func deliver(_ datagram: VirtualDatagram, to node: VirtualNode) {
        deliveries += 1
        tell(.arrived(datagram, at: node))
        var bytes = datagram.bytes
        var message: Range<Int>?
        act(node) { engine, batch, now in
            var span = bytes.mutableSpan
            let reception = engine.receive(&span, from: datagram.source, at: now, into: &batch)
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
        guard node.isRunning, !node.isSuspended else { return }
        let outputs = node.outputs
        input(&node.engine, &outputs.batch, node.clock.local(now))
        node.engine.seal(&outputs.batch)
        record(outputs.batch.events, outputs.batch.portMappings, of: node)
        let sent = takeDatagrams(of: node)
        let names = outputs.batch.names
        let wishes = outputs.batch.portMappings
        // From here on another node, or the same one again, may use the batch.
        outputs.batch.reset()
        for datagram in sent { send(datagram, from: node) }
        for name in names {
            let endpoints = nameService(name)
            act(node) { engine, batch, now in engine.resolved(name, to: endpoints, at: now, into: &batch) }
        }
        for wish in wishes { convey(wish, of: node) }
        planDeadline(of: node)
    }

    private func record(_ events: [Event], _ wishes: [PortMappingRequest], of node: VirtualNode) {
        guard recordsHistory || isObserved else { return }
        for event in events {
            if recordsHistory { node.events.append(TimedEvent(time: now, event: event)) }
            tell(.event(event, in: node))
        }
        if recordsHistory { node.portMappings.append(contentsOf: wishes) }
    }

    private func planDeadline(of node: VirtualNode) {
        guard node.isRunning, !node.isSuspended, let local = node.engine.nextDeadline else { return }
        let deadline = max(node.clock.firstTime(showing: local), now)
        guard node.plannedDeadline.map({ deadline < $0 }) ?? true else { return }
        node.plannedDeadline = deadline
        queue.plan(.deadline(node), at: deadline)
    }

    private func send(_ datagram: VirtualDatagram, from node: VirtualNode) {
        tap?(datagram)
        tell(.sent(datagram, by: node))
        if node.refuses(datagram, at: now) { return refuse(datagram, of: node, Self.messageTooLong) }
        if topology != nil {
            let passage =
                if let place = node.place {
                    topology?.send(datagram, from: place, at: now)
                } else {
                    topology?.send(datagram, at: now)
                }
            if let passage { follow(passage, of: datagram, before: datagram.bytes) }
            return
        }
        switch fate(datagram) {
        case .arrives(let delay): queue.plan(.arrival(datagram), at: now + delay)
        case .lost: tell(.dropped(datagram, .onTheWay, nil))
        case .refused(let code): refuse(datagram, of: node, code)
        }
    }

    private func refuse(_ datagram: VirtualDatagram, of node: VirtualNode, _ code: Int32) {
        tell(.dropped(datagram, .refused(errorCode: code), node.place.map { .node($0) }))
        act(node) { engine, batch, now in
            engine.sendFailed(to: datagram.destination, errorCode: code, at: now, into: &batch)
        }
    }

    /// The sealed packets of a node's batch as datagrams, one for each receiver.
    private func takeDatagrams(of node: VirtualNode) -> [VirtualDatagram] {
        let outputs = node.outputs
        guard !outputs.batch.transmits.isEmpty else { return [] }
        var result: [VirtualDatagram] = []
        for transmit in outputs.batch.transmits {
            for segment in transmit.segments {
                let bytes = copy(segment, of: outputs.batch)
                for destination in outputs.batch.destinations[transmit.destinations] {
                    guard let source = node.source(towards: destination) else { continue }
                    result.append(
                        VirtualDatagram(
                            id: datagrams, sent: now, sender: node.number, source: source, destination: destination,
                            bytes: bytes))
                    datagrams += 1
                }
            }
        }
        return result
    }
}

/// A part of a batch's bytes as an array of its own.
private func copy(_ range: Range<Int>, of batch: borrowing OutputBatch) -> [UInt8] {
    let packet = batch.bytes.extracting(range)
    // Copied while the span is valid, and within its bounds.
    return unsafe packet.withUnsafeBufferPointer { unsafe Array($0) }
}
