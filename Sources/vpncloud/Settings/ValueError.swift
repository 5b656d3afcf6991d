/// Why a text is no value of a setting. The place where it was written is added by who reads it.
enum ValueError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Something else was expected; the text says what, as in `a port number from 1 to 65535`.
    case expected(String)
    /// It is of the right kind, but faulty; the text says how, and what would be right.
    case faulty(String)

    /// What would be right. Follows a text that quotes the value.
    var description: String {
        switch self {
        case .expected(let what): "expected \(what)"
        case .faulty(let how): how
        }
    }
}
