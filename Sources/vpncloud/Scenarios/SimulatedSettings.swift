import VPNNode
import VPNProtocol

extension ConfigurationKey {
    /// Why the key makes no sense in a scenario, and what to do; nil where it does.
    var refusalInScenario: String? {
        let reason: String
        switch self {
        case .deviceType, .mode, .port, .peers, .subnets, .peerTimeout, .dstTimeout, .portForwarding, .compat, .crypto,
            .sharedKey, .magic:
            return nil
        case .deviceName, .devicePath: reason = "a simulated node has no device of the kernel"
        case .offload: reason = "packets are exchanged with no kernel"
        case .ifup, .ifdown: reason = "there is no device that a command could configure"
        case .sharedKeyFile:
            return "'shared_key_file' makes no sense in a simulation: a scenario holds all it needs; use 'shared_key'"
        case .cryptoProvider: reason = "every library that encrypts gives the same results"
        case .user, .group, .pidFile: reason = "there is no process of its own for each node"
        case .logFile, .statsFile, .capture, .captureFilter, .captureSize, .captureAge, .captureFiles,
            .record, .recordLimit:
            reason = "nodes write no files; see the options of 'vpncloud sim'"
        }
        return "'\(rawValue)' makes no sense in a simulation: \(reason); leave it out"
    }

    /// The keys of a simulated node.
    static let inScenario = allCases.filter { $0.refusalInScenario == nil }.map(\.rawValue)
}

/// What a scenario says of a node with keys of the configuration file.
struct SimulatedSettings {
    /// All but the peers.
    var settings = Settings()
    /// Whom the node is told of, with the places; nil where nothing is said.
    var peers: [NodeReference]?
    /// Whether something is said of subnets: then the defaults do not count.
    var hasSubnets = false
    /// The subnets as they are written, where a member's number belongs into one of them; else nil.
    var subnetTemplates: [YAMLNode]?

    /// What stands for the number of a group's member in its subnets.
    static let memberNumber = "{n}"

    /// Nothing is said.
    init() {}

    /// Reads the keys of the configuration file from a mapping.
    init(_ fields: ScenarioFields) {
        let written = fields.entries.first { $0.key == "subnets" }?.value
        if let written, case .list(let items) = written.content, items.contains(where: \.namesMember) {
            subnetTemplates = items
        }
        let isTemplate = subnetTemplates != nil
        let entries = fields.entries.filter { entry in
            ConfigurationKey(rawValue: entry.key) != nil && entry.key != "peers"
                && !(entry.key == "subnets" && isTemplate)
        }
        settings = ConfigurationFile.read(
            entries.map { entry in
                let name = YAMLNode(
                    content: .scalar(YAMLScalar(text: entry.key, isQuoted: false)), position: entry.position)
                return YAMLEntry(key: name, value: entry.value)
            }, faults: fields.faults)
        hasSubnets = fields.entries.contains { $0.key == "subnets" }
        if fields.entries.contains(where: { $0.key == "peers" }) {
            peers = fields.list("peers").compactMap { NodeReference(peer: $0, fields.faults) }
        }
        if case .text(let text)? = settings.key, settings.crypto == .aes256, !text.isEmpty,
            !CryptoMethod.aes256.isAvailable
        {
            fields.report("crypto", KeyError.methodUnavailable(.aes256).description)
        }
    }

    /// These over the defaults. A list takes the place of the default one.
    func over(_ defaults: SimulatedSettings) -> SimulatedSettings {
        var result = self
        result.settings = settings.over(defaults.settings)
        result.settings.subnets = hasSubnets ? settings.subnets : defaults.settings.subnets
        result.subnetTemplates = hasSubnets ? subnetTemplates : defaults.subnetTemplates
        result.peers = peers ?? defaults.peers
        return result
    }

    /// What is wrong with the key only in the dialect that the other mapping chose.
    func keyFault(over defaults: SimulatedSettings) -> String? {
        guard (settings.key == nil) != (settings.dialect == nil) else { return nil }
        let merged = over(defaults).settings
        guard case .text(let text)? = merged.key else { return nil }
        return (merged.dialect ?? .manual).keyFault(text)
    }
}

extension YAMLNode {
    /// Whether this is a text with the place of a member's number.
    fileprivate var namesMember: Bool {
        if case .scalar(let scalar) = content { scalar.text.contains(SimulatedSettings.memberNumber) } else { false }
    }
}

/// A node that is named somewhere.
struct NodeReference {
    let name: String
    let position: TextPosition
    /// The port that is written behind it.
    var port: UInt16?

    /// Reads `hub` or `hub:3210`.
    init?(peer node: YAMLNode, _ faults: FaultList) {
        let what = "the name of a node, with a port or without, like hub or hub:3210"
        guard case .scalar(let scalar) = node.content else {
            faults.report(node.position, "peers: expected \(what), found \(node.summary)")
            return nil
        }
        let parts = scalar.text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.first, !name.isEmpty, parts.count <= 2 else {
            faults.report(node.position, "peers: expected \(what), found \(node.summary)")
            return nil
        }
        if parts.count == 2 {
            guard let port = try? SettingValues.port(parts[1]) else {
                faults.report(node.position, "peers: expected \(what), found \(node.summary)")
                return nil
            }
            self.port = port
        }
        self.name = name
        position = node.position
    }
}

/// Keys of a scenario, each derived once however many nodes have it.
struct DerivedKeys {
    /// The most keys of a scenario; each takes some 50 ms.
    static let maximum = 64

    private struct Source: Hashable {
        let password: String
        let isManual: Bool
    }

    private var keys: [Source: SecretKey] = [:]

    /// How many were derived.
    var count: Int { keys.count }

    /// The seal of a node with these settings.
    mutating func seal(_ settings: Settings, magic: Magic) throws(ValueError) -> PacketSeal {
        guard case .text(let password)? = settings.key else { return PacketSeal(unencrypted: magic) }
        let derivation = (settings.dialect ?? .manual).keyDerivation
        let source = Source(password: password, isManual: derivation == .scrypt)
        do {
            guard let key = keys[source] else {
                guard keys.count < Self.maximum else {
                    throw ValueError.faulty("a scenario has at most \(Self.maximum) different keys")
                }
                let key = try derivation.key(from: password)
                keys[source] = key
                return try PacketSeal(magic: magic, method: settings.crypto ?? .chacha20, key: key)
            }
            return try PacketSeal(magic: magic, method: settings.crypto ?? .chacha20, key: key)
        } catch {
            throw error as? ValueError ?? .faulty("\(error)")
        }
    }
}
