import Glibc

/// Why the lab cannot play a scenario, in words for people.
package struct LabError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// What the system's last call did not do.
    init(_ what: String, code: Int32) { self.init("\(what): \(Self.text(of: code))") }

    /// The system's words for an error code.
    static func text(of code: Int32) -> String {
        // The text is constant, or belongs to this thread until the next call.
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}
