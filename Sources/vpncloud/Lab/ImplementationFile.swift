import Glibc
import VPNLab
import VPNNode
import VPNProtocol

/// Reads implementation files (docs/implementations.md).
struct ImplementationFile {
    private static let keys = [
        "name", "about", "program", "arguments", "environment", "dialects", "settings", "unsupported", "ignored",
        "statistics", "up", "stop",
    ]

    /// What can be set: keys of the configuration file, and how much is said.
    private static let settingKeys = [
        "device_type", "device_name", "mode", "port", "peers", "subnets", "crypto", "shared_key", "magic", "compat",
        "peer_timeout", "dst_timeout", "port_forwarding", "offload", "crypto_provider", "ifup", "ifdown",
        "stats_file", "capture", "verbose",
    ]

    private let faults: FaultList
    private let folder: String

    /// The implementation of a file.
    static func read(_ path: String) throws(Failure) -> Implementation {
        let bytes: [UInt8]
        do {
            bytes = try FileBytes.read(path, atMost: YAMLNode.Bounds.byteCount)
        } catch {
            throw .usage("cannot read the implementation file '\(path)': \(error)")
        }
        do throws(ConfigurationFileError) {
            let root = try YAMLNode.parse(bytes, file: path)
            let absolute = FileBytes.absolute(path)
            let folder = absolute.lastIndex(of: "/").map { String(absolute[..<$0]) } ?? "."
            let file = ImplementationFile(faults: FaultList(file: path), folder: folder)
            let read = root.flatMap(file.implementation)
            if root == nil { file.faults.report(TextPosition(line: 1, column: 1), "the file says nothing") }
            try file.faults.throwIfAny()
            guard let read else { preconditionFailure("a file without faults says what it is to say") }
            return read
        } catch {
            throw .configuration(error)
        }
    }

    private func implementation(_ root: YAMLNode) -> Implementation? {
        guard
            let fields = ScenarioFields(
                root, "an implementation, lines of the form 'key: value'", keys: Self.keys, faults: faults)
        else { return nil }
        fields.require("name", "what tables and logs call it")
        fields.require("program", "'self', a path, or a name in PATH")
        fields.require("dialects", "what it speaks, such as [manual] or [\"0.8\", \"1\"]")
        fields.require("settings", "how settings become arguments, such as { port: [--listen, \"{value}\"] }")
        fields.require("up", "how to tell that a node is up, such as { device: true }")
        let name = fields.value("name") { text throws(ValueError) in try SettingValues.nonEmpty(text, "a name") }
        let program = fields.value("program") { text throws(ValueError) in
            try SettingValues.nonEmpty(text, "'self', a path, or a name in PATH")
        }
        var result = Implementation(name: name ?? "", program: program.map(self.program) ?? .own)
        result.arguments = texts(fields, "arguments")
        result.environment = Dictionary(pairs(fields, "environment")) { _, new in new }
        result.dialects = texts(fields, "dialects") { text throws(ValueError) in
            try SettingValues.dialect(text).rawValue
        }
        result.ignored = texts(fields, "ignored") { text throws(ValueError) in
            guard Self.settingKeys.contains(text) else { throw .expected("names of settings") }
            return text
        }
        result.unsupported = Dictionary(pairs(fields, "unsupported", keys: Self.settingKeys)) { _, new in new }
        result.hasStatistics =
            fields.value("statistics") { text throws(ValueError) in
                guard ["vpncloud", "none"].contains(text) else { throw ValueError.expected("'vpncloud' or 'none'") }
                return text == "vpncloud"
            } ?? false
        result.settings = settings(fields)
        if result.dialects.count > 1, !result.settings.contains(where: { $0.key == "compat" }) {
            fields.report("dialects", "settings has no 'compat' to choose one; name the one that it speaks")
        }
        readSign(fields, &result)
        readStop(fields, &result)
        return result
    }

    private func program(_ text: String) -> Implementation.Program {
        if text == "self" { return .own }
        return .other(text.contains("/") && !text.hasPrefix("/") ? "\(folder)/\(text)" : text)
    }

