import VPNProtocol

extension NodeEngine {
    /// Takes a frame of the device to the peers that it is for.
    public mutating func send(_ frame: StagedFrame, at now: Instant, into outputs: inout OutputBatch) {
        guard !isShutDown else { return }
        counters.taken.count(frame.range.count)
        guard frame.range.count + configuration.seal.headBytes + configuration.seal.tailBytes <= Self.maximumPacketBytes
        else { return drop(.oversizedFrame, from: nil, into: &outputs) }
        guard
            let addresses = FrameAddresses(
                outputs.bytes.extracting(frame.range), deviceType: configuration.deviceType)
        else { return drop(.malformedFrame, from: nil, into: &outputs) }
        guard !peers.isEmpty else { return drop(.noPeers, from: nil, into: &outputs) }

        let mark = outputs.destinationMark
        switch forwarding {
        case .hub:
            appendAllPeers(bytes: frame.range.count, into: &outputs)
        case .learning:
            if let reference = stations.peer(of: addresses.destination, at: now), let slot = peers.slot(of: reference) {
                appendDestination(slot, bytes: frame.range.count, into: &outputs)
            } else {
                appendAllPeers(bytes: frame.range.count, into: &outputs)
            }
        case .claims:
            guard let reference = claims.peer(of: addresses.destination), let slot = peers.slot(of: reference) else {
                return drop(.unknownDestination, from: nil, into: &outputs)
            }
            appendDestination(slot, bytes: frame.range.count, into: &outputs)
        }
        if configuration.reportsMessages {
            let receivers = outputs.destinationMark - mark
            outputs.append(.sending(.data, destinations: receivers, bytes: frame.range.count))
        }
        outputs.transmit(frame, toDestinationsSince: mark)
    }

    /// The longest UDP datagram over IPv4 (65535 - 20 - 8).
    static var maximumPacketBytes: Int { 65_507 }

    private mutating func appendAllPeers(bytes: Int, into outputs: inout OutputBatch) {
        for slot in peers.slots { appendDestination(slot, bytes: bytes, into: &outputs) }
    }

    /// Takes data from a peer: what it is for the device.
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
