import CAllocations
import Dispatch
import Glibc
import Synchronization
import VPNNode
import VPNProtocol

@testable import VPNLinuxIO

/// Keeps what a node tells.
final class Witness: NodeObserver, Sendable {
    struct Story: Sendable {
        var start: NodeStart?
        var events: [Event] = []
        var occurrences: [LinuxEvent] = []
        var snapshots: [Snapshot] = []
    }

    struct Snapshot: Sendable {
        var statistics: NodeStatistics
        var io: IOCounters
        /// How often the thread of the loop had allocated memory.
        var allocations: UInt64
    }

    private let state = Mutex(Story())
    var story: Story { state.withLock { $0 } }

    func started(_ start: NodeStart) { state.withLock { $0.start = start } }
    func observe(_ events: [Event], at now: VPNNode.Instant) { state.withLock { $0.events += events } }
    func observe(_ event: LinuxEvent) { state.withLock { $0.occurrences.append(event) } }
    func snapshot(_ statistics: NodeStatistics, io: IOCounters, offload: OffloadInUse, uptime: Duration) {
        let snapshot = Snapshot(statistics: statistics, io: io, allocations: allocations_of_this_thread())
        state.withLock { $0.snapshots.append(snapshot) }
    }
}

/// A node that runs on a thread of its own, with its sockets in one network namespace and its device in another.
final class LiveNode: Sendable {
    let witness = Witness()
    let inside: Namespace
    let endpoint: Endpoint
    let device: String
    private let stopper: Stopper
    private let thread: pthread_t
    private let end: End

    private final class End: Sendable {
        let ending = Mutex<Swift.Result<Ending, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
    }

    /// Starts a node whose device has an address in 10.0.0.0/24 and, for IPv6, in fd00::/64.
    init(
        host: UInt8, type: DeviceType = .tun, outside: Namespace, family: AddressFamily = .ipv4,
        options: RunnerOptions = LiveNode.options, configure: @Sendable (inout NodeConfiguration) throws -> Void
    ) throws {
        let inside = try Namespace()
        var configuration = NodeConfiguration(seal: PacketSeal(unencrypted: .standard))
        configuration.deviceType = type
        if type == .tun { configuration.subnets = [try Subnet(parsing: "10.0.0.\(host)/32")] }
        try configure(&configuration)
        let (witness, end, started) = (self.witness, End(), DispatchSemaphore(value: 0))
        let facts = Mutex<(UInt16, Stopper, pthread_t)?>(nil)
        let device = "node\(host)"
        self.device = device
        let wanted = configuration
        try outside.run {
            let tunnel = try TunnelDevice(type, name: device)
            try shell("ip link set \(device) netns \(inside.number)")
            try inside.run {
                try shell(
                    "ip addr add 10.0.0.\(host)/24 dev \(device) && ip addr add fd00::\(host)/64 dev \(device) nodad")
                try shell("ip link set \(device) mtu 1400 up")
            }
            let sockets = try DatagramSockets(port: 0)
            let port = sockets.port
            let seed = Seed(UInt64(host), 2, 3, UInt64(port))
            // The runner is made on the thread that runs it, since that is the one whose signals it blocks.
            let parts = Parts(device: tunnel, sockets: sockets)
            detach {
                let result = Swift.Result {
                    var runner = try parts.runner(wanted, seed, options)
                    facts.withLock { $0 = (port, runner.stopper, pthread_self()) }
                    started.signal()
                    return try runner.run(witness)
                }
                end.ending.withLock { $0 = result }
                end.done.signal()
                started.signal()
            }
        }
        started.wait()
        guard let (port, stopper, thread) = facts.withLock({ $0 }) else {
            throw TestFailure("the node did not start: \(String(describing: end.ending.withLock { $0 }))")
        }
        endpoint = Endpoint(family == .ipv4 ? IPAddress(127, 0, 0, 1) : IPAddress(bits: 1), port: port)
        (self.inside, self.stopper, self.thread, self.end) = (inside, stopper, thread, end)
    }

    deinit { stopper.stop() }

    /// A node that statistics are taken of, and that leaves the signals of the tests alone.
    static var options: RunnerOptions {
        var options = RunnerOptions()
        options.endsOnSignals = false
        return options
    }

    /// Ends the node and tells how it ended.
    func stop() throws -> Ending {
        stopper.stop()
        return try ending()
    }

    /// Sends a signal to the node's thread.
    func signal(_ number: Int32) { pthread_kill(thread, number) }

    /// Waits for the end.
    func ending() throws -> Ending {
        guard end.done.wait(timeout: .now() + 10) == .success, let ending = end.ending.withLock({ $0 }) else {
            throw TestFailure("the node goes on")
        }
        end.done.signal()
        return try ending.get()
    }

    /// Waits until the node has told something.
    func wait(_ what: String, for condition: (Witness.Story) -> Bool) throws {
        do {
            try eventually(what) { condition(witness.story) }
        } catch {
            throw TestFailure("\(error); it told: \(witness.story.events), \(witness.story.occurrences)")
        }
    }

    func waitForPeer() throws {
        try wait("a peer") { story in
            story.events.contains { if case .peerJoined = $0 { true } else { false } }
        }
    }

    /// Sends pings from inside to another node, all of which must come back.
    func ping(_ host: String, options: String = "-c 3 -i 0.02 -W 2 -s 1300") throws {
        try inside.run { try shell("ping -q \(options) \(host) > /dev/null") }
    }
}

/// Takes a device and sockets over to another thread.
private final class Parts: @unchecked Sendable {
    // Sendable: made by one thread and emptied once, by the thread that is started after that.
    private var device: TunnelDevice?
    private var sockets: DatagramSockets?

    init(device: consuming TunnelDevice, sockets: consuming DatagramSockets) {
        self.device = consume device
        self.sockets = consume sockets
    }

    func runner(_ configuration: NodeConfiguration, _ seed: Seed, _ options: RunnerOptions) throws -> NodeRunner {
        guard let device = device.take(), let sockets = sockets.take() else { throw TestFailure("already taken") }
        return try NodeRunner(configuration, seed: seed, device: device, sockets: sockets, options: options)
    }
}

/// Takes sockets over from the thread of a namespace.
final class Box: @unchecked Sendable {
    // Sendable: filled by one thread and emptied once, by the thread that waited for that.
    private var sockets: DatagramSockets?

    init(_ sockets: consuming DatagramSockets) { self.sockets = consume sockets }

    func take() throws -> DatagramSockets {
        guard let sockets = sockets.take() else { throw TestFailure("already taken") }
        return sockets
    }
}
