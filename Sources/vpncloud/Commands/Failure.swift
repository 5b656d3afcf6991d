import Glibc

/// Why the program ends other than well: what to print, and its exit status.
struct Failure: Error, Hashable, Sendable {
    /// One line each; the first names the program, as others do.
    let lines: [String]
    let status: Int32

    /// Options or the configuration file are wrong.
    static func usage(_ message: String) -> Self { Self(lines: ["vpncloud: \(message)"], status: 2) }

    /// The faults of a configuration file, each a line of its own.
    static func configuration(_ error: ConfigurationFileError) -> Self {
        let lines = error.diagnostics.map(\.description)
        let rest = "vpncloud: \(Count(error.more, "more fault")) of the file not shown"
        return Self(lines: error.more > 0 ? lines + [rest] : lines, status: 2)
    }

    /// Something that should work did not.
    static func runTime(_ message: String) -> Self { Self(lines: ["vpncloud: \(message)"], status: 1) }
}

extension Failure {
    /// A failure is itself; anything else happened at run time.
    init(_ error: any Error) { self = error as? Failure ?? .runTime("\(error)") }
}

/// Prints a line to the standard error stream. What cannot be written is lost.
func print(toStandardError line: String) {
    try? writeAll(Array((line + "\n").utf8), to: STDERR_FILENO)
}
