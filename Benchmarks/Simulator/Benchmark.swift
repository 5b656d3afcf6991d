import VPNNode
import VPNProtocol
import VPNSimulator

/// Measures the emulated network, and prints one line for each workload. Its arguments are the names of workloads, or none
/// for all.
@main
enum Benchmark {
    static let workloads: [(name: String, text: String, run: @Sendable () throws -> Void)] = [
        ("idle", "10 idle nodes for 24 virtual hours", idle),
        ("mesh", "deliveries in a full mesh of 1,000 nodes, without and with encryption", mesh),
        ("observers", "what crypto, trace hash, checker and capture cost, by the same run without", observers),
        ("start", "cold start of 100, 300 and 1,000 nodes, then 30 virtual minutes", coldStart),
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

    /// Prints what happened in a network meanwhile; returns the seconds that it took.
    @discardableResult
    static func measure(_ label: String, _ workload: Workload, _ work: () throws -> Void) rethrows -> Double {
        let (steps, deliveries, start) = (workload.network.steps, workload.network.deliveries, workload.network.now)
        let elapsed = try ContinuousClock().measure(work)
        let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
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
            guard workload.connect() != nil else { return print("  no full mesh") }
            measure("frames of 100 bytes, \(name)", workload) { _ = workload.talk(rounds: 1000) }
        }
    }

    static func observers() throws {
        let plans = [NetworkPlan("internet")]
        let kinds: [(String, PacketSeal, [any NetworkObserver])] = [
            ("bare", plain, []), ("chacha20", try encrypted(), []), ("trace hash", plain, [TraceHash()]),
            ("checker", plain, [NetworkChecker(plans)]), ("capture", plain, [NetworkCapture { _ in }]),
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

    static func coldStart() throws {
        for count in [100, 300, 1000] {
            let workload = try Workload(count, seal: plain)
            workload.count()
            var connected: Int?
            measure("\(count) nodes, to the last pair", workload) { connected = workload.connect() }
            let before = workload.controlBytes
            measure("\(count) nodes, 30 minutes", workload) { workload.network.run(for: .seconds(1800)) }
            print(
                "  connected within \(connected.map { "\($0)" } ?? "more than 600") virtual seconds with",
                "\(before / count) bytes a node; then \(text(Double(workload.controlBytes - before) / 1800 / Double(count)))",
                "bytes/s a node")
        }
    }
}
