/// The keys of a configuration file.
enum ConfigurationKey: String, CaseIterable, Sendable {
    case deviceType = "device_type"
    case deviceName = "device_name"
    case devicePath = "device_path"
    case ifup
    case ifdown
    case mode
    case port
    case peers
    case subnets
    case peerTimeout = "peer_timeout"
    case dstTimeout = "dst_timeout"
    case portForwarding = "port_forwarding"
    case compat
    case crypto
    case sharedKey = "shared_key"
    case sharedKeyFile = "shared_key_file"
    case magic
    case user
    case group
    case pidFile = "pid_file"
    case logFile = "log_file"
    case statsFile = "stats_file"

    /// What to do about a key that does not exist.
    static func advice(onUnknown name: String) -> String {
        if let key = optionNames[name] { return "the key of the option --\(name) is '\(key.rawValue)'" }
        if ["daemon", "verbose", "quiet", "config"].contains(name) {
            return "--\(name) is for the command line only"
        }
        let normalised = name.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }
        let nearest = allCases.map { ($0, editDistance(Array($0.rawValue), normalised)) }.min { $0.1 < $1.1 }
        if let (key, distance) = nearest, distance <= max(2, name.count / 3) {
            return "did you mean '\(key.rawValue)'?"
        }
        return "the keys are \(allCases.map(\.rawValue).joined(separator: ", "))"
    }

    /// Options whose names are not those of their keys.
    private static let optionNames: [String: ConfigurationKey] = [
        "type": .deviceType, "device": .deviceName, "listen": .port, "connect": .peers, "subnet": .subnets,
        "no-port-forwarding": .portForwarding,
    ]

    /// How many characters must be inserted, deleted, or replaced (Levenshtein).
    private static func editDistance(_ left: [Character], _ right: [Character]) -> Int {
        // A text much longer than any key is far from all of them.
        guard right.count <= 64 else { return .max }
        var row = Array(0...right.count)
        for (index, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (character == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, min(row[column], diagonal) + 1)
            }
        }
        return row[right.count]
    }
}
