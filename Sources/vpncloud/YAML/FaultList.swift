/// A fault of a file: `FILE:LINE:COLUMN: MESSAGE`.
struct Diagnostic: Error, Hashable, Sendable, CustomStringConvertible {
    let file: String
    let position: TextPosition
    let message: String

    /// One line, in the form that editors jump to.
    var description: String { "\(file):\(position.line):\(position.column): \(message)" }
}

/// All faults of a configuration file or a scenario file, in the order of the file.
struct ConfigurationFileError: Error, Hashable, Sendable {
    /// The most faults that are told one by one.
    static let maximumDiagnostics = 100

    let diagnostics: [Diagnostic]
    /// How many there are beyond these.
    var more = 0
}

/// The faults of a file as they are found, in any order.
final class FaultList {
    private let file: String
    private var diagnostics: [Diagnostic] = []
    private var more = 0

    /// No faults yet, of a file of this name.
    init(file: String) { self.file = file }

    /// Whether there is none.
    var isEmpty: Bool { diagnostics.isEmpty }

    /// Whether further faults are counted only.
    var isFull: Bool { diagnostics.count >= ConfigurationFileError.maximumDiagnostics }

    func report(_ position: TextPosition, _ message: String) {
        guard !isFull else {
            more += 1
            return
        }
        diagnostics.append(Diagnostic(file: file, position: position, message: message))
    }

    /// Throws what was found, where something was.
    func throwIfAny() throws(ConfigurationFileError) {
        guard !diagnostics.isEmpty else { return }
        let sorted = diagnostics.sorted {
            ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column)
        }
        throw ConfigurationFileError(diagnostics: sorted, more: more)
    }
}

extension YAMLNode {
    /// As ``parse(_:)``, with the fault of the file called `name`.
    static func parse(_ bytes: [UInt8], file name: String) throws(ConfigurationFileError) -> YAMLNode? {
        do {
            return try parse(bytes)
        } catch {
            throw ConfigurationFileError(
                diagnostics: [Diagnostic(file: name, position: error.position, message: error.message)])
        }
    }
}
