import VPNProtocol

/// Reads settings from the YAML text of a configuration file.
struct ConfigurationFile {
    private let faults: FaultList
    private var settings = Settings()
    /// Where each key was first written.
    private var places: [ConfigurationKey: TextPosition] = [:]

    /// The settings of a text. Throws every fault that it has, not just the first.
    ///
    /// - Parameter name: the file's name for messages.
    static func read(_ bytes: [UInt8], name: String) throws(ConfigurationFileError) -> Settings {
        let root = try YAMLNode.parse(bytes, file: name)
        var reader = ConfigurationFile(FaultList(file: name))
        if let root { reader.read(root) }
        try reader.faults.throwIfAny()
        return reader.settings
    }

    /// The settings of entries that are part of another file. Their faults go to the list.
    static func read(_ entries: [YAMLEntry], faults: FaultList) -> Settings {
        var reader = ConfigurationFile(faults)
        reader.read(entries)
        return reader.settings
    }

    private init(_ faults: FaultList) { self.faults = faults }

    private var values: ValueReader { ValueReader(faults: faults) }

    private func report(_ position: TextPosition, _ message: String) { faults.report(position, message) }

    private mutating func read(_ root: YAMLNode) {
        switch root.content {
        case .scalar(let scalar) where scalar.isNull: return
        case .mapping(let entries): read(entries)
        default:
            report(root.position, "expected lines of the form 'key: value', found \(root.summary)")
        }
    }

    private mutating func read(_ entries: [YAMLEntry]) {
        for entry in entries { read(entry) }
        checkTogether()
    }

    private mutating func read(_ entry: YAMLEntry) {
        guard case .scalar(let name) = entry.key.content else {
            return report(entry.key.position, "expected a key, found \(entry.key.summary)")
        }
        guard let key = ConfigurationKey(rawValue: name.text) else {
            // Advice takes a moment, and nobody reads it for thousands of keys.
            let advice = faults.isFull ? "" : ConfigurationKey.advice(onUnknown: name.text)
            return report(entry.key.position, "unknown key '\(name.text.shortenedForMessage)'; \(advice)")
        }
        if let first = places[key] {
            return report(
                entry.key.position, "'\(key.rawValue)' is already set in line \(first.line); keep one of them")
        }
        places[key] = entry.key.position
        read(key, entry.value)
    }

    /// Faults that no single key has.
    private func checkTogether() {
        if let text = places[.sharedKey], let path = places[.sharedKeyFile] {
            let later = (text.line, text.column) > (path.line, path.column) ? text : path
            report(later, "'shared_key' and 'shared_key_file' are both set; keep one of them")
        }
        checkPaths()
        if settings.subnets.count > InitMessage.maximumSubnets, let place = places[.subnets] {
            report(
                place,
                "subnets: \(settings.subnets.count) are more than a node can claim; at most \(InitMessage.maximumSubnets)"
            )
        }
        // Only now is it known in which dialect the key is to be read.
        if case .text(let key)? = settings.key, let place = places[.sharedKey],
            let fault = (settings.dialect ?? .manual).keyFault(key)
        {
            report(place, "shared_key: \(fault)")
        }
    }

    /// Faults of files that would overwrite each other.
    private func checkPaths() {
        let files = [
            (ConfigurationKey.pidFile, settings.pidFile), (.logFile, settings.logFile),
            (.statsFile, settings.statsFile), (.record, settings.record),
        ]
        for (index, (key, path)) in files.enumerated() {
            guard let path, let place = places[key] else { continue }
            for (other, otherPath) in files[..<index]
            where otherPath.map(FileBytes.absolute) == FileBytes.absolute(path) {
                report(place, "'\(other.rawValue)' and '\(key.rawValue)' are the same file; name different ones")
            }
        }
    }
}

extension ConfigurationFile {
    private mutating func read(_ key: ConfigurationKey, _ node: YAMLNode) {
        let name = key.rawValue
        switch key {
        case .deviceType: settings.deviceType = values.value(name, node, SettingValues.deviceType)
        case .deviceName: settings.deviceName = values.value(name, node, SettingValues.deviceName)
        case .devicePath: settings.devicePath = values.text(name, node, "the path of a device like /dev/net/tun")
        case .ifup: settings.ifup = values.text(name, node, "a command")
        case .ifdown: settings.ifdown = values.text(name, node, "a command")
        case .mode: settings.mode = values.value(name, node, SettingValues.mode)
        case .port: settings.port = values.number(name, node, SettingValues.port)
        case .peers: settings.peers = values.list(name, node, SettingValues.peer)
        case .subnets: settings.subnets = values.list(name, node, SettingValues.subnet)
        case .peerTimeout: settings.peerTimeout = values.number(name, node, SettingValues.peerTimeout)
        case .dstTimeout: settings.stationTimeout = values.number(name, node, SettingValues.stationTimeout)
        case .portForwarding: settings.portForwarding = values.boolean(name, node)
        case .offload: settings.offload = values.boolean(name, node)
        case .compat: settings.dialect = values.value(name, node, SettingValues.dialect)
        case .crypto: settings.crypto = values.value(name, node, SettingValues.crypto)
        case .cryptoProvider:
            settings.cryptoProvider = values.value(name, node, SettingValues.cryptoProvider)
        case .sharedKey: readSharedKey(node)
        case .sharedKeyFile:
            if let path = values.text(name, node, "the path of a file that holds the key") {
                settings.key = .file(path)
            }
        case .magic: settings.magic = values.value(name, node, SettingValues.magic)
        case .user: settings.user = values.text(name, node, "the name or number of a user")
        case .group: settings.group = values.text(name, node, "the name or number of a group")
        case .pidFile: settings.pidFile = values.text(name, node, "the path of a file")
        case .logFile: settings.logFile = values.text(name, node, "the path of a file")
        case .statsFile: settings.statsFile = values.text(name, node, "the path of a file")
        case .capture: settings.capture = values.text(name, node, "the path of a folder")
        case .captureFilter: settings.captureFilter = values.text(name, node, "an expression for tcpdump")
        case .captureSize: settings.captureSize = values.number(name, node, SettingValues.captureSize)
        case .captureAge: settings.captureAge = values.number(name, node, SettingValues.captureAge)
        case .captureFiles: settings.captureFiles = values.number(name, node, SettingValues.captureFiles)
        case .record: settings.record = values.text(name, node, "the path of a file")
        case .recordLimit: settings.recordLimit = values.number(name, node, SettingValues.recordLimit)
        }
    }

    /// The key is any text; what is found instead of one is never quoted in a message.
    private mutating func readSharedKey(_ node: YAMLNode) {
        guard case .scalar(let scalar) = node.content else {
            return report(node.position, "shared_key: expected a text, found \(node.summary)")
        }
        guard !scalar.isNull else {
            return report(
                node.position,
                "shared_key: has no value; leave the line out to send unencrypted, or put the text into quotes")
        }
        do {
            settings.key = .text(try SettingValues.sharedKey(scalar.text))
        } catch {
            report(node.position, "shared_key: \(error)")
        }
    }
}
