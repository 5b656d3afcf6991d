import VPNProtocol

/// A fault of a configuration file: `FILE:LINE:COLUMN: MESSAGE`.
struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
    let file: String
    let position: TextPosition
    let message: String

    /// One line, in the form that editors jump to.
    var description: String { "\(file):\(position.line):\(position.column): \(message)" }
}

/// All faults of a configuration file, in the order of the file.
struct ConfigurationFileError: Error, Hashable, Sendable {
    /// The most faults that are told one by one.
    static let maximumDiagnostics = 100

    let diagnostics: [Diagnostic]
    /// How many there are beyond these.
    var more = 0
}

/// Reads settings from the YAML text of a configuration file.
struct ConfigurationFile {
    private let file: String
    private var settings = Settings()
    private var diagnostics: [Diagnostic] = []
    private var moreFaults = 0
    /// Where each key was first written.
    private var places: [ConfigurationKey: TextPosition] = [:]

    /// The settings of a text. Throws every fault that it has, not just the first.
    ///
    /// - Parameter name: the file's name for messages.
    static func read(_ bytes: [UInt8], name: String) throws(ConfigurationFileError) -> Settings {
        let root: YAMLNode?
        do {
            root = try YAMLNode.parse(bytes)
        } catch {
            throw ConfigurationFileError(
                diagnostics: [Diagnostic(file: name, position: error.position, message: error.message)])
        }
        var reader = ConfigurationFile(name)
        if let root { reader.read(root) }
        guard reader.diagnostics.isEmpty else {
            let sorted = reader.diagnostics.sorted {
                ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column)
            }
            throw ConfigurationFileError(diagnostics: sorted, more: reader.moreFaults)
        }
        return reader.settings
    }

    private init(_ file: String) { self.file = file }

    private var isFull: Bool { diagnostics.count >= ConfigurationFileError.maximumDiagnostics }

    private mutating func report(_ position: TextPosition, _ message: String) {
        guard !isFull else {
            moreFaults += 1
            return
        }
        diagnostics.append(Diagnostic(file: file, position: position, message: message))
    }

    private mutating func read(_ root: YAMLNode) {
        switch root.content {
        case .scalar(let scalar) where scalar.isNull: return
        case .mapping(let entries):
            for entry in entries { read(entry) }
            checkTogether()
        default:
            report(root.position, "expected lines of the form 'key: value', found \(root.summary)")
        }
    }

    private mutating func read(_ entry: YAMLEntry) {
        guard case .scalar(let name) = entry.key.content else {
            return report(entry.key.position, "expected a key, found \(entry.key.summary)")
        }
        guard let key = ConfigurationKey(rawValue: name.text) else {
            // Advice takes a moment, and nobody reads it for thousands of keys.
            let advice = isFull ? "" : ConfigurationKey.advice(onUnknown: name.text)
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
    private mutating func checkTogether() {
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
    private mutating func checkPaths() {
        let files = [
            (ConfigurationKey.pidFile, settings.pidFile), (.logFile, settings.logFile),
            (.statsFile, settings.statsFile),
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
        switch key {
        case .deviceType: settings.deviceType = value(key, node, SettingValues.deviceType)
        case .deviceName: settings.deviceName = value(key, node, SettingValues.deviceName)
        case .devicePath: settings.devicePath = text(key, node, "the path of a device like /dev/net/tun")
        case .ifup: settings.ifup = text(key, node, "a command")
        case .ifdown: settings.ifdown = text(key, node, "a command")
        case .mode: settings.mode = value(key, node, SettingValues.mode)
        case .port: settings.port = number(key, node, SettingValues.port)
        case .peers: settings.peers = list(key, node, SettingValues.peer)
        case .subnets: settings.subnets = list(key, node, SettingValues.subnet)
        case .peerTimeout: settings.peerTimeout = number(key, node, SettingValues.peerTimeout)
        case .dstTimeout: settings.stationTimeout = number(key, node, SettingValues.stationTimeout)
        case .portForwarding: settings.portForwarding = boolean(key, node)
        case .compat: settings.dialect = value(key, node, SettingValues.dialect)
        case .crypto: settings.crypto = value(key, node, SettingValues.crypto)
        case .sharedKey: readSharedKey(node)
        case .sharedKeyFile:
            if let path = text(key, node, "the path of a file that holds the key") { settings.key = .file(path) }
        case .magic: settings.magic = value(key, node, SettingValues.magic)
        case .user: settings.user = text(key, node, "the name or number of a user")
        case .group: settings.group = text(key, node, "the name or number of a group")
        case .pidFile: settings.pidFile = text(key, node, "the path of a file")
        case .logFile: settings.logFile = text(key, node, "the path of a file")
        case .statsFile: settings.statsFile = text(key, node, "the path of a file")
        }
    }

    /// A single value. One that is spelled out as null counts as not written.
    private mutating func value<Value>(
        _ key: ConfigurationKey, _ node: YAMLNode, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
        if case .scalar(let scalar) = node.content {
            if scalar.isNull, !scalar.text.isEmpty { return nil }
            if let value = parsed(key, node, scalar, parse) { return value }
        } else {
            report(node.position, "\(key.rawValue): \(Self.expectation(of: parse)), found \(node.summary)")
        }
        return nil
    }

    /// A number, which must not be quoted.
    private mutating func number<Value>(
        _ key: ConfigurationKey, _ node: YAMLNode, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
        if case .scalar(let scalar) = node.content, scalar.isQuoted {
            report(
                node.position,
                "\(key.rawValue): \(Self.expectation(of: parse)), found \(node.summary); leave out the quotes"
            )
            return nil
        }
        return value(key, node, parse)
    }

    private mutating func text(_ key: ConfigurationKey, _ node: YAMLNode, _ what: String) -> String? {
        value(key, node) { text throws(ValueError) in try SettingValues.nonEmpty(text, what) }
    }

    /// YAML 1.1 and 1.2 agree on these spellings.
    private mutating func boolean(_ key: ConfigurationKey, _ node: YAMLNode) -> Bool? {
        if case .scalar(let scalar) = node.content, scalar.isQuoted {
            report(
                node.position, "\(key.rawValue): expected true or false, found \(node.summary); leave out the quotes")
            return nil
        }
        return value(key, node) { text throws(ValueError) in
            switch text.lowercased() {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: throw .expected("true or false")
            }
        }
    }

    /// A list. Nothing at all counts as an empty one, for a list whose lines are all comments.
    private mutating func list<Value>(
        _ key: ConfigurationKey, _ node: YAMLNode, _ parse: (String) throws(ValueError) -> Value
    ) -> [Value] {
        switch node.content {
        case .scalar(let scalar) where scalar.isNull: return []
        case .list(let items):
            return items.compactMap { item in
                guard case .scalar(let scalar) = item.content else {
                    report(
                        item.position,
                        "\(key.rawValue): \(Self.expectation(of: parse)), found \(item.summary)\(Self.quoteHint(item))")
                    return nil
                }
                return parsed(key, item, scalar, parse)
            }
        default:
            report(node.position, "\(key.rawValue): expected a list, one '- value' a line, found \(node.summary)")
            return []
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

    private mutating func parsed<Value>(
        _ key: ConfigurationKey, _ node: YAMLNode, _ scalar: YAMLScalar, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
        do {
            return try parse(scalar.text)
        } catch {
            switch error {
            case .expected(let what):
                report(node.position, "\(key.rawValue): expected \(what), found \(node.summary)")
            case .faulty(let how):
                report(node.position, "\(key.rawValue): '\(scalar.text.shortenedForMessage)' is not right: \(how)")
            }
            return nil
        }
    }

    /// What a reader of values expects, found out by giving it what none of them takes.
    private static func expectation<Value>(of parse: (String) throws(ValueError) -> Value) -> String {
        do {
            _ = try parse("")
        } catch {
            if case .expected(let what) = error { return "expected \(what)" }
        }
        return "expected a text"
    }

    /// `- [2001:db8::1]` without quotes is a list to YAML, and `- host: 3210` a mapping.
    private static func quoteHint(_ node: YAMLNode) -> String {
        switch node.content {
        case .list: "; put an address in brackets into quotes"
        case .mapping: "; write no blank after a colon"
        case .scalar: ""
        }
    }
}
