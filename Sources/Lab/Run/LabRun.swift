import Glibc
import VPNNode
import VPNProtocol
package import VPNSimulator

/// One run of a scenario on the kernel: builds the networks, starts the nodes, lets happen what is to happen, and judges.
///
/// The process that runs it is the first of its namespaces (``Isolation``): with it ends all that it started.
package final class LabRun {
    /// What happens next, besides what nodes do of themselves.
    enum Occasion {
        case start(Int)
        case event(PlannedEvent.Action)
        case restart(Int)
        case resume(Int)
        case frame(WorldJudge.DueFrame)
    }

    struct Planned {
        let time: Instant
        let number: Int
        let occasion: Occasion
    }

    let scenario: Scenario
    let options: LabOptions
    let judge: WorldJudge
    let world: LabWorld
    let nodes: [LabNode]
    var clock: LabClock
    let shortfalls: [Shortfall]
    private let file: String?
    private let signals: StopSignals
    private var plans: [Planned] = []
    private var planned = 0
    var resumptions: [Instant?]
    var restarts: [Instant?]
    /// Events of nodes about ids that nobody is known to have yet.
    var unknown: [(node: Int, id: String, event: LogEvent)] = []
    /// The ids of nodes that are no more; as many as lives were ended.
    var formerIDs: [NodeID] = []
    /// The statistics of each node as they were read last.
    var lastPictures: [[UInt8]]
    /// What kept the run from its end.
    var problem: String?
    /// By how much what was planned happened too late, at most, in nanoseconds of true time.
    private var lateness: UInt64 = 0
    private var nextPicture: UInt64 = 0
    /// How far the run is.
    private(set) var now: Instant = .zero

    /// How often nodes' statistics are looked at, in nanoseconds.
    private static let pictureInterval: UInt64 = 20_000_000
    /// What is said nothing of: starting a process takes some milliseconds.
    private static let notableLateness: UInt64 = 100_000_000
    /// How long what was sent at the end may take to arrive, and to be counted.
    private static let graceTime: UInt64 = 250_000_000

    package init(_ scenario: Scenario, file: String?, _ options: LabOptions) throws {
        self.scenario = scenario
        self.file = file
        self.options = options
        let clock = LabClock(scale: scenario.labScale ?? 1000, start: monotonicTime())
        self.clock = clock
        signals = try StopSignals()
        let place = Place()
        let judge = try WorldJudge(scenario) { place.world?.topology.networkName(of: $0) }
        self.judge = judge
        guard judge.members.count <= LabWorld.maximumNodes, scenario.networks.count <= LabWorld.maximumNetworks else {
            throw LabError(
                "the lab has room for \(LabWorld.maximumNodes) nodes and \(LabWorld.maximumNetworks) networks; the scenario has \(judge.members.count) and \(scenario.networks.count)"
            )
        }
        let probe = LabNamespace(name: "vpnlab-probe", folder: options.folder)
        try runCommand("ip", ["netns", "add", probe.name])
        let kernel = KernelFeatures(probing: probe)
        try runCommand("ip", ["netns", "del", probe.name])
        world = try LabWorld(
            scenario, members: judge.members, clock: clock, kernel: kernel, folder: options.folder,
            expand: { (try? judge.numbers(of: $0)) ?? [] })
        place.world = world
        nodes = judge.members.enumerated().map { number, member in
            LabNode(
                number: number, name: member.name, options.implementations[member.plan],
                member.configuration.deviceType, port: member.configuration.port)
        }
        resumptions = Array(repeating: nil, count: nodes.count)
        restarts = resumptions
        lastPictures = Array(repeating: [], count: nodes.count)
        var shortfalls = scenario.shortfalls(on: kernel, nodes: judge.members, scale: clock.scale)
        if let refusal = try scenario.refusal(by: options.implementations) {
            shortfalls.append(Shortfall(reach: .everything, text: refusal))
        }
        self.shortfalls = shortfalls
    }

    /// Where an address is, once there is a world.
    private final class Place {
        weak var world: LabWorld?
    }

    func plan(_ occasion: Occasion, at time: Instant) {
        let item = Planned(time: time, number: planned, occasion: occasion)
        planned += 1
        // After all that are not later, from the end, where most belong.
        var place = plans.count
        while place > 0, plans[place - 1].time > time { place -= 1 }
        plans.insert(item, at: place)
    }

    private func planAll() {
        for (number, member) in judge.members.enumerated() {
            plan(.start(number), at: .zero + scenario.nodes[member.plan].start)
        }
        for event in scenario.events { plan(.event(event.action), at: .zero + event.time) }
        for frame in judge.firstFrames { plan(.frame(frame), at: frame.time) }
    }
}

