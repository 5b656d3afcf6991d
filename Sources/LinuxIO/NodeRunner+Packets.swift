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

/// How often the device is read before what was read is sent.
///
/// A lone packet leaves at once, without a look for a second one. Where the next comes within the time that a look takes
/// many times over, there is more behind it, and so many are taken together.
struct ReadPace {
    /// The most reads before the batch is sent.
    static let greatest = 64
    /// Packets that follow each other so closely come in a burst: 50,000 a second.
    private static let burstGap: Duration = .microseconds(20)

    private var last: Instant?
    private var isBurst = false

    /// How many reads this round may have.
    mutating func reads(at now: Instant) -> Int {
        if let last, now - last < Self.burstGap { isBurst = true }
        last = now
        return isBurst ? Self.greatest : 1
    }

    /// Notes that all there was has been read.
    mutating func foundNothing() {
        last = nil
        isBurst = false
    }
}

extension NodeRunner {
    /// Bytes taken from the device before the batch is sent: few enough to be in the processor's caches still.
    static let bytesPerRound = 128 << 10
    /// Batches of datagrams taken from one socket before others have their turn.
    static let datagramBatchesPerRound = 4

    /// Seals and sends the batch, carries out what the engine wishes, and tells what happened.
    mutating func finishRound(at now: Instant, _ observer: any NodeObserver) {
        var sent = 0
        capture?.takeMessages(of: batch, from: sent)
        engine.seal(&batch)
        while sent < batch.transmits.count {
            let runs = (transmitter.runs(.ipv4), transmitter.runs(.ipv6))
            transmitter.send(batch, from: sent, over: sockets, counters: &counters)
            sent = batch.transmits.count
            if transmitter.runs(.ipv4) != runs.0 { noteRuns(.ipv4, since: runs.0, observer) }
            if transmitter.runs(.ipv6) != runs.1 { noteRuns(.ipv6, since: runs.1, observer) }
            for failure in transmitter.failures {
                engine.sendFailed(to: failure.destination, errorCode: failure.code, at: now, into: &batch)
            }
            transmitter.failures.removeAll(keepingCapacity: true)
            capture?.takeMessages(of: batch, from: sent)
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
        engine.endRound(batch)
        batch.reset()
        capture?.endRound()
    }

    /// Tells what a socket refused, where it is news.
    private func noteRuns(_ family: AddressFamily, since before: RunLimit, _ observer: any NodeObserver) {
        let runs = transmitter.runs(family)
        guard let code = runs.refusal, runs.isSupported != before.isSupported || runs.largest < before.largest else {
            return
        }
        let error = SystemError("the system refused several at once", code: code)
        observer.observe(LinuxEvent.runsRefused(family, bytes: runs.isSupported ? runs.largest + 1 : nil, error))
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
        let reads = pace.reads(at: now)
        for _ in 0..<reads {
            // With less room a frame could be cut. The batch is sent first, and the device asks again.
            guard batch.roomForFrame >= DeviceInput.room(gapBytes: batch.gapBytes) else { return }
            var outcome = DeviceInput.Outcome.malformed
            let frames = stage(&outcome)
            switch outcome {
            case .frames(let layout):
                counters.deviceReads &+= 1
                counters.framesRead &+= UInt64(layout.count)
                if deviceIsDown { noteDevice(isDown: false, observer) }
                if let frames {
                    capture?.takeFrames(frames, of: batch)
                    engine.send(frames, at: now, into: &batch)
                }
            case .malformed:
                counters.deviceReads &+= 1
                counters.malformedFrames &+= 1
            case .failed(EAGAIN) where !hasError:
                pace.foundNothing()
                return
            case .failed(let code): return deviceFailed(code, at: now, observer)
            }
        }
    }

    private mutating func stage(_ outcome: inout DeviceInput.Outcome) -> StagedFrames? {
        let gapBytes = batch.gapBytes
        return Self.stage(from: device, by: &input, into: &batch, gapBytes: gapBytes, &outcome)
    }

    /// The parts of the runner are separate parameters, since the room for the frames borrows one of them meanwhile.
    private static func stage(
        from device: borrowing TunnelDevice, by input: inout DeviceInput, into batch: inout OutputBatch, gapBytes: Int,
        _ outcome: inout DeviceInput.Outcome
    ) -> StagedFrames? {
        batch.stageFrames { room in
            outcome = input.read(from: device, into: &room, gapBytes: gapBytes)
            guard case .frames(let layout) = outcome else { return nil }
            return layout
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
            case .messages(let count, let isLast):
                pauses.errorsInARow = 0
                counters.receiveCalls &+= 1
                for slot in 0..<count { receive(slot, at: now, observer) }
                flushOutput(at: now, observer)
                if isLast { return }
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

    /// Gives the datagrams of a message to the engine, and their frames, if there are some for it, to the device.
    private mutating func receive(_ slot: Int, at now: Instant, _ observer: any NodeObserver) {
        let datagrams = arena.datagrams(slot)
        guard let source = arena.takeSource(slot) else {
            counters.unusableDatagrams &+= 1
            return
        }
        guard capture == nil else { return receiveCaptured(datagrams, from: source, at: now, observer) }
        for datagram in datagrams { receive(datagram, from: source, at: now, seenBy: nil, observer) }
    }

    /// The same for datagrams that are captured.
    @inline(never)
    private mutating func receiveCaptured(
        _ datagrams: ReceiveArena.Datagrams, from source: Endpoint, at now: Instant, _ observer: any NodeObserver
    ) {
        capture?.startReceiving()
        for datagram in datagrams { receive(datagram, from: source, at: now, seenBy: capture, observer) }
    }

    @inline(__always)
    private mutating func receive(
        _ datagram: Range<Int>, from source: Endpoint, at now: Instant, seenBy capture: PacketFeed?,
        _ observer: any NodeObserver
    ) {
        counters.datagramsReceived &+= 1
        counters.bytesReceived &+= UInt64(datagram.count)
        let disposition = Self.receive(
            datagram, from: source, of: &arena, at: now, by: &engine, into: &batch, for: &output, seenBy: capture)
        if disposition == .handled { counters.controlMessagesReceived &+= 1 }
        if output.isFull { flushOutput(at: now, observer) }
    }

    /// Gives a datagram to the engine, and its frame, if there is one for it, to what is to be written to the device. Returns what
    /// became of it.
    ///
    /// The parts of the runner are separate parameters, since the datagram borrows one of them meanwhile.
    @inline(__always)
    private static func receive(
        _ range: Range<Int>, from source: Endpoint, of arena: inout ReceiveArena, at now: Instant,
        by engine: inout NodeEngine, into batch: inout OutputBatch, for output: inout DeviceOutput,
        seenBy capture: PacketFeed?
    ) -> Reception.Disposition {
        var bytes = arena.bytes
        capture?.keep(bytes.span.extracting(range))
        var datagram = bytes._mutatingExtracting(range)
        let reception = engine.receive(&datagram, from: source, at: now, into: &batch)
        // Joining moves frames, so this comes before.
        capture?.take(bytes.span.extracting(range), reception, from: source)
        if reception.disposition == .deliver, let message = reception.packet?.message {
            let frame = range.lowerBound + message.lowerBound..<range.lowerBound + message.upperBound
            output.take(frame, in: &bytes)
        }
        return reception.disposition
    }

    /// Writes to the device what came for it.
    private mutating func flushOutput(at now: Instant, _ observer: any NodeObserver) {
        guard !output.isEmpty else { return }
        let outcome = Self.flush(&output, of: &arena, to: device)
        counters.deviceWrites &+= UInt64(outcome.writes)
        counters.framesWritten &+= UInt64(outcome.written)
        if outcome.written > 0, deviceIsDown { noteDevice(isDown: false, observer) }
        guard outcome.refused > 0, let code = outcome.code else { return }
        counters.deviceWriteErrors &+= UInt64(outcome.refused)
        engine.deviceRefused(frames: outcome.refused, at: now, into: &batch)
        if outcome.stoppedJoining {
            observer.observe(LinuxEvent.joiningRefused(device.name, SystemError("the device refused them", code: code)))
        }
        if code == EIO { noteDevice(isDown: true, observer) }
        if TunnelDevice.isLoss(code) {
            deviceLost(SystemError("cannot write to device '\(device.name)'", code: code), observer)
        }
    }

    private static func flush(
        _ output: inout DeviceOutput, of arena: inout ReceiveArena, to device: borrowing TunnelDevice
    ) -> DeviceOutput.Outcome {
        var bytes = arena.bytes
        return output.flush(&bytes, to: device)
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
