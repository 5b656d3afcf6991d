import VPNSimulator

/// The keys of one mapping in a scenario file, each with its value, and the readers of these.
struct ScenarioFields {
    /// Where the mapping begins.
    let position: TextPosition
    /// The entries whose keys are known, in the order of the file, each key once.
    let entries: [(key: String, position: TextPosition, value: YAMLNode)]
    let faults: FaultList

    /// Reports all keys that are unknown or written twice; nil, and a fault, where the node is no mapping.
    ///
    /// - Parameters:
    ///   - what: what was expected.
    ///   - refusal: why a known key makes no sense here; nil where it does.
    init?(
        _ node: YAMLNode, _ what: String, keys: [String], faults: FaultList,
        refusal: (String) -> String? = { _ in nil }
    ) {
        guard case .mapping(let written) = node.content else {
            faults.report(node.position, "expected \(what), found \(node.summary)")
            return nil
        }
        var known: [(key: String, position: TextPosition, value: YAMLNode)] = []
        var places: [String: TextPosition] = [:]
        for entry in written {
            guard let key = entry.keyText(faults) else { continue }
            if let reason = refusal(key) {
                faults.report(entry.key.position, reason)
            } else if !keys.contains(key) {
                let advice = faults.isFull ? "" : Spelling.advice(onUnknown: key, among: keys, called: "keys here")
                faults.report(entry.key.position, "unknown key '\(key.shortenedForMessage)'; \(advice)")
            } else if let first = places[key] {
                faults.report(entry.key.position, "'\(key)' is already set in line \(first.line); keep one of them")
            } else {
                places[key] = entry.key.position
                known.append((key, entry.key.position, entry.value))
            }
        }
        position = node.position
        entries = known
        self.faults = faults
    }

    private var values: ValueReader { ValueReader(faults: faults) }

    /// The value of a key, where it is written and not spelled out as null.
    func node(_ key: String) -> YAMLNode? {
        guard let value = entries.first(where: { $0.key == key })?.value else { return nil }
        if case .scalar(let scalar) = value.content, scalar.isNull, !scalar.text.isEmpty { return nil }
        return value
    }

    func has(_ key: String) -> Bool { node(key) != nil }

    /// Where the value of a key is, else the mapping.
    func place(_ key: String) -> TextPosition { node(key)?.position ?? position }

    func value<Value>(_ key: String, _ parse: (String) throws(ValueError) -> Value) -> Value? {
        node(key).flatMap { values.value(key, $0, parse) }
    }

    func number<Value>(_ key: String, _ parse: (String) throws(ValueError) -> Value) -> Value? {
        node(key).flatMap { values.number(key, $0, parse) }
    }

    func boolean(_ key: String) -> Bool? { node(key).flatMap { values.boolean(key, $0) } }

    func duration(_ key: String) -> Duration? { value(key, ScenarioValues.duration) }

    func probability(_ key: String) -> Probability? { value(key, ScenarioValues.probability) }

    /// Reports that a key is missing where it is.
    ///
    /// - Parameter what: what it would say, and an example.
    @discardableResult
    func require(_ key: String, _ what: String) -> Bool {
        if has(key) { return true }
        faults.report(position, "'\(key)' is missing: \(what)")
        return false
    }

    func report(_ key: String, _ message: String) { faults.report(place(key), "\(key): \(message)") }

    /// The items of a list; one that holds nothing counts as empty.
    func list(_ key: String) -> [YAMLNode] {
        guard let node = node(key) else { return [] }
        switch node.content {
        case .list(let items): return items
        case .scalar(let scalar) where scalar.isNull: return []
        default:
            faults.report(node.position, "\(key): expected a list, found \(node.summary)")
            return []
        }
    }
}

extension YAMLEntry {
    /// The key as a text; nil, and a fault, where it is none.
    func keyText(_ faults: FaultList) -> String? {
        if case .scalar(let scalar) = key.content { return scalar.text }
        faults.report(key.position, "expected a key, found \(key.summary)")
        return nil
    }
}

extension YAMLNode {
    /// Whether this is a list without items, or nothing at all.
    var isEmptyList: Bool {
        switch content {
        case .list(let items): items.isEmpty
        case .scalar(let scalar): scalar.isNull
        case .mapping: false
        }
    }

    /// The value on one line, as it could stand in a file.
    var flowText: String {
        switch content {
        case .scalar(let scalar): scalar.text.shortenedForMessage
        case .list(let items): "[\(items.map(\.flowText).joined(separator: ", "))]"
        case .mapping(let entries):
            "{ \(entries.map { "\($0.key.flowText): \($0.value.flowText)" }.joined(separator: ", ")) }"
        }
    }
}