extension LabRun {
    /// Plays the scenario. What keeps it from its end is in the report.
    package func play() throws -> ScenarioReport {
        if !shortfalls.contains(where: { $0.reach == .everything }) {
            do {
                try world.build()
                try openWires()
                planAll()
                clock = LabClock(scale: clock.scale, start: monotonicTime())
                try loop()
            } catch {
                problem = problem ?? "\(error)"
            }
        }
        var report = try judge.finish(file: file) { claim, _ in
            claim.reasonForNoJudgement(self.shortfalls, scale: self.clock.scale) { name in
                let numbers = (try? self.judge.numbers(of: name)) ?? []
                return numbers.allSatisfy { !self.lastPictures[$0].isEmpty }
            }
        }
        report.world = .lab
        report.notes = shortfalls.map(\.text)
        if lateness > Self.notableLateness {
            let late = "what was planned happened up to \(lateness / 1_000_000) ms late"
            report.notes.append("load: this machine has too much to do; \(late)")
        }
        for node in nodes {
            for (count, what) in [
                (node.missedPackets(), "packets went by too fast to be looked at"),
                (node.refusedFrames, "frames that its device did not take count as sent"),
                (node.cutLines, "lines of its output were longer than 64 KiB and are not whole"),
            ] where count > 0 { report.notes.append("\(node.name): \(count) \(what)") }
        }
        report.problem = problem
        for node in nodes where problem != nil && !node.recentLines.isEmpty {
            report.problem? += "\n  \(node.name): \(node.recentLines.suffix(3).joined(separator: "\n    "))"
        }
        if options.keeps { waitForSignal() }
        for node in nodes { node.process?.kill() }
        return report
    }

    private func openWires() throws {
        for node in nodes { node.wire = try PacketSocket(world.nodes[node.number].name, "eth0", hasLinkLayer: true) }
    }

    private func waitForSignal() {
        options.line?("the lab stays until a signal comes (Ctrl-C)")
        while !signals.hasCome { waitForInput([signals.descriptor], milliseconds: 1000) }
    }

    private func loop() throws {
        while problem == nil {
            let time = monotonicTime()
            let instant = clock.instant(at: time)
            if instant >= judge.end { break }
            step(to: instant)
            try observe(at: time)
            try performDue()
            guard !signals.hasCome else { throw LabError("a signal ended it") }
            wait()
        }
        guard problem == nil else { return }
        step(to: judge.end)
        // What is on its way arrives, what was counted is told, and who was told to stop does, or is found not to.
        let last = monotonicTime() + Self.graceTime
        while monotonicTime() < last || problem == nil && nodes.contains(where: \.isStopping) {
            try observe(at: monotonicTime())
            wait(untilPlanned: false)
        }
    }

    /// Lets the time go on, up to the end.
    private func step(to instant: Instant) {
        guard instant > now else { return }
        now = min(instant, judge.end)
        judge.advance(to: now)
    }

    /// The present time, after what took some.
    func refresh() -> Instant {
        step(to: clock.instant(at: monotonicTime()))
        return now
    }

    private func performDue() throws {
        while let next = plans.first, next.time <= refresh(), now < judge.end {
            plans.removeFirst()
            let (due, time) = (clock.time(of: next.time), monotonicTime())
            if time > due { lateness = max(lateness, time - due) }
            try perform(next.occasion)
        }
    }

    private func wait(untilPlanned: Bool = true) {
        let time = monotonicTime()
        var until = nextPicture
        if untilPlanned, let next = plans.first { until = min(until, clock.time(of: next.time)) }
        until = min(until, clock.time(of: judge.end))
        for node in nodes where node.process != nil && (node.device == nil || node.isStopping) {
            until = min(until, time + 2_000_000)
        }
        let milliseconds = until > time ? Int32(clamping: (until - time + 999_999) / 1_000_000) : 0
        var descriptors = [signals.descriptor]
        for node in nodes {
            if node.output >= 0 { descriptors.append(node.output) }
            if let device = node.device { descriptors.append(device.descriptor) }
            if let wire = node.wire { descriptors.append(wire.descriptor) }
        }
        waitForInput(descriptors, milliseconds: untilPlanned ? milliseconds : 5)
    }

    /// Looks at everything that nodes did.
    private func observe(at time: UInt64) throws {
        let readsPictures = time >= nextPicture
        if readsPictures { nextPicture = time + Self.pictureInterval }
        for node in nodes {
            if node.process != nil {
                readLog(of: node)
                if readsPictures { readPicture(of: node) }
                try attachDevice(of: node)
            }
            readWire(of: node)
            readDevice(of: node)
            noteEnd(of: node, at: time)
        }
    }
}
