import Foundation
import Testing

/// How long the soak test runs.
enum SoakLength {
    /// Seconds with all shortcuts, and with none. VPNCLOUD_SOAK says it as in `600,300` (see `make soak`).
    static let seconds: (offload: Int, plain: Int) = {
        let words = ProcessInfo.processInfo.environment["VPNCLOUD_SOAK"]?.split(separator: ",").compactMap { Int($0) }
        guard let words, words.count == 2, words.allSatisfy({ $0 > 0 }) else { return (8, 5) }
        return (words[0], words[1])
    }()
    /// The most minutes that a test of this suite may take.
    static let limit = max(4, (seconds.offload + seconds.plain) / 60 + 5)
}

extension KernelTests {
    @Suite("Under load for long", .serialized)
    struct Soak {
        /// The most that a node's memory may grow after the first while, in KiB.
        static let growth = 1024

        @Test(
            "memory stays flat, traffic never stops, and every frame and datagram is accounted for",
            .enabled(if: Load.isInstalled, Load.needs), arguments: [true, false])
        func soak(usesOffload: Bool) async throws {
            let seconds = usesOffload ? SoakLength.seconds.offload : SoakLength.seconds.plain
            let name = "soak with\(usesOffload ? "" : "out") offload"
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tun, crypto: .aes256)
                options.verbose = false
                if !usesOffload { options.more = ["--no-offload"] }
                let first = try await hosts[0].start(options)
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)
                try await second.reaches(first)

                let lostBefore = try KernelCounts.packetsWithoutQueue()
                let load = try await Load.start(hosts[0], hosts[1], to: hosts[1].inner4, ["-t", "\(seconds)"])
                var progress = Progress(name: name, seconds: seconds, nodes: [first, second])
                try await waitUntil("iperf3 ends", within: .seconds(seconds + 30), every: .milliseconds(250)) {
                    try progress.note()
                    return load.client.poll() != nil
                }
                let rates = try await load.report().rates
                for (way, rates) in zip(["forth", "back"], rates) {
                    let stalls = rates.enumerated().filter { $0.element == 0 }.map(\.offset)
                    try claim(stalls.isEmpty && rates.count > seconds - 3, "no traffic \(way) in seconds \(stalls)")
                }
                try progress.claimFlatMemory()
                var counts: [KernelCounts] = []
                for host in hosts { counts.append(try await KernelCounts(of: host.namespace)) }
                try await claimAccounts(
                    first, second, lostInQueues: try KernelCounts.packetsWithoutQueue() - lostBefore)
                let repeats = counts.map { "\($0.tcpSegmentsRepeated) of \($0.tcpSegmentsSent)" }
                let gigabits = rates.map { String(format: "%.2f", $0.reduce(0, +) / Double($0.count) / 1e9) }
                print(
                    "\(name): passed; \(gigabits.joined(separator: " + ")) Gbit/s, \(progress.memory), segments repeated: \(repeats)"
                )
            }
        }

        /// Ends the nodes, and claims that all counters add up: those of each node, and what went between them.
        private func claimAccounts(_ first: Node, _ second: Node, lostInQueues: Int) async throws {
            // The second hears the first's goodbye.
            try await Offload.stop(first)
            try await waitUntil("the second forgets the first") {
                (try? second.statistics())?.peers.isEmpty == true
            }
            let counts = try await KernelCounts(of: second.host.namespace)
            try await Offload.stop(second)
            let (sent, received) = (try first.statistics(), try second.statistics())
            let missing = sent.system("datagrams_sent") - received.system("datagrams_received")
            try claim(
                counts.checksumErrors == 0 && received.system("unusable_datagrams") == 0, "datagrams came damaged")
            // Where the kernel had no room, it counts in runs, not in datagrams.
            let lost = counts.datagramsWithoutRoom + lostInQueues
            try claim(
                lost == 0 ? missing == 0 : missing >= 0,
                "\(missing) datagrams are missing, and the kernel says that it lost \(lost)")
        }
    }

    /// What is told of a soak meanwhile: a line every half minute.
    private struct Progress {
        let name: String
        let seconds: Int
        let nodes: [Node]
        private let start = ContinuousClock.now
        private var lines = 0
        private var lastFrames = [0, 0]
        private var lastTime = ContinuousClock.now
        /// The memory of each node in KiB, at the end of the first while, and last.
        private var early: [Int]?
        private var last: [Int] = []

        init(name: String, seconds: Int, nodes: [Node]) {
            (self.name, self.seconds, self.nodes) = (name, seconds, nodes)
        }

        /// What the memory was and is, in words.
        var memory: String { "memory \(early ?? []) KiB early and \(last) KiB late" }

        mutating func note() throws {
            let elapsed = ContinuousClock.now - start
            guard nodes.allSatisfy({ $0.process.poll() == nil }) else { throw LabError("a node ended") }
            let memory = try nodes.map { node in
                try require(try ProcessStatus(of: node.process.pid)["VmRSS"].first.flatMap { Int($0) }, "the memory")
            }
            // Not the end, when traffic has stopped.
            if elapsed < .seconds(seconds) { last = memory }
            if early == nil, elapsed > min(.seconds(30), .seconds(seconds) / 4) { early = memory }
            guard elapsed > .seconds(30) * (lines + 1) else { return }
            lines += 1
            let frames = nodes.map { (try? $0.statistics())?.system("frames_written") ?? 0 }
            let time = ContinuousClock.now
            let rates = zip(frames, lastFrames).map { Int(Double($0 - $1) / ((time - lastTime) / .seconds(1))) }
            (lastFrames, lastTime) = (frames, time)
            print("\(name): \(elapsed.components.seconds) of \(seconds) s, frames a second \(rates), \(self.memory)")
            // A file or a pipe would get it at the very end.
            fflush(nil)
        }

        func claimFlatMemory() throws {
            let early = try require(early, "a first while")
            let isFlat = zip(early, last).allSatisfy { $1 - $0 <= Soak.growth }
            try claim(isFlat, "memory grows: \(memory)")
        }
    }
}
