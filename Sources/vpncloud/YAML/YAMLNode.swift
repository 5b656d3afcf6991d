/// A place in a text file; lines and columns count from 1.
struct TextPosition: Hashable, Sendable {
    let line: Int
    let column: Int
}

/// A value of a YAML document, and where it begins.
struct YAMLNode: Sendable {
    /// The three kinds of values.
    enum Content: Sendable {
        case scalar(YAMLScalar)
        case list([YAMLNode])
        case mapping([YAMLEntry])
    }

    let content: Content
    let position: TextPosition
}

/// A text. What it means is for the reader of the value to say, so that `76706e01` is never taken for a number.
struct YAMLScalar: Hashable, Sendable {
    let text: String
    /// Whether it was written in quotes, as a block, or with the tag of a text: then it is a text and nothing else.
    let isQuoted: Bool

    /// Whether no value was written, or one of the ways in which YAML spells nothing.
    var isNull: Bool { !isQuoted && ["", "~", "null", "Null", "NULL"].contains(text) }
}

/// One `key: value` of a mapping, in the order of the file.
struct YAMLEntry: Sendable {
    let key: YAMLNode
    let value: YAMLNode
}

/// Why a text is no YAML document that this program reads.
struct YAMLError: Error, Hashable, Sendable {
    let position: TextPosition
    let message: String
}

extension YAMLNode {
    /// The kind and value in a few words for messages, such as `a list` or `'70000'`.
    var summary: String {
        switch content {
        case .scalar(let scalar) where scalar.isNull: "nothing"
        case .scalar(let scalar) where scalar.isQuoted: "the quoted text '\(scalar.text.shortenedForMessage)'"
        case .scalar(let scalar): "'\(scalar.text.shortenedForMessage)'"
        case .list: "a list"
        case .mapping: "a mapping"
        }
    }
}

extension String {
    /// At most 60 characters, control characters as `\u{…}`, so that a message stays one readable line.
    var shortenedForMessage: String {
        var result = ""
        for scalar in unicodeScalars.prefix(60) { result += scalar.escaped(asASCII: false) }
        return unicodeScalars.count > 60 ? result + "…" : result
    }
}
