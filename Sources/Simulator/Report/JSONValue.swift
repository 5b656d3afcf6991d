/// A JSON value (RFC 8259). Members of an object keep their order.
package enum JSONValue {
    case null
    case flag(Bool)
    case number(Int64)
    case text(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// A text, or null for none.
    package init(_ text: String?) { self = text.map(JSONValue.text) ?? .null }

    /// A duration in whole nanoseconds, held within 64 bits.
    package static func nanoseconds(_ duration: Duration) -> Self {
        let (seconds, attoseconds) = duration.components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, second) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return .number(overflow || second ? (seconds < 0 ? .min : .max) : sum)
    }

    /// The value as text, what is inside of it being indented by two spaces more.
    package func text(indentation: Int) -> String {
        switch self {
        case .null: return "null"
        case .flag(let flag): return flag ? "true" : "false"
        case .number(let number): return String(number)
        case .text(let text): return Self.quoted(text)
        case .array(let values):
            return Self.block("[", values.map { $0.text(indentation: indentation + 1) }, "]", indentation)
        case .object(let members):
            let lines = members.map { "\(Self.quoted($0)): \($1.text(indentation: indentation + 1))" }
            return Self.block("{", lines, "}", indentation)
        }
    }

    private static func block(_ open: String, _ lines: [String], _ close: String, _ indentation: Int) -> String {
        guard !lines.isEmpty else { return open + close }
        let margin = String(repeating: "  ", count: indentation)
        return "\(open)\n\(margin)  " + lines.joined(separator: ",\n\(margin)  ") + "\n\(margin)\(close)"
    }

    /// A quoted text. Besides what must be escaped, so are the line ends that JavaScript has and JSON has not.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}", "\u{7f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
