import Glibc
import Logging
import VPNLinuxIO
import VPNNode
import VPNProtocol

/// Carries out a plan: sets up, runs the node, and cleans up, in the order that the manual gives.
struct Session {
    let plan: RunPlan
    let isDaemon: Bool
    let output = ProgramLog()
    let log: Logger

    init(_ plan: RunPlan, isDaemon: Bool, level: Logger.Level) {
        self.plan = plan
        self.isDaemon = isDaemon
        log = output.logger(level: level)
    }

    /// Runs until a signal ends the node.
    func run() throws(Failure) {
        defer { output.finish() }
        do {
            try carryOut()
        } catch {
            let failure = Failure(error)
            for line in failure.lines { output.noteInFile(LogLine(level: .error, text: line)) }
            throw failure
        }
    }

    private func carryOut() throws {
        let account = try account()
        blockSignals()
        try openLog()
        log.info("vpncloud \(Version.number); \(cryptoProvider); processor: \(Version.processor)")
        for warning in plan.warnings { log.warning("\(warning)") }
        var pidFile = try pidFile()
        let device = try TunnelDevice(plan.deviceType, name: plan.deviceName, path: plan.devicePath)
        log.info("created the \(plan.deviceType.rawValue) device \(device.name)")
        let sockets = try DatagramSockets(port: plan.network.port)
        if let ifup = plan.ifup { run(hook: ifup, named: "ifup", on: device.name) }
        if let account {
            try account.assume()
            log.info("continuing as \(account.description)")
        }
        let statistics = try statisticsFile()
        guard isDaemon else { return try run(device, sockets, statistics) {} }
        switch try Background.enter() {
        case .foreground(let word): try tell(word)
        case .background(let readiness):
            var duty = Optional(readiness)
            do {
                try run(device, sockets, statistics) {
                    if pidFile != nil { try pidFile?.write() }
                    if let readiness = duty.take() { readiness.ready() }
                }
            } catch {
                // Before it is ready, the other process tells the user; after that, only the log can.
                if let readiness = duty.take() { readiness.failed(Failure(error).lines.joined(separator: "\n")) }
                throw error
            }
        }
    }

    /// Makes the node and runs it. `begin` is called once nothing more can fail.
    private func run(
        _ device: consuming TunnelDevice, _ sockets: consuming DatagramSockets, _ statistics: StatisticsFile?,
        begin: () throws -> Void
    ) throws {
        let name = device.name
        var options = RunnerOptions()
        let interval = TestVariables.statisticsInterval ?? StatisticsFile.interval
        options.statisticsInterval = statistics == nil ? nil : interval
        var configuration = plan.network.configuration(
            plan.deviceType, seal: try plan.seal(), reportsMessages: log.logLevel <= .trace)
        if let lease = TestVariables.portLease { configuration.portLease = lease }
        var runner = try NodeRunner(
            configuration, seed: Self.seed(), device: device, sockets: sockets, options: options)
        try begin()
        let reporter = NodeReporter(log: log, statistics: statistics)
        let ending = try runner.run(reporter)
        if let ifdown = plan.ifdown { run(hook: ifdown, named: "ifdown", on: name) }
        // The device is there up to here.
        log.info("node \(runner.id) ended")
        if case .deviceLost(let error) = ending { throw error }
    }
}
