import Foundation

/// The ratios on record, to be compared with.
///
/// Only ratios: times depend on the machine, and the time that libsodium needs for a packet changes with it.
struct Baseline: Codable {
    /// By how much a ratio may be above the one on record, in percent of it.
    var tolerance = 25
    /// Each measurement's multiple of its reference.
    var ratios: [String: Double] = [:]

    init(_ outcomes: [Outcome], tolerance: Int) {
        self.tolerance = tolerance
        for outcome in outcomes where outcome.name != outcome.reference {
            ratios[outcome.name] = (outcome.ratio * 10_000).rounded() / 10_000
        }
    }

    init(contentsOf path: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(contentsOf: URL(filePath: path)))
    }

    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(filePath: path))
    }

    /// The names of what is not on record, and so cannot be compared.
    func unknown(of outcomes: [Outcome]) -> [String] {
        outcomes.map(\.name).filter { name in
            ratios[name] == nil && !outcomes.contains { $0.name == name && $0.reference == name }
        }
    }

    /// What is slower than on record by more than the tolerance, a line each.
    func complaints(about outcomes: [Outcome]) -> [String] {
        outcomes.compactMap { outcome in
            guard let recorded = ratios[outcome.name] else { return nil }
            let limit = recorded * (1 + Double(tolerance) / 100)
            guard outcome.ratio > limit else { return nil }
            return "\(outcome.name): \(text(outcome.ratio)), at most \(text(limit)) by the record of \(text(recorded))"
        }
    }

    private func text(_ number: Double) -> String { String(format: "%.3f", number) }
}
