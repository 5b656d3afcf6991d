import Glibc
public import VPNNode
public import VPNProtocol

/// How a node is run.
public struct RunnerOptions: Sendable {
    /// How often ``NodeObserver/snapshot(_:io:offload:uptime:)`` is called; nil for at the end only.
    public var statisticsInterval: Duration?
    /// Whether SIGINT, SIGTERM, SIGQUIT and SIGHUP end the node.
    public var endsOnSignals = true
    /// How long the end of the node waits for the router to take back its port.
    public var routerPatience: Duration = .seconds(2)
    /// What gets to see every packet; nil for nothing.
    package var capture: PacketFeed?
    /// How long the end of the node waits until all that was captured is written.
    package var capturePatience: Duration = .seconds(2)
    /// What gets a recording of all that the node is told; nil for nothing.
    package var recording: RecordingWriter?

    /// How names are looked up and routers found. Tests put something else in their place.
    var lookUp: @Sendable (PeerName) -> Resolution = { NameResolver.lookUp($0) }
    var findRouter: @Sendable () -> Router? = { Router.find() }

    /// No statistics, ends on signals.
    public init() {}
}

/// Why a node ended. Its peers were told.
public enum Ending: Hashable, Sendable {
    /// A signal.
    case signal(Int32)
    /// The device does not exist any more.
    case deviceLost(SystemError)
    /// ``Stopper/stop()``.
    case stopped
}

/// Ends a node from another thread.
public final class Stopper: Sendable {
    let signal: Descriptor

    init() throws(SystemError) { signal = try Descriptor.wakeUp() }

    /// Makes ``NodeRunner/run(_:)`` tell the peers and return.
    public func stop() { signal.wake() }
}

/// A node on this machine: the engine, its device and its sockets, and the one loop that connects them.
public struct NodeRunner: ~Copyable {
    var engine: NodeEngine
    var batch: OutputBatch
    let device: TunnelDevice
    let sockets: DatagramSockets
    var arena = ReceiveArena()
    var input = DeviceInput()
    var output: DeviceOutput
    var transmitter: Transmitter
    let poller: Poller
    let clock: BootClock
    var timer: BootClock.Timer
    let signals: TerminationSignals
    let mailbox: Mailbox<Answer>
    let resolver: NameResolver
    let forwarder: PortForwarder
    let options: RunnerOptions
    /// That of the options. Where there is none, that costs a branch for each batch of packets.
    let capture: PacketFeed?

    var counters = IOCounters()
    var pauses = Pauses()
    var pace = ReadPace()
    var nextSnapshot: Instant?
    var deviceIsDown = false
    var ending: Ending?

    /// Ends the node from another thread.
    public let stopper: Stopper

    /// What other threads have for the loop.
    enum Answer: Sendable {
        case resolution(PeerName, Resolution)
        case forwarding(PortForwardingOutcome)
    }

    /// A node that has done nothing yet. Signals that end it are blocked from now on, until it is gone.
    ///
    /// - Throws: ``SystemError``, or `ConfigurationError` where the engine cannot work with the configuration.
    public init(
        _ configuration: NodeConfiguration, seed: Seed, device: consuming TunnelDevice,
        sockets: consuming DatagramSockets, options: RunnerOptions = RunnerOptions()
    ) throws {
        // Whatever can fail comes first.
        let clock = BootClock()
        let timer = try clock.timer()
        let poller = try Poller()
        let signals = try TerminationSignals(wanted: options.endsOnSignals)
        let mailbox = try Mailbox<Answer>()
        let recorder = options.recording.map { writer in
            InputRecorder(program: writer.program, timeOfDay: nanosecondsSince1970()) { records in
                writer.put(records)
            }
        }
        let engine = try NodeEngine(configuration, seed: seed, startingAt: clock.now(), recorder: recorder)
        let stopper = try Stopper()
        let forwarder = try PortForwarder(find: options.findRouter) { outcome in mailbox.put(.forwarding(outcome)) }
        self.stopper = stopper
        self.forwarder = forwarder
        resolver = NameResolver(lookUp: options.lookUp) { name, resolution in
            mailbox.put(.resolution(name, resolution))
        }
        self.clock = clock
        self.timer = consume timer
        self.poller = consume poller
        self.signals = consume signals
        self.mailbox = mailbox
        self.engine = consume engine
        let gapBytes = configuration.seal.headBytes + configuration.seal.tailBytes
        batch = OutputBatch(
            for: configuration.seal, capacity: Self.bytesPerRound + DeviceInput.room(gapBytes: gapBytes))
        output = DeviceOutput(for: device)
        transmitter = Transmitter(sendsRuns: sockets.sendsRuns)
        self.device = device
        self.sockets = sockets
        self.options = options
        capture = options.capture
    }