    private func settings(_ fields: ScenarioFields) -> [(key: String, rule: Implementation.Rule)] {
        guard let node = fields.node("settings") else { return [] }
        guard case .mapping(let entries) = node.content else {
            faults.report(
                node.position,
                "settings: expected lines of the form port: [--listen, \"{value}\"], found \(node.summary)")
            return []
        }
        return entries.compactMap { entry in
            guard let key = entry.keyText(faults), isSetting(key, entry.key.position) else { return nil }
            switch entry.value.content {
            case .list:
                let words = texts(entry.value, key)
                if !words.contains(where: { $0.contains(Implementation.placeholder) }) {
                    faults.report(
                        entry.value.position, "\(key): the value has no place; write it like [--option, \"{value}\"]")
                }
                return (key, .template(words))
            case .mapping(let choices):
                var words: [String: [String]] = [:]
                for choice in choices {
                    if let value = choice.keyText(faults) { words[value] = texts(choice.value, key) }
                }
                return (key, .choices(words))
            case .scalar:
                faults.report(
                    entry.value.position,
                    "\(key): expected a list like [--option, \"{value}\"], or a mapping of values to lists, found \(entry.value.summary)"
                )
                return nil
            }
        }
    }

    private func isSetting(_ key: String, _ position: TextPosition) -> Bool {
        if Self.settingKeys.contains(key) { return true }
        let advice = Spelling.advice(onUnknown: key, among: Self.settingKeys, called: "settings")
        faults.report(position, "unknown setting '\(key.shortenedForMessage)'; \(advice)")
        return false
    }

    private func readSign(_ fields: ScenarioFields, _ result: inout Implementation) {
        guard let node = fields.node("up"),
            let up = ScenarioFields(
                node, "how to tell that a node is up, like { output: \"running\" }",
                keys: ["output", "device", "within"], faults: faults)
        else { return }
        if let text = up.value("output", { text throws(ValueError) in try SettingValues.nonEmpty(text, "a text") }) {
            if (try? Regex(text)) == nil {
                up.report("output", "'\(text.shortenedForMessage)' is no regular expression")
            }
            result.sign = .output(text)
        } else if !up.has("output"), up.boolean("device") != true {
            faults.report(up.position, "up: expected 'output' or 'device': true")
        }
        if let time = up.value("within", ScenarioValues.positiveDuration) { result.startTime = time }
    }

    private func readStop(_ fields: ScenarioFields, _ result: inout Implementation) {
        guard let node = fields.node("stop"),
            let stop = ScenarioFields(
                node, "how it ends, like { signal: SIGTERM }", keys: ["signal", "within", "status"], faults: faults)
        else { return }
        let signals = ["SIGTERM": SIGTERM, "SIGINT": SIGINT, "SIGQUIT": SIGQUIT]
        if let signal = stop.value(
            "signal",
            { text throws(ValueError) in
                guard let signal = signals[text] else { throw ValueError.expected("SIGTERM, SIGINT or SIGQUIT") }
                return signal
            })
        {
            result.stopSignal = signal
        }
        if let time = stop.value("within", ScenarioValues.positiveDuration) { result.stopTime = time }
        let status = stop.value("status") { text throws(ValueError) -> Int32? in
            guard text != "any" else { return nil }
            return Int32(try ScenarioValues.number(0...255)(text))
        }
        if let status { result.stopStatus = status }
    }

    private func texts(
        _ fields: ScenarioFields, _ key: String,
        _ parse: (String) throws(ValueError) -> String = { text throws(ValueError) in text }
    ) -> [String] {
        fields.node(key).map { ValueReader(faults: faults).list(key, $0, parse) } ?? []
    }

    private func texts(_ node: YAMLNode, _ key: String) -> [String] {
        ValueReader(faults: faults).list(key, node) { text throws(ValueError) in text }
    }

    /// The texts of a mapping.
    ///
    /// - Parameter keys: those that there can be; nil for any.
    private func pairs(_ fields: ScenarioFields, _ key: String, keys: [String]? = nil) -> [(String, String)] {
        guard let node = fields.node(key) else { return [] }
        guard case .mapping(let entries) = node.content else {
            faults.report(node.position, "\(key): expected lines of the form 'name: value', found \(node.summary)")
            return []
        }
        return entries.compactMap { entry in
            guard let name = entry.keyText(faults), keys == nil || isSetting(name, entry.key.position) else {
                return nil
            }
            guard case .scalar(let scalar) = entry.value.content else {
                faults.report(entry.value.position, "\(key): expected a text, found \(entry.value.summary)")
                return nil
            }
            return (name, scalar.text)
        }
    }
}
