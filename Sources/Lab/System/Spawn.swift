// The file that starts processes.
import CLinux
import Glibc

/// A process that was started here. It is signalled by its id, and only until it has been waited for.
package final class LabProcess {
    /// How a process ended.
    package enum Ending: Hashable, Sendable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Its id.
    package let id: Int32
    /// How it ended; nil while it has not been found to be over.
    package private(set) var ending: Ending?

    /// Starts a program, which is looked for in PATH where its name has no slash.
    ///
    /// - Parameters:
    ///   - network: the name of the network namespace that it is in; nil for the one of this process.
    ///   - environment: variables besides those of this process.
    ///   - isNode: whether it is a node of a scenario, which gets no variables of this process that speak to the program.
    ///   - output: what becomes its standard output and standard error.
    package init(
        _ program: String, _ arguments: [String], network: String? = nil, environment: [String: String] = [:],
        isNode: Bool = false, output: Int32
    ) throws(LabError) {
        let inherited = Self.environment.filter { variable in
            !environment.keys.contains { variable.hasPrefix("\($0)=") } && !(isNode && variable.hasPrefix("VPNCLOUD_"))
        }
        let variables = inherited + environment.map { "\($0.key)=\($0.value)" }.sorted()
        // All texts live until the call is over; each list ends with nil.
        let process = unsafe withTexts([program] + arguments) { arguments in
            unsafe withTexts(variables) { variables in
                if let network {
                    unsafe clinux_spawn(network, program, arguments, variables, output)
                } else {
                    unsafe clinux_spawn(nil, program, arguments, variables, output)
                }
            }
        }
        guard process > 0 else { throw LabError("cannot start '\(program)'", code: errno) }
        id = process
    }

    deinit { kill() }

    /// Whether there is a program that can be started: at a path, or in PATH where its name has no slash.
    package static func canStart(_ program: String) -> Bool {
        // Texts end with a zero byte, and are copied at once.
        guard !program.contains("/") else { return isProgram(program) }
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        return path.split(separator: ":").contains { isProgram("\($0)/\(program)") }
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        return unsafe access(path, X_OK) == 0
    }

    /// Whether it is over, and how; does not wait.
    @discardableResult
    package func poll() -> Ending? {
        if ending == nil { wait(flags: WNOHANG) }
        return ending
    }

    /// Sends a signal, unless it is over.
    package func signal(_ number: Int32) { if poll() == nil { Glibc.kill(id, number) } }

    /// Waits for its end.
    package func waitForEnd() -> Ending {
        if ending == nil { wait(flags: 0) }
        return ending ?? .exited(-1)
    }

    /// Ends it at once, and waits for that.
    package func kill() {
        guard poll() == nil else { return }
        Glibc.kill(id, SIGKILL)
        wait(flags: 0)
    }

    private func wait(flags: Int32) {
        var status: Int32 = 0
        while true {
            // The call fills in the status.
            let found = unsafe waitpid(id, &status, flags)
            if found < 0, errno == EINTR { continue }
            if found == id {
                let signal = clinux_end_signal(status)
                ending = signal >= 0 ? .signalled(signal) : .exited(clinux_exit_status(status))
            } else if found < 0 {
                ending = .exited(-1)
            }
            return
        }
    }

    /// The variables of this process, each as `NAME=value`.
    private static var environment: [String] {
        var result: [String] = []
        // The list and its texts end with zeros, and nobody changes them meanwhile.
        guard var entry = unsafe clinux_environment() else { return [] }
        while let text = unsafe entry.pointee {
            unsafe result.append(String(cString: text))
            unsafe entry += 1
        }
        return result
    }
}

extension LabProcess.Ending: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exited(let status): "ended with status \(status)"
        case .signalled(let number): "was ended by signal \(number)"
        }
    }
}

/// Gives `body` the texts as a C array with nil at its end.
private func withTexts<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers = unsafe texts.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    // The copies live until they are freed here, after the call.
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the array has nil at least") }
        return unsafe body(base)
    }
}

/// Both ends of a pipe.
struct Pipe {
    let reader: Int32
    let writer: Int32

    init() throws(LabError) {
        var ends: [Int32] = [0, 0]
        // The call fills in both descriptors.
        guard unsafe clinux_pipe(&ends) == 0 else { throw LabError("cannot make a pipe", code: errno) }
        (reader, writer) = (ends[0], ends[1])
    }
}

/// Reads at most so many bytes. Nil where there are none yet, or the call failed; empty at the end.
func readBytes(_ descriptor: Int32, atMost count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    while true {
        // At most as many bytes as the array has.
        let count = unsafe read(descriptor, &bytes, bytes.count)
        if count < 0, errno == EINTR { continue }
        return count < 0 ? nil : Array(bytes[..<count])
    }
}

/// Runs a command to its end, and returns what it wrote. One that fails throws that.
@discardableResult
package func runCommand(_ program: String, _ arguments: [String], network: String? = nil) throws(LabError) -> String {
    let pipe = try Pipe()
    defer { close(pipe.reader) }
    let process: LabProcess
    do {
        defer { close(pipe.writer) }
        process = try LabProcess(program, arguments, network: network, output: pipe.writer)
    }
    var output: [UInt8] = []
    while let piece = readBytes(pipe.reader, atMost: 65_536), !piece.isEmpty { output += piece }
    let ending = process.waitForEnd()
    let text = String(decoding: output, as: UTF8.self)
    guard ending == .exited(0) else {
        let command = ([program] + arguments).joined(separator: " ")
        throw LabError("'\(command)' \(ending): \(text.prefix(2000))")
    }
    return text
}

/// Writes a file, or replaces what is in it, so that those who see it under another name see the new content.
func writeFile(_ path: String, _ text: String) throws(LabError) {
    // A path comes as text that ends with a zero byte.
    let descriptor = unsafe clinux_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw LabError("cannot write '\(path)'", code: errno) }
    defer { close(descriptor) }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        // Only bytes of the slice are written.
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            if errno == EINTR { continue }
            throw LabError("cannot write '\(path)'", code: errno)
        }
        bytes = bytes.dropFirst(count)
    }
}

/// The content of a file; nil where it cannot be read, or has more bytes than that.
func readFile(_ path: String, atMost limit: Int) -> [UInt8]? {
    let descriptor = unsafe clinux_open(path, O_RDONLY, 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var content: [UInt8] = []
    while let piece = readBytes(descriptor, atMost: 65_536) {
        if piece.isEmpty { return content }
        content += piece
        if content.count > limit { return nil }
    }
    return nil
}

/// Nanoseconds of a clock that never goes back.
func monotonicTime() -> UInt64 {
    var time = timespec()
    // The call fills in the value.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
