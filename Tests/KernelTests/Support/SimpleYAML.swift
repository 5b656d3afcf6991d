/// As much of YAML as a statistics file needs: maps and lists by indentation, or flat ones on one line, and scalars.
///
/// It is written for these tests alone, and knows nothing of the code that writes the file.
indirect enum SimpleYAML: Equatable {
    case scalar(String)
    case map([String: SimpleYAML])
    case list([SimpleYAML])

    /// Reads a document; throws on what it does not know.
    init(parsing text: String) throws {
        var lines: [Line] = []
        for line in text.split(separator: "\n") {
            let content = line.drop { $0 == " " }
            guard !content.isEmpty, !content.hasPrefix("#"), content != "---" else { continue }
            lines.append(Line(indentation: line.count - content.count, content: String(content)))
        }
        var rest = lines[...]
        self = try Self.block(&rest)
        guard rest.isEmpty else { throw LabError("not understood: \(rest.map(\.content))") }
    }

    /// The value of a key of a map.
    subscript(key: String) -> SimpleYAML? {
        if case .map(let entries) = self { entries[key] } else { nil }
    }

    /// The items of a list; none for anything else.
    var items: [SimpleYAML] {
        if case .list(let items) = self { items } else { [] }
    }

    /// The entries of a map; none for anything else.
    var entries: [String: SimpleYAML] {
        if case .map(let entries) = self { entries } else { [:] }
    }

    /// The text of a scalar.
    var text: String? {
        if case .scalar(let text) = self { text } else { nil }
    }

    /// The whole number of a scalar.
    var number: Int? { text.flatMap { Int($0) } }
}

extension SimpleYAML {
    private struct Line {
        var indentation: Int
        var content: String
    }

    private static func block(_ lines: inout ArraySlice<Line>) throws -> SimpleYAML {
        guard let first = lines.first else { return .map([:]) }
        return first.content.isItem
            ? try list(&lines, at: first.indentation) : try map(&lines, at: first.indentation)
    }

    private static func list(_ lines: inout ArraySlice<Line>, at indentation: Int) throws -> SimpleYAML {
        var items: [SimpleYAML] = []
        while let line = lines.first, line.indentation == indentation, line.content.isItem {
            lines.removeFirst()
            let content = line.content.dropFirst().drop { $0 == " " }
            if content.isEmpty {
                items.append(try nested(&lines, below: indentation))
            } else if !content.hasPrefix("{"), keyAndValue(content) != nil {
                // The rest of the line begins a map, whose further keys stand below it.
                let inner = indentation + line.content.count - content.count
                lines.insert(Line(indentation: inner, content: String(content)), at: lines.startIndex)
                items.append(try map(&lines, at: inner))
            } else {
                items.append(scalar(content))
            }
        }
        return .list(items)
    }

    private static func map(_ lines: inout ArraySlice<Line>, at indentation: Int) throws -> SimpleYAML {
        var entries: [String: SimpleYAML] = [:]
        while let line = lines.first, line.indentation == indentation, !line.content.isItem {
            guard let (key, value) = keyAndValue(line.content[...]) else {
                throw LabError("neither key nor item: \(line.content)")
            }
            lines.removeFirst()
            entries[key] = value.isEmpty ? try nested(&lines, below: indentation) : scalar(value)
        }
        return .map(entries)
    }

    /// What stands below a key or a dash without a value. A list may stand as far left as its key.
    private static func nested(_ lines: inout ArraySlice<Line>, below indentation: Int) throws -> SimpleYAML {
        guard let next = lines.first,
            next.indentation > indentation || (next.indentation == indentation && next.content.isItem)
        else { return .scalar("") }
        return try block(&lines)
    }

    private static func keyAndValue(_ content: Substring) -> (String, Substring)? {
        var quote: Character?
        for index in content.indices {
            let character = content[index]
            if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'", index == content.startIndex {
                quote = character
            } else if quote == nil, character == ":" {
                let rest = content[content.index(after: index)...]
                guard rest.isEmpty || rest.first == " " else { continue }
                return (unquoted(content[..<index]), rest.drop { $0 == " " })
            }
        }
        return nil
    }

    private static func scalar(_ text: Substring) -> SimpleYAML {
        let isList = text.hasPrefix("[") && text.hasSuffix("]")
        guard isList || text.hasPrefix("{") && text.hasSuffix("}") else { return .scalar(unquoted(text)) }
        let parts = text.dropFirst().dropLast().split(separator: ",").map { $0.drop { $0 == " " } }
        if isList { return .list(parts.map { .scalar(unquoted($0)) }) }
        let entries = parts.compactMap { keyAndValue($0) }.map { ($0.0, SimpleYAML.scalar(unquoted($0.1))) }
        return .map(Dictionary(entries) { first, _ in first })
    }

    private static func unquoted(_ text: Substring) -> String {
        for quote in ["\"", "'"] where text.count >= 2 && text.hasPrefix(quote) && text.hasSuffix(quote) {
            return String(text.dropFirst().dropLast())
        }
        return String(text)
    }
}

extension String {
    fileprivate var isItem: Bool { self == "-" || hasPrefix("- ") }
}
