/// JSON (RFC 8259) on one line, of texts that hold nothing but letters, digits and punctuation of ASCII.
package enum JSONLine {
    /// An object; values are JSON, and members keep their order.
    package static func object(_ members: [(String, String)]) -> String {
        "{\(members.map { "\"\($0)\":\($1)" }.joined(separator: ","))}"
    }

    /// An array; values are JSON.
    package static func array(_ values: [String]) -> String { "[\(values.joined(separator: ","))]" }

    /// A text in quotes.
    package static func text(_ text: String) -> String {
        precondition(
            text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") },
            "what is written here needs no escapes")
        return "\"\(text)\""
    }
}
