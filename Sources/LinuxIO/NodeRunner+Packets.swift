import Glibc
import VPNNode
import VPNProtocol

/// Sources that are not waited for, since waiting for them would end at once again and again.
struct Pauses {
    /// How long a source rests.
    static let length: Duration = .milliseconds(100)
    /// After so many errors without a packet between them a socket rests.
    static let patience = 8

    var device: Instant?
    var ipv4: Instant?
    var ipv6: Instant?
    /// Errors of both sockets since the last datagram.
    var errorsInARow = 0

    var next: Instant? { earlier(device, earlier(ipv4, ipv6)) }
}

extension NodeRunner {
    /// Frames taken from the device before the batch is sent.
    static let framesPerRound = 64
    /// Batches of datagrams taken from one socket before others have their turn.
    static let datagramBatchesPerRound = 4

    /// Seals and sends the batch, carries out what the engine wishes, and tells what happened.
    mutating func finishRound(at now: Instant, _ observer: any NodeObserver) {
        var sent = 0
        engine.seal(&batch)
        while sent < batch.transmits.count {
            transmitter.send(batch, from: sent, over: sockets, counters: &counters)
            sent = batch.transmits.count
            for failure in transmitter.failures {
                engine.sendFailed(to: failure.destination, errorCode: failure.code, at: now, into: &batch)
            }
            transmitter.failures.removeAll(keepingCapacity: true)
            engine.seal(&batch)
        }
        for name in batch.names { resolver.resolve(name) }
        for request in batch.portMappings {
            switch request {
            case .map(let port, let lease): forwarder.map(port: port, lease: lease)
            case .unmap: forwarder.unmap()
            }
        }
        if !batch.events.isEmpty { observer.observe(batch.events, at: now) }
        batch.reset()
    }

    /// Takes what other threads found out.
    mutating func readMailbox(at now: Instant, _ observer: any NodeObserver) {
        for answer in mailbox.take() {
            switch answer {
            case .resolution(let name, .endpoints(let endpoints)):
                let (hasIPv4, hasIPv6) = (sockets.has(.ipv4), sockets.has(.ipv6))
                let usable = endpoints.filter { $0.family == .ipv4 ? hasIPv4 : hasIPv6 }
                if usable.isEmpty {
                    let missing = hasIPv4 ? "IPv6" : "IPv4"
                    observer.observe(
                        LinuxEvent.resolutionFailed(
                            name, "it has only \(missing) addresses, and this node has no \(missing) socket"))
                } else {
                    observer.observe(LinuxEvent.resolved(name, endpoints))
                }
                engine.resolved(name, to: usable, at: now, into: &batch)
            case .resolution(let name, .failed(let reason)):
                observer.observe(LinuxEvent.resolutionFailed(name, reason))
                engine.resolved(name, to: [], at: now, into: &batch)
            case .forwarding(let outcome):
                observer.observe(LinuxEvent.portForwarding(outcome))
                switch outcome {
                case .mapped(_, let address, let port, let lease):
                    let external = Endpoint(address ?? IPAddress(0, 0, 0, 0), port: port)
                    engine.portMapped(to: external, lease: lease, at: now, into: &batch)
                case .failed: engine.portMappingFailed(at: now, into: &batch)
                case .removed, .notRemoved: break
                }
            }
        }
    }

    /// Takes frames from the device until there is none, or so many that they should go out first.
    mutating func readDevice(hasError: Bool, at now: Instant, _ observer: any NodeObserver) {
        let descriptor = device.descriptor.number
        for _ in 0..<Self.framesPerRound {
            // With less room a frame could be cut. The batch is sent first, and the device asks again.
            guard batch.roomForFrame >= TunnelDevice.maximumFrameBytes else { return }
            var code: Int32 = 0
            let frame = batch.stageFrame { buffer in
                switch TunnelDevice.read(descriptor, into: &buffer) {
                case .done(let count): return count
                case .failed(let error):
                    code = error
                    return nil
                }
            }
            if let frame {
                counters.framesRead &+= 1
                if deviceIsDown { noteDevice(isDown: false, observer) }
                engine.send(frame, at: now, into: &batch)
                continue
            }
            if code == EAGAIN, !hasError { return }
            return deviceFailed(code, at: now, observer)
        }
    }

    /// Decides whether the device is gone or may be read again later.
    private mutating func deviceFailed(_ code: Int32, at now: Instant, _ observer: any NodeObserver) {
        let error = SystemError("cannot read from device '\(device.name)'", code: code)
        if TunnelDevice.isLoss(code) { return deviceLost(error, observer) }
        counters.deviceReadErrors &+= 1
        if code == EIO {
            noteDevice(isDown: true, observer)
        } else {
            observer.observe(LinuxEvent.deviceReadFailed(device.name, error))
        }
        poller.remove(device.descriptor.number)
        pauses.device = now + Pauses.length
    }

