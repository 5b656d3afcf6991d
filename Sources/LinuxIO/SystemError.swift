import CLinux
import Glibc

/// Something that the system refused.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What could not be done, in words, with the name of what it was to be done to: `cannot open 'x'`.
    public let operation: String
    /// The system's error code (`errno`), or 0 where the operation failed for another reason, then told in `advice`.
    public let code: Int32
    /// What can be done about it, or more of the cause; may be empty.
    public let advice: String

    /// An error of the given code.
    public init(_ operation: String, code: Int32, advice: String = "") {
        self.operation = operation
        self.code = code
        self.advice = advice
    }

    /// The error of the call that has just failed. To be made before any other call.
    static func last(_ operation: String, advice: String = "") -> SystemError {
        let code = errno
        return SystemError(operation, code: code, advice: advice)
    }

    /// The operation, the system's reason, and what can be done.
    public var description: String {
        var text = operation
        if code != 0 { text += ": \(Self.reason(code))" }
        if !advice.isEmpty { text += code != 0 ? " (\(advice))" : ": \(advice)" }
        return text
    }

    /// The system's words for an error code.
    public static func reason(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        let byteCount = buffer.count
        // The text is in the buffer or a constant of the C library; it is copied before the buffer goes.
        return unsafe buffer.withUnsafeMutableBufferPointer { buffer in
            guard let text = unsafe clinux_error_text(code, buffer.baseAddress, byteCount) else {
                return "error \(code)"
            }
            return unsafe String(cString: text)
        }
    }
}
