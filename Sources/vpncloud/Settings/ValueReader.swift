/// Reads the values of keys by the functions that know their texts, and reports what is wrong with them.
struct ValueReader {
    let faults: FaultList

    /// A single value. One that is spelled out as null counts as not written.
    func value<Value>(
        _ key: String, _ node: YAMLNode, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
        if case .scalar(let scalar) = node.content {
            if scalar.isNull, !scalar.text.isEmpty { return nil }
            return parsed(key, node, scalar, parse)
        }
        faults.report(node.position, "\(key): \(Self.expectation(of: parse)), found \(node.summary)")
        return nil
    }

    /// A number, which must not be quoted.
    func number<Value>(
        _ key: String, _ node: YAMLNode, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
        if case .scalar(let scalar) = node.content, scalar.isQuoted {
            faults.report(
                node.position, "\(key): \(Self.expectation(of: parse)), found \(node.summary); leave out the quotes")
            return nil
        }
        return value(key, node, parse)
    }

    /// A text that says something.
    func text(_ key: String, _ node: YAMLNode, _ what: String) -> String? {
        value(key, node) { text throws(ValueError) in try SettingValues.nonEmpty(text, what) }
    }

    /// YAML 1.1 and 1.2 agree on these spellings.
    func boolean(_ key: String, _ node: YAMLNode) -> Bool? {
        number(key, node) { text throws(ValueError) in
            switch text.lowercased() {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: throw .expected("true or false")
            }
        }
    }

    /// A list. Nothing at all counts as an empty one, for a list whose lines are all comments.
    func list<Value>(
        _ key: String, _ node: YAMLNode, _ parse: (String) throws(ValueError) -> Value
    ) -> [Value] {
        switch node.content {
        case .scalar(let scalar) where scalar.isNull: return []
        case .list(let items):
            return items.compactMap { item in
                guard case .scalar(let scalar) = item.content else {
                    faults.report(
                        item.position,
                        "\(key): \(Self.expectation(of: parse)), found \(item.summary)\(Self.quoteHint(item))")
                    return nil
                }
                return parsed(key, item, scalar, parse)
            }
        default:
            faults.report(node.position, "\(key): expected a list, one '- value' a line, found \(node.summary)")
            return []
        }
    }

    private func parsed<Value>(
        _ key: String, _ node: YAMLNode, _ scalar: YAMLScalar, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
        do {
            return try parse(scalar.text)
        } catch {
            switch error {
            case .expected(let what):
                faults.report(node.position, "\(key): expected \(what), found \(node.summary)")
            case .faulty(let how):
                faults.report(node.position, "\(key): '\(scalar.text.shortenedForMessage)' is not right: \(how)")
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
