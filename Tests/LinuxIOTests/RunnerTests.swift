import Dispatch
import Glibc
import Testing
import VPNNode
import VPNProtocol

@testable import VPNLinuxIO

@Suite("A running node", .enabled(if: Machine.hasDevices, "needs root and /dev/net/tun"))
struct RunnerTests {
    @Test("joins two machines", arguments: DeviceType.allCases, AddressFamily.allCases)
    func joins(type: DeviceType, family: AddressFamily) async throws {
        try await onThread {
            let key = SecretKey([UInt8](repeating: 7, count: 32).span)
            let seal = try PacketSeal(magic: .standard, method: .chacha20, key: key)
            let (a, b) = try pair(type, family) { $0.seal = seal }
            #expect(a.witness.story.start?.device == "node1")
            #expect(a.witness.story.start?.port == a.endpoint.port)
            try a.ping("10.0.0.2")
            try b.ping("10.0.0.1")
            #expect(try b.stop() == .stopped)
            // Told, not timed out.
            try a.wait("the farewell") { story in
                story.events.contains { if case .peerLost(_, _, .closed) = $0 { true } else { false } }
            }
            #expect(try a.stop() == .stopped)
            let io = try #require(a.witness.story.snapshots.last?.io)
            #expect(io.framesRead >= 6 && io.framesWritten >= 6)
            #expect(io.datagramsSent >= 6 && io.datagramsReceived >= 6)
            #expect(io.sendErrors == 0 && io.receiveErrors == 0 && io.deviceWriteErrors == 0)
            #expect(a.witness.story.snapshots.last?.statistics.peers.count == 0)
            #expect(b.witness.story.snapshots.last?.statistics.peers.count == 1)
        }
    }

