/// The trace hashes that scenarios are known to have: a line for each, `HASH SEED FILE`.
struct GoldenFile {
    /// The name of the file, beside the scenarios.
    static let name = "golden.txt"
    private static let longest = 10_000_000

    let path: String
    private var hashes: [(file: String, seed: UInt64, hash: String)] = []

    /// Where the file beside a scenario is, if there is one.
    static func path(besideScenario scenario: String) -> String {
        let folder = scenario.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return scenario.contains("/") ? "\(folder)/\(name)" : name
    }

    /// The file at a path; empty where there is none.
    init(_ path: String) throws(Failure) {
        self.path = path
        let bytes: [UInt8]
        do {
            bytes = try FileBytes.read(path, atMost: Self.longest)
        } catch {
            if error.isAbsence { return }
            throw .runTime("cannot read '\(path)': \(error)")
        }
        for (index, line) in String(decoding: bytes, as: UTF8.self).split(separator: "\n").enumerated() {
            if line.hasPrefix("#") { continue }
            let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard parts.count == 3, let seed = UInt64(parts[1]) else {
                throw .runTime("\(path):\(index + 1): expected 'HASH SEED FILE', found '\(line.prefix(80))'")
            }
            hashes.append((parts[2], seed, parts[0]))
        }
    }

    /// The hash of a scenario with a seed; nil where it has none.
    subscript(file: String, seed: UInt64) -> String? {
        let name = Self.lastPart(of: file)
        return hashes.first { $0.file == name && $0.seed == seed }?.hash
    }

    /// What to say of a scenario whose hash is as it is to be, or is not on record though others are.
    func note(on file: String, _ seed: UInt64) -> String {
        if self[file, seed] != nil { return ", as in \(path)" }
        let name = Self.lastPart(of: file)
        return hashes.isEmpty || hashes.contains { $0.file == name } ? "" : "; not in \(path)"
    }

    /// Notes the hash of a scenario with a seed.
    mutating func set(_ hash: String, _ file: String, _ seed: UInt64) {
        let name = Self.lastPart(of: file)
        hashes.removeAll { $0.file == name && $0.seed == seed }
        hashes.append((name, seed, hash))
    }

    /// Writes the file, in the order of names and seeds.
    func write() throws(Failure) {
        let head =
            "# The trace hashes of the scenarios here: HASH SEED FILE. Written by 'vpncloud sim verify --update'.\n"
        let lines = hashes.sorted { ($0.file, $0.seed) < ($1.file, $1.seed) }.map {
            "\($0.hash) \($0.seed) \($0.file)\n"
        }
        do {
            try FileBytes.replace(path, with: Array((head + lines.joined()).utf8))
        } catch {
            throw .runTime("cannot write '\(path)': \(error)")
        }
    }

    private static func lastPart(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}
