import Foundation
import VPNNode
import VPNProtocol

/// Measures the parts of the data path, each by libsodium's sealing of a packet in the same run.
///
///     data-path-benchmark [--only TEXT] [--rounds N] [--baseline FILE [--update] [--tolerance PERCENT]]
///
/// `--only` measures what has the text in its name, as for a profile. With a baseline it ends with 1 where something is
/// slower than that by more than the tolerance; with `--update` the file is written instead.
@main
enum DataPathBenchmark {
    static func main() throws {
        var rounds = 501
        var baseline: String?
        var tolerance: Int?
        var updates = false
        var only = ""
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--rounds": rounds = number(after: argument, in: &arguments)
            case "--tolerance": tolerance = number(after: argument, in: &arguments)
            case "--baseline":
                guard let path = arguments.popFirst() else { stop("--baseline needs a file") }
                baseline = path
            case "--only": only = arguments.popFirst() ?? ""
            case "--update": updates = true
            default: stop("unknown: '\(argument)'")
            }
        }
        if updates, baseline == nil { stop("--update needs --baseline FILE") }
        if updates, !only.isEmpty { stop("--update writes the whole record, so without --only") }

        let outcomes = Measurement.run(
            try measurements().filter { only.isEmpty || $0.name == $0.reference || $0.name.contains(only) },
            rounds: rounds)
        print("\(pad("", 44))      ns  of libsodium's time")
        for outcome in outcomes {
            let ratio = outcome.name == outcome.reference ? "" : String(format: "%12.3f", outcome.ratio)
            print("\(pad(outcome.name, 44))\(String(format: "%8.1f", outcome.nanoseconds))\(ratio)")
        }
        guard let baseline else { return }
        if updates {
            try Baseline(outcomes, tolerance: tolerance ?? 25).write(to: baseline)
            return print("written: \(baseline)")
        }
        var record = try Baseline(contentsOf: baseline)
        if let tolerance { record.tolerance = tolerance }
        for name in record.unknown(of: outcomes) { print("not on record: \(name)") }
        let complaints = record.complaints(about: outcomes)
        guard complaints.isEmpty else {
            stop("slower than \(baseline) says:\n  \(complaints.joined(separator: "\n  "))", 1)
        }
        print("as fast as \(baseline) says, within \(record.tolerance)%")
    }

    /// Everything, in the order of the table. AES-256 only where the processor has instructions for it.
    private static func measurements() throws -> [Measurement] {
        let sodium = SodiumReference()
        var all: [Measurement] = []
        for method in [CryptoMethod.aes256, .chacha20] where method.isAvailable {
            all.append(sodium.measurement(method, count: 64))
            all += try SealBench(method, providers).measurements
            all.append(try CaptureBench(method).measurement)
        }
        for (name, peers, busy) in [("1 peer", 1, 1), ("1000 peers, one busy", 1000, 1), ("1000 peers", 1000, 1000)] {
            let bench = try EngineBench(name, .tun, peers: peers, destinations: peers, busy: busy)
            all += [bench.frameOut, bench.packetIn]
        }
        let recorded = try EngineBench("1 peer, recorded", .tun, peers: 1, destinations: 1, isRecorded: true)
        all += [recorded.frameOut, recorded.packetIn]
        // The subnets are spread over peers, each of which may claim up to 255.
        for subnets in [10, 10_000] {
            let bench = try EngineBench(
                "route among \(subnets) subnets", .tun, peers: min(50, subnets), destinations: subnets)
            all.append(bench.frameOut)
        }
        for stations in [10, 10_000] {
            let bench = try EngineBench("switch, \(stations) stations", .tap, peers: 10, destinations: stations)
            all += [bench.frameOut, bench.packetIn]
        }
        return all + OffloadBench().measurements
    }

    /// The libraries that can be used here.
    private static var providers: [CryptoProvider] {
        CryptoProvider.ipsecMBFault == nil ? [.libsodium, .ipsecMB] : [.libsodium]
    }

    private static func number(after option: String, in arguments: inout ArraySlice<String>) -> Int {
        guard let text = arguments.popFirst(), let number = Int(text), number > 0 else {
            stop("\(option) needs a number")
        }
        return number
    }

    private static func stop(_ text: String, _ status: Int32 = 2) -> Never {
        FileHandle.standardError.write(Data("data-path-benchmark: \(text)\n".utf8))
        exit(status)
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