    /// The id of the node.
    public var id: NodeID { engine.id }

    /// Runs the node until a signal comes, the device is lost, or ``stopper`` is used. Then the peers are told, the
    /// router gets its port back, and this returns. Errors of packets do not end it; they are counted.
    ///
    /// The device exists as long as the runner does, so that a command of `--ifdown` finds it. The signals are blocked as
    /// long.
    ///
    /// - Throws: where the system refuses what the loop is made of (epoll).
    public mutating func run(_ observer: any NodeObserver) throws(SystemError) -> Ending {
        try watch()
        observer.started(
            NodeStart(
                id: engine.id, device: device.name, deviceType: device.type, families: sockets.families,
                port: sockets.port, bufferBytes: sockets.grantedBufferBytes, offload: offload))
        var now = clock.now()
        nextSnapshot = options.statisticsInterval.map { _ in now }
        engine.advance(to: now, into: &batch)
        finishRound(at: now, observer)
        while ending == nil {
            timer.arm(at: nextWake)
            let count = try poller.wait()
            now = clock.now()
            counters.rounds &+= 1
            for index in 0..<count {
                if let wake = poller.wake(index) { handle(wake, at: now, observer) }
            }
            handleTime(now, observer)
            finishRound(at: now, observer)
        }
        return shutDown(observer)
    }

    /// Tells how the node is, before it runs.
    public func tellStatistics(_ observer: any NodeObserver) {
        observer.snapshot(engine.statistics(), io: counters, offload: offload, uptime: clock.now() - .zero)
    }

    private func watch() throws(SystemError) {
        try poller.add(timer.descriptor.number, as: .timer)
        try poller.add(stopper.signal.number, as: .stop)
        try poller.add(mailbox.signal.number, as: .mailbox)
        if options.endsOnSignals { try poller.add(signals.descriptor.number, as: .signals) }
        if let ipv4 = sockets.number(.ipv4) { try poller.add(ipv4, as: .ipv4) }
        if let ipv6 = sockets.number(.ipv6) { try poller.add(ipv6, as: .ipv6) }
        try poller.add(device.descriptor.number, as: .device)
    }

    /// What is exchanged with the kernel in one piece, at present.
    var offload: OffloadInUse {
        var offload = OffloadInUse()
        offload.device = output.offload
        offload.receivesRuns = sockets.receivesRuns
        offload.sendsRuns = AddressFamily.allCases.map { sockets.has($0) && transmitter.runs($0).isSupported }
        return offload
    }

    private var nextWake: Instant? {
        earlier(engine.nextDeadline, earlier(nextSnapshot, pauses.next))
    }

    private mutating func handle(_ wake: Poller.Wake, at now: Instant, _ observer: any NodeObserver) {
        switch wake.source {
        case .device: readDevice(hasError: wake.hasError, at: now, observer)
        case .ipv4: readSocket(.ipv4, hasError: wake.hasError, at: now, observer)
        case .ipv6: readSocket(.ipv6, hasError: wake.hasError, at: now, observer)
        case .timer: timer.fired()
        case .mailbox: readMailbox(at: now, observer)
        case .stop:
            stopper.signal.drain()
            ending = ending ?? .stopped
        case .signals:
            guard let signal = signals.take() else { return }
            observer.observe(LinuxEvent.signal(signal))
            ending = ending ?? .signal(signal)
        }
    }

    private mutating func handleTime(_ now: Instant, _ observer: any NodeObserver) {
        if let deadline = engine.nextDeadline, deadline <= now { engine.advance(to: now, into: &batch) }
        resume(at: now)
        if let due = nextSnapshot, due <= now, let interval = options.statisticsInterval {
            observer.snapshot(engine.statistics(), io: counters, offload: offload, uptime: now - .zero)
            // One that was missed, with the machine asleep, is not made up for.
            let next = due + interval
            nextSnapshot = next > now ? next : now + interval
        }
    }

    private mutating func shutDown(_ observer: any NodeObserver) -> Ending {
        let now = clock.now()
        let statistics = engine.statistics()
        engine.shutDown(at: now, into: &batch)
        finishRound(at: now, observer)
        forwarder.finish(within: options.routerPatience)
        readMailbox(at: now, observer)
        finishRound(at: now, observer)
        capture?.finish(within: options.capturePatience)
        options.recording?.finish()
        observer.snapshot(statistics, io: counters, offload: offload, uptime: clock.now() - .zero)
        return ending ?? .stopped
    }
}
