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
        if isDaemon { InheritedDescriptors.closeAll() } else { InheritedDescriptors.keepFromCommands() }
        try checkStatisticsPath()
        let account = try account()
        blockSignals()
        let capture = try plan.capture.map { plan throws(Failure) in
            try CaptureSetUp(plan, self.plan.deviceType, isDaemon: isDaemon)
        }
        // A second start by mistake ends here, before it empties the log of the node that runs.
        var pidFile = try pidFile()
        let sockets = try DatagramSockets(port: plan.network.port, wantsRuns: plan.offload)
        try openLog(as: account)
        try capture?.prepare(as: account)
        let recording = try openRecording(as: account)
        log.info("vpncloud \(Version.number); \(plan.provider.summary); processor: \(Version.processor)")
        for warning in plan.warnings { log.warning("\(warning)") }
        if account == nil { try tryStatistics() }
        let device = try TunnelDevice(
            plan.deviceType, name: plan.deviceName, path: plan.devicePath, wantsOffload: plan.offload)
        log.info("created the \(plan.deviceType.rawValue) device \(device.name)")
        let commands = DeviceCommands(plan, device: device.name, log: log)
        commands.configure()
        do {
            if let account {
                try account.assume()
                log.info("continuing as \(account.description)")
                try tryStatistics()
            }
            guard isDaemon else { return try run(device, sockets, commands, capture, recording) {} }
            try runInBackground(device, sockets, commands, capture, recording, &pidFile)
        } catch {
            commands.undo()
            throw error
        }
    }

    private func runInBackground(
        _ device: consuming TunnelDevice, _ sockets: consuming DatagramSockets, _ commands: DeviceCommands,
        _ capture: CaptureSetUp?, _ recording: RecordingFile?, _ pidFile: inout PIDFile?
    ) throws {
        switch try Background.enter() {
        case .foreground(let word):
            // One that was ended from outside has left it all to this process.
            if case .ended = word {} else { commands.leave() }
            if case .ready = word { pidFile?.leave() }
            try tell(word)
        case .background(let readiness):
            var duty = Optional(readiness)
            do {
                try run(device, sockets, commands, capture, recording) {
                    if pidFile != nil { try pidFile?.write() }
                    if let readiness = duty.take() { readiness.ready() }
                }
            } catch {
                commands.undo()
                // Before it is ready, the other process tells the user; after that, only the log can.
                guard let readiness = duty.take() else { throw error }
                let failure = Failure(error)
                readiness.failed(failure.lines.joined(separator: "\n"))
                throw Failure(lines: [], status: failure.status)
            }
        }
    }

    /// Makes the node and runs it. `begin` is called once nothing more can fail.
    private func run(
        _ device: consuming TunnelDevice, _ sockets: consuming DatagramSockets, _ commands: DeviceCommands,
        _ captureSetUp: CaptureSetUp?, _ recordingFile: RecordingFile?, begin: () throws -> Void
    ) throws {
        var options = RunnerOptions()
        let statistics = plan.statsFile.map(StatisticsFile.init)
        let interval = TestVariables.statisticsInterval ?? StatisticsFile.interval
        options.statisticsInterval = statistics == nil ? nil : interval
        var configuration = plan.network.configuration(
            plan.deviceType, seal: try plan.seal(), reportsMessages: log.logLevel <= .trace)
        if let lease = TestVariables.portLease { configuration.portLease = lease }
        let capture = try captureSetUp?.begin(configuration.seal, port: sockets.port, log: log)
        // The last that the node does is in it, and what is told of it comes after all else.
        defer { capture?.finish() }
        options.capture = capture?.feed
        options.capturePatience = LiveCapture.patience
        options.recording = try recordingFile.map { try record(to: $0) }
        // Where the node does not end by itself, its recording does.
        defer { options.recording?.finish() }
        var runner = try NodeRunner(
            configuration, seed: Self.seed(), device: device, sockets: sockets, options: options)
        let reporter = NodeReporter(
            log: log, statistics: statistics, capture: capture, recording: options.recording)
        // Whoever waits for the background process finds the file.
        runner.tellStatistics(reporter)
        let ending: Ending
        do {
            try begin()
            StartMemory.giveBack()
            ending = try runner.run(reporter)
        } catch {
            commands.undo()
            log.info("node \(runner.id) ended")
            throw error
        }
        commands.undo()
        // The device is there up to here.
        log.info("node \(runner.id) ended")
        if case .deviceLost(let error) = ending { throw error }
    }
}