    @Test("carries bursts of packets of many sizes, whole and in order", arguments: DeviceType.allCases)
    func bursts(type: DeviceType) async throws {
        try await onThread {
            let (a, b) = try pair(type)
            // Both ends know each other's hardware address before the burst.
            try a.ping("10.0.0.2")
            let link = DatagramLink(
                try a.inside.run { Box(try DatagramSockets(port: 0)) }.take(), at: IPAddress(10, 0, 0, 1),
                try b.inside.run { Box(try DatagramSockets(port: 0)) }.take(), at: IPAddress(10, 0, 0, 2))
            // Runs of one size, shorter ones between them, and some that the kernel cuts to the device's 1400 bytes.
            let sizes = (0..<SendQueue.capacity).map { [1200, 1200, 1200, 80, 1372, 3000, 1200][$0 / 3 % 7] }
            for round in 0..<5 {
                let sent = sizes.enumerated().map { index, size in
                    (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index &+ round) }
                }
                #expect(link.send(sent.map { ($0, link.destination) }).isEmpty)
                #expect(try link.receive(count: sent.count).map(\.bytes) == sent)
            }
            #expect(try a.stop() == .stopped)
            #expect(try b.stop() == .stopped)
        }
    }

    @Test("16: survives that its device is down, and goes on once it is up")
    func deviceDown() async throws {
        try await onThread {
            let (a, b) = try pair()
            try b.inside.run { try shell("ip link set node2 down") }
            try #require(throws: TestFailure.self) { try a.ping("10.0.0.2", options: "-c 1 -W 0.3") }
            try b.wait("the device is down") { $0.occurrences.contains(.deviceDown("node2")) }
            try b.inside.run { try shell("ip link set node2 up") }
            try a.ping("10.0.0.2")
            try b.wait("the device is up") { $0.occurrences.contains(.deviceUp("node2")) }
            #expect(try b.stop() == .stopped)
            let last = try #require(b.witness.story.snapshots.last)
            #expect(last.io.deviceWriteErrors >= 1)
            #expect(last.statistics.counters.dropped(.deviceRefused) == last.io.deviceWriteErrors)
        }
    }

    @Test("ends where its device is lost, and says goodbye before")
    func deviceLost() async throws {
        try await onThread {
            let (a, b) = try pair()
            try b.inside.run { try shell("ip link delete node2") }
            guard case .deviceLost(let error) = try b.ending() else { throw TestFailure("another ending") }
            #expect(error.description.contains("'node2'"))
            try a.wait("the farewell") { story in
                story.events.contains { if case .peerLost(_, _, .closed) = $0 { true } else { false } }
            }
        }
    }

    @Test("ends on a signal, and says goodbye before", arguments: [SIGINT, SIGTERM, SIGQUIT, SIGHUP])
    func signals(number: Int32) async throws {
        try await onThread {
            var options = RunnerOptions()
            options.endsOnSignals = true
            let (a, b) = try pair(options: options)
            b.signal(number)
            #expect(try b.ending() == .signal(number))
            try a.wait("the farewell") { story in
                story.events.contains { if case .peerLost(_, _, .closed) = $0 { true } else { false } }
            }
            #expect(b.witness.story.occurrences.contains(.signal(number)))
            a.signal(SIGTERM)
            #expect(try a.ending() == .signal(SIGTERM))
        }
    }

    @Test("counts what cannot be sent, and serves its other peers")
    func unreachable() async throws {
        try await onThread {
            let nowhere = try ["192.0.2.1:1", "[2001:db8::1]:1"].map { try #require(PeerName($0)) }
            let (a, b) = try pair { $0.peers += nowhere }
            try a.ping("10.0.0.2")
            try a.wait("failed sends") { story in
                story.events.contains { if case .sendFailed(_, ENETUNREACH) = $0 { true } else { false } }
            }
            #expect(try a.stop() == .stopped)
            #expect(try #require(a.witness.story.snapshots.last).io.sendErrors >= 2)
            #expect(try b.stop() == .stopped)
        }
    }

    @Test("is not delayed by a resolver that hangs, nor is its end")
    func hangingResolver() async throws {
        try await onThread {
            let never = DispatchSemaphore(value: 0)
            defer { for _ in 0..<64 { never.signal() } }
            var options = LiveNode.options
            options.lookUp = { name in
                if name.host.hasPrefix("hanging") { never.wait() }
                return NameResolver.lookUp(name)
            }
            let names = try (0..<20).map { try #require(PeerName("hanging\($0):1")) }
            let (a, b) = try pair(options: options) { $0.peers += names }
            try a.ping("10.0.0.2")
            let start = ContinuousClock.now
            #expect(try a.stop() == .stopped)
            #expect(try b.stop() == .stopped)
            #expect(ContinuousClock.now - start < .seconds(1))
        }
    }

    @Test("says why a name does not resolve, and goes on")
    func unknownName() async throws {
        try await onThread {
            let name = try #require(PeerName("no-such-host.invalid:1"))
            let (a, b) = try pair { $0.peers.append(name) }
            try a.wait("the name does not resolve") { story in
                story.events.contains(.unresolved(name))
                    && story.occurrences.contains { if case .resolutionFailed(name, _) = $0 { true } else { false } }
            }
            try a.ping("10.0.0.2")
            #expect(try b.stop() == .stopped)
        }
    }

    @Test("is quiet where nothing happens")
    func idle() async throws {
        try await onThread {
            var options = LiveNode.options
            options.statisticsInterval = .milliseconds(250)
            let (a, b) = try pair(options: options)
            let before = a.witness.story.snapshots.count
            try a.wait("statistics of a quiet second") { $0.snapshots.count > before + 4 }
            let snapshots = a.witness.story.snapshots.suffix(4).map(\.io.rounds)
            // The statistics themselves are one round each; a second list, keep-alives of the kernel's own may be others.
            #expect(snapshots[3] - snapshots[0] < 12, "\(snapshots)")
            #expect(try b.stop() == .stopped)
        }
    }

    @Test(
        "allocates nothing for a packet, out and in",
        .enabled(if: Machine.isOptimised, "allocations are counted in optimised builds; run with -c release"))
    func allocations() async throws {
        try await onThread {
            var options = LiveNode.options
            options.statisticsInterval = .milliseconds(50)
            let (a, b) = try pair(options: options)
            // Once before it counts, so that everything has its size.
            try a.ping("10.0.0.2", options: "-f -c 2000 -s 1000")
            let quiet = a.witness.story.snapshots.count
            try a.wait("quiet statistics") { $0.snapshots.count > quiet + 5 }
            let before = (a.witness.story.snapshots.count, b.witness.story.snapshots.count)
            try a.ping("10.0.0.2", options: "-f -c 5000 -s 1000")
            for (node, count) in [(a, before.0), (b, before.1)] {
                try node.wait("statistics of all packets") { story in
                    guard let last = story.snapshots.last else { return false }
                    return last.io.framesRead - story.snapshots[count - 1].io.framesRead >= 5_000
                }
                let snapshots = node.witness.story.snapshots
                // What the statistics themselves allocate, measured while nothing else happened.
                let idle = snapshots[count - 1].allocations - snapshots[count - 2].allocations
                let (first, last) = (snapshots[count - 1], snapshots[snapshots.count - 1])
                let rounds = UInt64(snapshots.count - count)
                let allocations = Int(last.allocations - first.allocations) - Int(rounds * idle)
                // A control message or a list of events that grows may be among them, but nothing for each packet.
                #expect(allocations < 50, "\(allocations) for 5000 packets each way, \(idle) for each statistics")
            }
            #expect(try b.stop() == .stopped)
        }
    }

    /// Two nodes on one underlay, of which the first knows the second, joined.
    private func pair(
        _ type: DeviceType = .tun, _ family: AddressFamily = .ipv4, options: RunnerOptions = LiveNode.options,
        configure: @escaping @Sendable (inout NodeConfiguration) throws -> Void = { _ in }
    ) throws -> (LiveNode, LiveNode) {
        let underlay = try Namespace()
        let b = try LiveNode(host: 2, type: type, outside: underlay, family: family, options: options) {
            try configure(&$0)
            $0.peers = []
        }
        let peer = try #require(PeerName(b.endpoint.description))
        let a = try LiveNode(host: 1, type: type, outside: underlay, family: family, options: options) {
            try configure(&$0)
            $0.peers.insert(peer, at: 0)
        }
        try a.waitForPeer()
        try b.waitForPeer()
        return (a, b)
    }
}
