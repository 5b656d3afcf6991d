// The one file that talks to libyaml.
import CYAML

extension YAMLNode {
    /// The bounds of a document; a configuration is far below them.
    enum Bounds {
        static let byteCount = 1 << 20
        static let depth = 16
        static let nodes = 100_000
    }

    /// Reads the one document of a text.
    ///
    /// Anchors, aliases, and tags other than that of a text are refused: a configuration says what it means.
    ///
    /// - Returns: the document, or nil where the text has none: it is empty, or all comments.
    static func parse(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode? {
        guard bytes.count <= Bounds.byteCount else {
            throw YAMLError(
                position: TextPosition(line: 1, column: 1),
                message: "the file has \(bytes.count) bytes; at most \(Bounds.byteCount) are read")
        }
        var reader = YAMLReader(bytes)
        return try reader.document()
    }
}

/// Builds a tree from libyaml's events, with its own stack, so that no input can exhaust the program's.
@safe private struct YAMLReader: ~Copyable {
    /// A list or mapping that is not complete yet.
    private struct Open {
        let position: TextPosition
        let isMapping: Bool
        var values: [YAMLNode] = []
    }

    // libyaml keeps a pointer to the parser and one to the text: both are allocated here and freed in `deinit`.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>
    private var open: [Open] = []
    private var root: YAMLNode?
    private var documents = 0
    private var nodes = 0

    init(_ bytes: [UInt8]) {
        unsafe text = .allocate(capacity: bytes.count)
        unsafe _ = text.initialize(from: bytes)
        unsafe parser = .allocate(capacity: 1)
        // Fails only where there is no memory, as `allocate` does.
        let status = unsafe yaml_parser_initialize(parser)
        precondition(status == 1, "libyaml must initialise its parser")
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// The document, or nil where there is none.
    mutating func document() throws(YAMLError) -> YAMLNode? {
        while true {
            var event = unsafe yaml_event_t()
            guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
            // What an event points to lives until it is deleted; `take` copies what it keeps.
            defer { unsafe yaml_event_delete(&event) }
            if unsafe event.type == YAML_STREAM_END_EVENT { return root }
            unsafe try take(event)
        }
    }

    private mutating func take(_ event: yaml_event_t) throws(YAMLError) {
        let position = unsafe TextPosition(event.start_mark)
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT:
            documents += 1
            if documents > 1 { throw YAMLError(position: position, message: "a file holds one YAML document only") }
        case YAML_ALIAS_EVENT:
            throw YAMLError(position: position, message: "aliases (*name) are not supported; write the value out")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let isText = unsafe try check(anchor: scalar.anchor, tag: scalar.tag, kind: "str", at: position)
            // The value has `length` bytes, which libyaml has found to be UTF-8.
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let plain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            try add(.scalar(YAMLScalar(text: text, isQuoted: !plain || isText)), at: position)
        case YAML_SEQUENCE_START_EVENT:
            let list = unsafe event.data.sequence_start
            _ = unsafe try check(anchor: list.anchor, tag: list.tag, kind: "seq", at: position)
            try begin(Open(position: position, isMapping: false))
        case YAML_MAPPING_START_EVENT:
            let mapping = unsafe event.data.mapping_start
            _ = unsafe try check(anchor: mapping.anchor, tag: mapping.tag, kind: "map", at: position)
            try begin(Open(position: position, isMapping: true))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: try end()
        default: break
        }
    }

    /// Refuses anchors and foreign tags. Returns whether the tag of this kind is there.
    private func check(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, kind: String,
        at position: TextPosition
    ) throws(YAMLError) -> Bool {
        if unsafe anchor != nil {
            throw YAMLError(position: position, message: "anchors (&name) are not supported; leave them out")
        }
        guard let tag = unsafe tag else { return false }
        // Tags end with a zero byte.
        let name = unsafe String(cString: tag)
        guard name == "tag:yaml.org,2002:\(kind)" || name == "!" else {
            throw YAMLError(
                position: position, message: "the tag '\(name.shortenedForMessage)' is not supported; leave it out")
        }
        return true
    }

    private mutating func begin(_ container: Open) throws(YAMLError) {
        guard open.count < YAMLNode.Bounds.depth else {
            throw YAMLError(
                position: container.position,
                message: "lists and mappings are nested deeper than \(YAMLNode.Bounds.depth) levels")
        }
        open.append(container)
    }

    private mutating func end() throws(YAMLError) {
        guard let container = open.popLast() else { return }
        guard container.isMapping else { return try add(.list(container.values), at: container.position) }
        // libyaml gives every key its value.
        let entries = stride(from: 0, to: container.values.count - 1, by: 2).map {
            YAMLEntry(key: container.values[$0], value: container.values[$0 + 1])
        }
        try add(.mapping(entries), at: container.position)
    }

    private mutating func add(_ content: YAMLNode.Content, at position: TextPosition) throws(YAMLError) {
        nodes += 1
        guard nodes <= YAMLNode.Bounds.nodes else {
            throw YAMLError(
                position: position, message: "the file holds more than \(YAMLNode.Bounds.nodes) values")
        }
        let node = YAMLNode(content: content, position: position)
        if open.isEmpty { root = node } else { open[open.count - 1].values.append(node) }
    }
}

extension YAMLReader {
    /// What libyaml has to say, with a hint where the usual cause is known.
    private func syntaxError() -> YAMLError {
        let (error, offset, value) = unsafe (
            parser.pointee.error, parser.pointee.problem_offset, parser.pointee.problem_value
        )
        if error == YAML_READER_ERROR {
            // The offset counts bytes of the text; where it lies beyond, the end is meant.
            let before = unsafe text.prefix(min(offset, text.count))
            let line = unsafe before.count { $0 == UInt8(ascii: "\n") }
            let column = unsafe before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count
            let what =
                value < 0
                ? "a byte that is not UTF-8"
                : "the byte or character \(String(value, radix: 16)) (hexadecimal), which YAML does not allow"
            return YAMLError(
                position: TextPosition(line: line + 1, column: column + 1), message: "this is no text: it holds \(what)"
            )
        }
        // libyaml's messages are constant texts that end with a zero byte.
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "cannot be read"
        let position = unsafe TextPosition(parser.pointee.problem_mark)
        let advice = unsafe hint(at: parser.pointee.problem_mark)
        return YAMLError(position: position, message: "this is not valid YAML: \(problem)\(advice)")
    }

    private func hint(at mark: yaml_mark_t) -> String {
        let bytes = unsafe [UInt8](text)
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard mark.line < lines.count else { return "" }
        let line = String(decoding: lines[mark.line], as: UTF8.self)
        let previous = mark.line > 0 ? String(decoding: lines[mark.line - 1], as: UTF8.self) : ""
        if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") { return "; indent with blanks, not tabs" }
        if (line + previous).contains("- [") { return "; put an address in brackets into quotes" }
        if (line + previous).contains(": ") { return "; put a text with special characters into quotes" }
        return ""
    }
}

extension TextPosition {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: mark.line + 1, column: mark.column + 1)
    }
}
