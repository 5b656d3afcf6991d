import VPNProtocol

extension NodeEngine {
    /// Takes frames of the device to the peers that they are for. All frames of a run have the addresses of the first.
    public mutating func send(_ frames: StagedFrames, at now: Instant, into outputs: inout OutputBatch) {
        if recorder != nil { recordFrames(frames, of: outputs, at: now) }
        guard !isShutDown else { return }
        let bytes = frames.byteCount(gapBytes: outputs.gapBytes)
        counters.taken.count(bytes, packets: frames.count)
        guard frames.frameBytes + outputs.gapBytes <= Self.maximumPacketBytes
        else { return drop(.oversizedFrame, from: nil, count: frames.count, into: &outputs) }
        guard
            let addresses = FrameAddresses(
                outputs.bytes.extracting(frames.first), deviceType: configuration.deviceType)
        else { return drop(.malformedFrame, from: nil, count: frames.count, into: &outputs) }
        guard !peers.isEmpty else { return drop(.noPeers, from: nil, count: frames.count, into: &outputs) }

        let slot: Int?
        switch forwarding {
        case .hub: slot = nil
        case .learning:
            slot = stations.peer(of: addresses.destination, at: now).flatMap { peers.slot(of: $0) }
        case .claims:
            slot = claims.route(to: addresses.destination).flatMap { peers.slot(of: $0) }
            guard slot != nil else {
                return drop(.unknownDestination, from: nil, count: frames.count, into: &outputs)
            }
        }
        if configuration.reportsMessages { reportSending(frames, receivers: slot == nil ? peers.count : 1, &outputs) }
        if let slot {
            peers.countSent(to: slot, bytes: bytes + frames.count * outputs.gapBytes, packets: frames.count)
            outputs.transmit(frames, to: peers.peers[slot].address)
        } else {
            let mark = outputs.destinationMark
            for slot in peers.slots { appendDestination(slot, bytes: bytes, messages: frames.count, into: &outputs) }
            outputs.transmit(frames, toDestinationsSince: mark)
        }
    }

    private func reportSending(_ frames: StagedFrames, receivers: Int, _ outputs: inout OutputBatch) {
        let lastBytes = frames.range.count - (frames.count - 1) * (frames.frameBytes + outputs.gapBytes)
        for index in 1...frames.count {
            let bytes = index < frames.count ? frames.frameBytes : lastBytes
            outputs.append(.sending(.data, destinations: receivers, bytes: bytes))
        }
    }

    /// The longest UDP datagram over IPv4 (65535 - 20 - 8).
    static var maximumPacketBytes: Int { 65_507 }

    /// Takes data from a peer: what it is for the device.
    @inline(__always)
    mutating func receiveData(
        _ frame: Span<UInt8>, from slot: Int, at now: Instant, into outputs: inout OutputBatch
    ) -> Reception.Disposition {
        guard let addresses = FrameAddresses(frame, deviceType: configuration.deviceType) else {
            drop(.malformedFrame, from: peers.peers[slot].address, into: &outputs)
            return .drop(.malformedFrame)
        }
        if forwarding == .learning { learn(addresses.source, at: slot, now: now, into: &outputs) }
        counters.delivered.count(frame.count)
        return .deliver
    }

    private mutating func learn(
        _ station: StationAddress, at slot: Int, now: Instant, into outputs: inout OutputBatch
    ) {
        let reference = peers.reference(to: slot)
        let change = stations.learn(station, at: reference, now: now) { peers.slot(of: $0) != nil }
        switch change {
        case .none: return
        case .moved: outputs.append(.stationMoved(station, peers.peers[slot].id))
        case .learned(let evicted):
            if let evicted {
                counters.countEviction(from: .stations)
                outputs.append(.stationEvicted(evicted))
            }
            outputs.append(.stationLearned(station, peers.peers[slot].id))
        }
    }
}
