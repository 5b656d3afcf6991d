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
    case offload
    case compat
    case crypto
    case cryptoProvider = "crypto_provider"
    case sharedKey = "shared_key"
    case sharedKeyFile = "shared_key_file"
    case magic
    case user
    case group
    case pidFile = "pid_file"
    case logFile = "log_file"
    case statsFile = "stats_file"
    case capture
    case captureFilter = "capture_filter"
    case captureSize = "capture_size"
    case captureAge = "capture_age"
    case captureFiles = "capture_files"
    case record
    case recordLimit = "record_limit"

    /// What to do about a key that does not exist.
    static func advice(onUnknown name: String) -> String {
        if let key = optionNames[name] { return "the key of the option --\(name) is '\(key.rawValue)'" }
        if ["daemon", "verbose", "quiet", "config"].contains(name) {
            return "--\(name) is for the command line only"
        }
        return Spelling.advice(onUnknown: name, among: allCases.map(\.rawValue), called: "keys")
    }

    /// Options whose names are not those of their keys.
    private static let optionNames: [String: ConfigurationKey] = [
        "type": .deviceType, "device": .deviceName, "listen": .port, "connect": .peers, "subnet": .subnets,
        "no-port-forwarding": .portForwarding, "no-offload": .offload,
    ]
}