    private mutating func deviceLost(_ error: SystemError, _ observer: any NodeObserver) {
        guard ending == nil else { return }
        ending = .deviceLost(error)
        poller.remove(device.descriptor.number)
        observer.observe(LinuxEvent.deviceLost(device.name, error))
    }

    private mutating func noteDevice(isDown: Bool, _ observer: any NodeObserver) {
        guard deviceIsDown != isDown else { return }
        deviceIsDown = isDown
        observer.observe(isDown ? LinuxEvent.deviceDown(device.name) : .deviceUp(device.name))
    }

    /// Takes datagrams from a socket until there is none, or so many that others should have their turn.
    mutating func readSocket(
        _ family: AddressFamily, hasError: Bool, at now: Instant, _ observer: any NodeObserver
    ) {
        guard let socket = sockets.number(family) else { return }
        // To ask for the error clears it.
        if hasError { socketFailed(family, DatagramSockets.value(socket, of: SO_ERROR), at: now, observer) }
        for _ in 0..<Self.datagramBatchesPerRound {
            switch arena.receive(from: socket) {
            case .done(let count):
                pauses.errorsInARow = 0
                for slot in 0..<count {
                    let outcome = Self.receive(
                        slot, of: &arena, at: now, by: &engine, into: &batch, for: device, counters: &counters)
                    noteWrite(outcome, at: now, observer)
                }
                if count < ReceiveArena.capacity { return }
            case .failed(let code):
                if code != EAGAIN { socketFailed(family, code, at: now, observer) }
                return
            }
        }
    }

    private mutating func socketFailed(
        _ family: AddressFamily, _ code: Int32, at now: Instant, _ observer: any NodeObserver
    ) {
        counters.receiveErrors &+= 1
        observer.observe(LinuxEvent.socketError(family, SystemError("an earlier packet failed", code: code)))
        pauses.errorsInARow += 1
        guard pauses.errorsInARow >= Pauses.patience, let socket = sockets.number(family) else { return }
        pauses.errorsInARow = 0
        poller.remove(socket)
        switch family {
        case .ipv4: pauses.ipv4 = now + Pauses.length
        case .ipv6: pauses.ipv6 = now + Pauses.length
        }
    }

    /// Gives a datagram to the engine, and its frame, if there is one for it, to the device.
    ///
    /// The parts of the runner are separate parameters, since the datagram borrows one of them meanwhile.
    private static func receive(
        _ slot: Int, of arena: inout ReceiveArena, at now: Instant, by engine: inout NodeEngine,
        into batch: inout OutputBatch, for device: borrowing TunnelDevice, counters: inout IOCounters
    ) -> TunnelDevice.Result<Int>? {
        guard let source = arena.takeSource(slot) else {
            counters.unusableDatagrams &+= 1
            return nil
        }
        var datagram = arena.datagram(slot)
        counters.datagramsReceived &+= 1
        counters.bytesReceived &+= UInt64(datagram.count)
        let reception = engine.receive(&datagram, from: source, at: now, into: &batch)
        guard reception.disposition == .deliver, let message = reception.packet?.message else { return nil }
        return device.write(datagram.span.extracting(message))
    }

    private mutating func noteWrite(
        _ outcome: TunnelDevice.Result<Int>?, at now: Instant, _ observer: any NodeObserver
    ) {
        switch outcome {
        case nil: break
        case .done:
            counters.framesWritten &+= 1
            if deviceIsDown { noteDevice(isDown: false, observer) }
        case .failed(let code):
            counters.deviceWriteErrors &+= 1
            engine.deviceRefused(frames: 1, at: now, into: &batch)
            if code == EIO { noteDevice(isDown: true, observer) }
            if TunnelDevice.isLoss(code) {
                deviceLost(SystemError("cannot write to device '\(device.name)'", code: code), observer)
            }
        }
    }

    /// Waits again for sources whose pause is over.
    mutating func resume(at now: Instant) {
        guard let next = pauses.next, next <= now else { return }
        if let due = pauses.device, due <= now {
            pauses.device = rejoin(device.descriptor.number, as: .device, at: now)
        }
        if let due = pauses.ipv4, due <= now {
            pauses.ipv4 = sockets.number(.ipv4).flatMap { rejoin($0, as: .ipv4, at: now) }
        }
        if let due = pauses.ipv6, due <= now {
            pauses.ipv6 = sockets.number(.ipv6).flatMap { rejoin($0, as: .ipv6, at: now) }
        }
    }

    /// Waits for a source again. Where the system has no memory for that just now, returns when to try next.
    private func rejoin(_ number: Int32, as source: Poller.Source, at now: Instant) -> Instant? {
        do throws(SystemError) {
            try poller.add(number, as: source)
            return nil
        } catch {
            return now + Pauses.length
        }
    }
}
