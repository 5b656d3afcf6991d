import Glibc
import VPNNode
import VPNProtocol
import VPNSimulator

/// Measures the emulated network, and prints one line for each workload. Its arguments are the names of workloads, or none
/// for all.
@main
enum Benchmark {
    static let workloads: [(name: String, text: String, run: @Sendable () throws -> Void)] = [
        ("idle", "10 idle nodes for 24 virtual hours", idle),
        ("observers", "what crypto, trace hash, checker and capture cost, by the same run without", observers),
        ("traffic", "management traffic in steady state, with the headers of IP and UDP", traffic),
        ("mesh", "1,000 nodes: cold start with one introducer, 30 virtual minutes, then frames of 100 bytes", mesh),
    ]

    static func main() throws {
        let names = CommandLine.arguments.dropFirst()
        guard names.allSatisfy({ name in workloads.contains { $0.name == name } }) else {
            for workload in workloads { print(pad(workload.name, 10), workload.text) }
            return
        }
        for workload in workloads where names.isEmpty || names.contains(workload.name) {
            print("\(workload.name): \(workload.text)")
            try workload.run()
        }
    }

    static let plain = PacketSeal(unencrypted: .standard)

    static func encrypted() throws -> PacketSeal {
        try PacketSeal(
            magic: .standard, method: .chacha20, key: SecretKey([UInt8](repeating: 0x5a, count: 32).span))
    }

    /// Prints what happened in a network meanwhile; returns the seconds of the processor that it took, which are less than
    /// those on the clock where others use the machine, too.
    @discardableResult
    static func measure(_ label: String, _ workload: Workload, _ work: () throws -> Void) rethrows -> Double {
        let (steps, deliveries, start) = (workload.network.steps, workload.network.deliveries, workload.network.now)
        let begin = clock()
        try work()
        let seconds = Double(clock() - begin) / Double(CLOCKS_PER_SEC)
        let virtual = Double(workload.network.now.nanoseconds - start.nanoseconds) / 1e9
        let rates = [
            "\(rate(workload.network.steps - steps, seconds)) events/s",
            "\(rate(workload.network.deliveries - deliveries, seconds)) deliveries/s",
            "\(text(virtual / seconds)) x real time", "\(text(seconds)) s",
        ]
        print("  \(pad(label, 34))", rates.map { pad($0, 24) }.joined())
        return seconds
    }

    static func rate(_ count: UInt64, _ seconds: Double) -> String { text(Double(count) / seconds) }

    static func text(_ number: Double) -> String {
        if number >= 100 { return "\(Int(number))" }
        // Without 'rounded()', which needs the mathematical library.
        return "\(Double(Int(number * 1000 + 0.5)) / 1000)"
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension Benchmark {
    static func idle() throws {
        let workload = try Workload(10, seal: try encrypted())
        _ = workload.connect()
        measure("24 h", workload) { workload.network.run(for: .seconds(86_400)) }
    }

    static func mesh() throws {
        for (name, seal) in [("none", plain), ("chacha20", try encrypted())] {
            let workload = try Workload(1000, seal: seal)
            workload.count()
            var connected: Int?
            measure("\(name): to the last pair", workload) { connected = workload.connect() }
            guard let connected else { return print("  no full mesh within 600 virtual seconds") }
            print("  connected within \(connected) virtual seconds, \(workload.controlBytes / 1000) bytes a node")
            var rate = 0.0
            measure("\(name): 30 minutes", workload) {
                rate = steadyTraffic(of: workload)
                workload.network.run(for: .seconds(1800 - 60 - listPause))
            }
            print("  \(text(rate)) bytes/s of management traffic sent by each node")
            let held = workload.nodes.reduce(0) { $0 + $1.engine.heldBytes }
            print("  \(text(Double(held) / Double(workload.pairs))) bytes a peer relation")
            workload.network.tap = nil
            measure("\(name): frames", workload) { _ = workload.talk(rounds: 1000) }
        }
    }

    static func observers() throws {
        let plans = [NetworkPlan("internet")]
        let kinds: [(String, PacketSeal, [any NetworkObserver])] = [
            ("bare", plain, []), ("chacha20", try encrypted(), []), ("trace hash", plain, [TraceHash()]),
            ("checker", plain, [NetworkChecker(plans)]), ("capture", plain, [NetworkCapture { _ in }]),
            ("all three", plain, [TraceHash(), NetworkChecker(plans), NetworkCapture { _ in }]),
        ]
        var bare = 0.0
        for (name, seal, observers) in kinds {
            let workload = try Workload(100, seal: seal, observers: observers)
            _ = workload.connect()
            let seconds = measure(name, workload) { _ = workload.talk(rounds: 5000) }
            if observers.isEmpty, bare == 0 { bare = seconds }
            print("  \(pad("", 34)) \(text(seconds / bare)) of the time without")
        }
    }

    /// The pause between two lists where the peer timeout is the default, 1800 s: half of it less a minute.
    static let listPause = 840

    /// What a node sends while all are connected, in bytes a second: over one pause between lists, in which each node
    /// sends one to each other.
    static func steadyTraffic(of workload: Workload) -> Double {
        workload.network.run(for: .seconds(60))
        let before = workload.controlBytes
        workload.network.run(for: .seconds(listPause))
        return Double(workload.controlBytes - before) / Double(listPause) / Double(workload.nodes.count)
    }

    static func traffic() throws {
        for count in [100, 300] {
            let workload = try Workload(count, seal: try encrypted())
            workload.count()
            guard workload.connect() != nil else { return print("  no full mesh of \(count) nodes") }
            print("  \(pad("\(count) nodes", 34)) \(text(steadyTraffic(of: workload))) bytes/s sent by each")
        }
        let crowd = try Crowd(9_999, seal: try encrypted())
        let rates = try crowd.run(seconds: 2 * listPause)
        print(
            "  \(pad("10,000: one node, \(crowd.peerCount) light peers", 34)) \(text(rates.sent)) bytes/s sent,",
            "\(text(rates.received)) received; \(text(Double(crowd.heldBytes) / Double(crowd.peerCount))) bytes a peer")
    }
}
