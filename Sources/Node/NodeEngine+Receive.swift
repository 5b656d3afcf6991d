public import VPNProtocol

/// What became of a datagram.
public struct Reception: Hashable, Sendable {
    /// What the shell is to do with it.
    public enum Disposition: Hashable, Sendable {
        /// Nothing: it was for the node.
        case handled
        /// Write the message, a frame, to the device.
        case deliver
        /// Nothing: it was dropped and counted.
        case drop(DropReason)
    }

    /// What to do.
    public let disposition: Disposition
    /// The opened packet: type, message range, nonce; nil where it could not be opened.
    public let packet: OpenedPacket?
}

extension NodeEngine {
    /// Takes a datagram, which is opened in place. Whatever its bytes are, it is handled, delivered or dropped.
    public mutating func receive(
        _ datagram: inout MutableSpan<UInt8>, from source: Endpoint, at now: Instant, into outputs: inout OutputBatch
    ) -> Reception {
        guard !isShutDown else { return ignore(datagram.span, from: source, at: now) }
        let packet: OpenedPacket
        do {
            packet = try configuration.seal.open(&datagram)
        } catch {
            recorder?.unopened(datagram.span, error, from: source, at: now)
            let reason = DropReason(error)
            drop(reason, from: source, into: &outputs)
            return Reception(disposition: noted(.drop(reason)), packet: nil)
        }
        if configuration.reportsMessages {
            outputs.append(.received(packet.type, source, bytes: packet.message.count))
        }
        let slot = peers.sender(at: source)
        let message = datagram.span.extracting(packet.message)
        if recorder != nil { recordOpened(packet, message, from: source, at: now) }
        let disposition: Reception.Disposition =
            switch packet.type {
            case .data:
                if let slot = hear(slot, packet, from: source, at: now, into: &outputs) {
                    receiveData(message, from: slot, at: now, into: &outputs)
                } else {
                    .drop(.unknownSender)
                }
            case .peers:
                if hear(slot, packet, from: source, at: now, into: &outputs) != nil {
                    receiveList(message, from: source, at: now, into: &outputs)
                } else {
                    .drop(.unknownSender)
                }
            case .initial: receiveInit(message, nonce: packet.nonce, from: source, at: now, into: &outputs)
            case .close: receiveClose(packet.nonce, slot: slot, from: source, at: now, into: &outputs)
            }
        if disposition == .deliver || disposition == .handled {
            // Data takes no peer away and no address from one; anything else may.
            let slot = packet.type == .data ? slot : peers.slot(at: source)
            if let slot { peers.countReceived(from: slot, bytes: datagram.count) }
        }
        return Reception(disposition: noted(disposition), packet: packet)
    }

    /// What became of a datagram, once it is recorded.
    @inline(__always)
    private mutating func noted(_ disposition: Reception.Disposition) -> Reception.Disposition {
        if recorder != nil { recordDisposition(disposition) }
        return disposition
    }

    /// Takes a datagram that comes after the end.
    private mutating func ignore(_ datagram: Span<UInt8>, from source: Endpoint, at now: Instant) -> Reception {
        recorder?.unopened(datagram, nil, from: source, at: now)
        return Reception(disposition: noted(.handled), packet: nil)
    }

    /// Notes a message that only a peer may send. Any of them refreshes the peer; a fresh one moves its address. Returns the
    /// peer's slot; nil where it is none.
    @inline(__always)
    private mutating func hear(
        _ slot: Int?, _ packet: OpenedPacket, from source: Endpoint, at now: Instant, into outputs: inout OutputBatch
    ) -> Int? {
        guard let slot, peers.isOwn(packet.nonce, of: slot) else {
            drop(.unknownSender, from: source, into: &outputs)
            answerStranger(at: source, now: now, into: &outputs)
            return nil
        }
        if peers.hear(slot, nonce: packet.nonce, at: now), !peers.peers[slot].address.isSame(as: source) {
            useAddress(source, of: slot, into: &outputs)
        }
        return slot
    }

    /// Whoever sends data believes that it is connected, and is asked to connect again; not more than once a second.
    mutating func answerStranger(at source: Endpoint, now: Instant, into outputs: inout OutputBatch) {
        guard source.isUsable else { return }
        guard answeredStrangers.allows(source, at: now) else {
            counters.withheldAnswers &+= 1
            return
        }
        let mark = outputs.destinationMark
        outputs.appendDestination(source)
        transmitInit(request, toDestinationsSince: mark, into: &outputs)
    }

    /// Takes a goodbye: a fresh one from an address of the peer itself.
    private mutating func receiveClose(
        _ nonce: Nonce?, slot: Int?, from source: Endpoint, at now: Instant, into outputs: inout OutputBatch
    ) -> Reception.Disposition {
        guard let slot else {
            drop(.closeFromStranger, from: source, into: &outputs)
            return .drop(.closeFromStranger)
        }
        guard peers.isFresh(nonce, from: slot) else {
            drop(.notFresh, from: source, into: &outputs)
            return .drop(.notFresh)
        }
        // The mark that is remembered is that of the Close itself.
        _ = peers.hear(slot, nonce: nonce, at: now)
        removePeer(slot, .closed, at: now, into: &outputs)
        return .handled
    }

    /// Takes a list: whoever is on it and not yet connected gets an Init, a bounded number of them each second.
    private mutating func receiveList(
        _ message: Span<UInt8>, from source: Endpoint, at now: Instant, into outputs: inout OutputBatch
    ) -> Reception.Disposition {
        let list: PeerListMessage
        do {
            list = try PeerListMessage(message)
        } catch {
            drop(.malformedList, from: source, into: &outputs)
            return .drop(.malformedList)
        }
        var ignored = 0
        for endpoint in peers.strangers(among: list.ipv4) where !admitContact(endpoint, at: now) { ignored += 1 }
        for endpoint in peers.strangers(among: list.ipv6) where !admitContact(endpoint, at: now) { ignored += 1 }
        if ignored > 0 { outputs.append(.contactsIgnored(from: source, count: ignored)) }
        runAgenda(at: now, into: &outputs)
        return .handled
    }

    /// Takes an address from a list up that is no peer's, where it is of use. Returns false where too many are waiting.
    private mutating func admitContact(_ endpoint: Endpoint, at now: Instant) -> Bool {
        guard endpoint.isUsableElsewhere, !isOwnAddress(endpoint, at: now) else { return true }
        switch contacts.admit(endpoint, at: now) {
        case .new: if let contact = contacts.reference(to: endpoint) { agenda.note(.contact(contact), due: now) }
        case .waiting: break
        case .full:
            counters.countEviction(from: .contacts)
            return false
        }
        return true
    }

    /// Whether an address turned out to be this node's own within the last while.
    func isOwnAddress(_ endpoint: Endpoint, at now: Instant, within time: Duration = Self.ownAddressTime) -> Bool {
        guard let entry = ownAddresses[endpoint] else { return false }
        return now - entry.time < time
    }
}

extension DropReason {
    init(_ error: OpenError) {
        self =
            switch error {
            case .unauthentic: .unauthentic
            case .malformed(.foreignMagic): .foreignMagic
            case .malformed(.foreignMethod): .foreignMethod
            case .malformed(.unknownMessageType): .unknownMessageType
            case .malformed: .truncatedPacket
            }
    }
}
