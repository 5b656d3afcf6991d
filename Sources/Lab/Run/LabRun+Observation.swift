import VPNNode
import VPNProtocol
import VPNSimulator

// What is seen of nodes: their logs, statistics, devices and wires.
extension LabRun {
    func readLog(of node: LabNode) { for line in node.newLines() { note(line, of: node) } }

    func note(_ line: String, of node: LabNode) {
        tell("\(node.name) | \(line)")
        if !node.hasOwnLog, !node.isStopping, node.deadline != nil, node.isSign(line) { node.deadline = nil }
        guard node.hasOwnLog, let event = LogEvent(line) else { return }
        switch event {
        case .started(let id): noteStart(of: node, as: id)
        case .joined(let id, _), .lost(let id, _, _): note(event, about: id, of: node)
        }
    }

    /// Reads what a node wrote of itself, where that is new.
    func readPicture(of node: LabNode) {
        guard node.implementation.hasStatistics, node.process != nil, !node.isSuspended,
            let bytes = readFile("\(options.folder)/\(node.name).stats", atMost: 1 << 22),
            bytes != lastPictures[node.number], let picture = options.readStatistics(bytes)
        else { return }
        lastPictures[node.number] = bytes
        let now = refresh()
        if !node.hasOwnLog { noteStart(of: node, as: picture.id) }
        guard let view = node.view, view.id == picture.id else { return }
        for (reason, count) in picture.drops {
            let before = view.picture?.drops[reason] ?? 0
            guard count > before else { continue }
            judge.dropped(
                reason, Int(clamping: count - before), in: node.number, after: node.lastPicture, notAfter: now)
        }
        node.lastPicture = now
        view.picture = picture
        if !node.hasOwnLog { compare(picture, of: node) }
        judge.looked(at: node.number)
    }

    /// Finds out who came and who went between two pictures, where no log tells.
    private func compare(_ picture: StatisticsPicture, of node: LabNode) {
        let peers = Set(picture.peers.map(\.id))
        let address = { (id: NodeID) in
            Endpoint(picture.peers.first { $0.id == id }?.address ?? IPAddress(0, 0, 0, 0), port: 0)
        }
        for id in node.knownPeers.subtracting(peers).sorted() {
            judge.happened(.peerLost(id, address(id), .timedOut), in: node.number, at: now)
        }
        // Those that are not known yet come with a later picture.
        let known = Set(nodes.compactMap { $0.view?.id } + formerIDs)
        for id in peers.subtracting(node.knownPeers).intersection(known).sorted() {
            judge.happened(.peerJoined(id, address(id), claims: 0), in: node.number, at: now)
        }
        node.knownPeers = peers.intersection(known)
    }

    /// Takes what the node gave its device.
    func readDevice(of node: LabNode) {
        while let packet = node.device?.receive() {
            guard !packet.isOutgoing, judge.isTraffic(packet.bytes, at: node.number), node.view != nil else { continue }
            let now = refresh()
            judge.frameDelivered(packet.bytes, at: node.number, at: now)
            capture(.inner(node: node.name, node.deviceType), packet.bytes)
            if let answer = judge.answer(to: packet.bytes, at: node.number) { send(answer, from: node) }
        }
    }

    /// Lets the device of a node send a frame, where it is there and awake.
    func send(_ frame: [UInt8], from node: LabNode) {
        guard let device = node.device, node.view != nil, !node.isSuspended, !node.isStopping else { return }
        judge.frameSent(frame, by: node.number, at: refresh())
        capture(.inner(node: node.name, node.deviceType), frame)
        if !device.send(frame) {
            node.refusedFrames += 1
            tell("\(node.name): the device does not take a frame of \(frame.count) bytes")
        }
    }

    private func capture(_ stream: CaptureStream, _ bytes: [UInt8]) {
        options.capture?(CapturedPacket(stream, at: now, bytes))
    }

    /// Takes what went over the wire of a node.
    func readWire(of node: LabNode) {
        while let packet = node.wire?.receive() {
            guard let datagram = WireDatagram(packet.bytes) else { continue }
            let isOurs = (packet.isOutgoing ? datagram.source : datagram.destination).port == node.port
            guard isOurs else { continue }
            let now = refresh()
            if packet.isOutgoing {
                watch(sent: datagram, by: node)
                judge.datagramSent(
                    datagram.payload, to: datagram.destination, onWire: datagram.byteCount, by: node.number, at: now)
            } else if !node.isSuspended {
                judge.datagramArrived()
                watch(arrived: datagram, at: node)
            }
            guard options.capture != nil else { continue }
            let payload = judge.members[node.number].configuration.seal.readable(datagram.payload) ?? datagram.payload
            if let frame = UDPFrame(from: datagram.source, to: datagram.destination, payload: payload) {
                capture(.outer(node: node.name), frame.bytes)
            }
        }
    }

    /// A message that a program sends which tells nothing of itself. Its Init says its id. Whom it answers after an Init of
    /// theirs, with an Init of stage 1, a list or a frame, it has as a peer.
    private func watch(sent datagram: WireDatagram, by node: LabNode) {
        guard node.isSilent, node.process != nil else { return }
        let initial = initial(datagram.payload, node)
        if node.view == nil, let initial { noteStart(of: node, as: initial.id) }
        guard let view = node.view, let id = node.heard[datagram.destination], id != view.id,
            datagram.type != .close, initial?.stage != .request,
            nodes.contains(where: { $0.view?.id == id }) || formerIDs.contains(id),
            node.knownPeers.insert(id).inserted
        else { return }
        judge.happened(.peerJoined(id, datagram.destination, claims: 0), in: node.number, at: now)
    }

    /// A message that gets to a program which tells nothing of itself. After a Close, who still is sent to is a peer again.
    private func watch(arrived datagram: WireDatagram, at node: LabNode) {
        guard node.isSilent, node.process != nil else { return }
        if let initial = initial(datagram.payload, node), initial.id != node.view?.id {
            let former = node.heard.updateValue(initial.id, forKey: datagram.source)
            if let former, former != initial.id, node.knownPeers.remove(former) != nil {
                judge.happened(.peerLost(former, datagram.source, .replaced), in: node.number, at: now)
            }
        } else if datagram.type == .close, let id = node.heard[datagram.source], node.knownPeers.remove(id) != nil {
            judge.happened(.peerLost(id, datagram.source, .closed), in: node.number, at: now)
        }
    }

    /// Stage and id of an Init; nil for any other message.
    private func initial(_ packet: [UInt8], _ node: LabNode) -> (stage: InitMessage.Stage, id: NodeID)? {
        guard packet.count > PacketHeader.typeOffset,
            packet[PacketHeader.typeOffset] == MessageType.initial.rawValue,
            let plain = judge.members[node.number].configuration.seal.readable(packet),
            plain.count >= PacketHeader.byteCount,
            let message = try? InitMessage(plain.span.extracting(PacketHeader.byteCount..<plain.count))
        else { return nil }
        return (message.stage, message.nodeID)
    }
}

extension WireDatagram {
    /// What its header says that it is; nil for no message.
    fileprivate var type: MessageType? {
        payload.count > PacketHeader.typeOffset ? MessageType(rawValue: payload[PacketHeader.typeOffset]) : nil
    }
}

extension LabNode {
    /// Whether nothing is known of its program but what goes over the wire.
    fileprivate var isSilent: Bool { !hasOwnLog && !implementation.hasStatistics }
}
