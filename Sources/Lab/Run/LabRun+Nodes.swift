import Glibc
import VPNNode
import VPNProtocol
import VPNSimulator

// The life of nodes.
extension LabRun {
    func start(_ number: Int) throws {
        let node = nodes[number]
        guard node.process == nil else { return }
        let plan = scenario.nodes[judge.members[number].plan]
        let statistics = node.implementation.hasStatistics ? statisticsPath(node) : nil
        // What an earlier life left there would be taken for this one's.
        unsafe unlink(statisticsPath(node))
        let settings = NodeSettings(
            member: judge.members[number], plan: plan, clock: clock, statisticsFile: statistics)
        let arguments = try node.implementation.arguments(for: settings.values)
        let program =
            switch node.implementation.program {
            case .own: options.program
            case .other(let path): path
            }
        let pipe = try Pipe()
        defer { close(pipe.writer) }
        _ = fcntl(pipe.reader, F_SETFL, O_NONBLOCK)
        do {
            node.process = try LabProcess(
                program, arguments, network: world.nodes[number].name, environment: node.implementation.environment,
                isNode: true, output: pipe.writer)
        } catch {
            close(pipe.reader)
            throw error
        }
        node.output = pipe.reader
        node.deadline = monotonicTime() + UInt64(clamping: node.implementation.startTime.nanoseconds)
        node.lastPicture = now
        tell("\(node.name) starts: \(program) \(arguments.joined(separator: " "))")
    }

    private func statisticsPath(_ node: LabNode) -> String { "\(options.folder)/\(node.name).stats" }

    func tell(_ line: @autoclosure () -> String) {
        guard let tell = options.line else { return }
        let milliseconds = now.nanoseconds / 1_000_000
        let digits = String(milliseconds % 1000 + 1000).dropFirst()
        tell("\(milliseconds / 1000).\(digits) s  \(line())")
    }

    /// Ends a node without a word.
    func kill(_ node: LabNode) {
        node.process?.kill()
        if node.view != nil { judge.ended(node.number, .killed, at: refresh()) }
        if node.isSuspended { try? world.setAsleep(node.number, false) }
        tell("\(node.name) is killed")
        forget(node)
    }

    private func forget(_ node: LabNode) {
        if let id = node.view?.id { formerIDs.append(id) }
        node.forget()
    }

    /// Lets a node end in good order. It is over when its process is.
    func stop(_ node: LabNode) {
        guard let process = node.process else { return }
        if node.isSuspended { wake(node) }
        node.isStopping = true
        node.deadline = monotonicTime() + UInt64(clamping: node.implementation.stopTime.nanoseconds)
        process.signal(node.implementation.stopSignal)
        tell("\(node.name) is told to stop")
    }

    func suspend(_ node: LabNode) throws {
        guard let process = node.process, !node.isSuspended else { return }
        node.isSuspended = true
        try world.setAsleep(node.number, true)
        process.signal(SIGSTOP)
        judge.befell(node.number, "falls asleep", at: refresh())
        tell("\(node.name) falls asleep")
    }

    func wake(_ node: LabNode) {
        guard node.isSuspended, let process = node.process else { return }
        node.isSuspended = false
        try? world.setAsleep(node.number, false)
        process.signal(SIGCONT)
        judge.befell(node.number, "wakes up", at: refresh())
        tell("\(node.name) wakes up")
    }

    /// Notes the end of a process, which is a fault unless the scenario wants it.
    func noteEnd(of node: LabNode, at time: UInt64) {
        guard let process = node.process else { return }
        guard let ending = process.poll() else {
            guard let deadline = node.deadline, time > deadline else { return }
            if node.isStopping {
                problem = "\(node.name) does not end though it was told to"
            } else {
                problem = "\(node.name) is not up after \(node.implementation.startTime)"
            }
            return
        }
        readLog(of: node)
        if !node.isStopping {
            problem = "\(node.name), which was to run on, \(ending)"
        } else if !node.implementation.endsWell(ending) {
            problem = "\(node.name), which was told to stop, \(ending)"
        }
        readDevice(of: node)
        if node.view != nil { judge.ended(node.number, .stopped, at: refresh()) }
        tell("\(node.name) \(ending)")
        forget(node)
        // It may have been started anew while this process took its time.
        if restarts[node.number].map({ $0 <= now }) == true {
            restarts[node.number] = nil
            do { try start(node.number) } catch { problem = "\(error)" }
        }
    }

    /// Makes the device of a node ready once it is there.
    func attachDevice(of node: LabNode) throws {
        guard node.device == nil, node.process != nil else { return }
        let network = world.nodes[node.number]
        guard
            let socket = try PacketSocket(
                network.name, NodeSettings.device, hasLinkLayer: node.deviceType == .tap)
        else { return }
        // No packets of the system itself; and room for the longest frame.
        network.setIfThere("ipv6/conf/\(NodeSettings.device)/disable_ipv6", 1)
        try network.ip([
            "link set \(NodeSettings.device) mtu \(min(65_500, max(1500, judge.longestFrame))) up"
        ])
        node.device = socket
        if case .device = node.implementation.sign { node.deadline = nil }
    }

    /// Notes that a node runs under an id.
    func noteStart(of node: LabNode, as id: NodeID) {
        guard node.view == nil else { return }
        let view = NodeView(id: id)
        node.view = view
        if !node.isStopping, node.hasOwnLog { node.deadline = nil }
        judge.started(node.number, view, at: refresh())
        let waiting = unknown
        unknown.removeAll()
        for (number, id, event) in waiting where nodes[number].view != nil { note(event, about: id, of: nodes[number]) }
    }

    /// The node that has an id, or had it, by its first digits.
    private func id(beginningWith digits: String) -> NodeID? { ids.first { $0.short == digits } }

    private var ids: [NodeID] { nodes.compactMap { $0.view?.id } + formerIDs }

    func note(_ event: LogEvent, about digits: String, of node: LabNode) {
        guard let id = id(beginningWith: digits) else {
            // As many as any network of the lab could have at a time.
            if unknown.count < 4096 { unknown.append((node.number, digits, event)) }
            return
        }
        switch event {
        case .started: return
        case .joined(_, let endpoint):
            judge.happened(.peerJoined(id, endpoint, claims: 0), in: node.number, at: refresh())
        case .lost(_, let endpoint, let loss):
            judge.happened(.peerLost(id, endpoint, loss), in: node.number, at: refresh())
        }
    }
}
