import CIsolation
import Glibc
import VPNLinuxIO

/// What a test needs of the machine. Where it is missing, the test is named as skipped.
enum Machine {
    static let isRoot = geteuid() == 0
    /// Whether network namespaces and TUN/TAP devices can be made.
    static let hasDevices = unsafe isRoot && access("/dev/net/tun", R_OK | W_OK) == 0
    /// Whether the program is optimised. Without optimisation the standard library's generic code allocates by itself.
    static var isOptimised: Bool {
        var assertionsRun = false
        assert({ assertionsRun = true }() == ())
        return !assertionsRun
    }

    /// Whether a program is installed.
    static func has(_ program: String) -> Bool {
        ["/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"].contains { unsafe access($0 + program, X_OK) == 0 }
    }
}

/// Something that the machine would not do for a test.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Runs `body` on a thread in a network namespace of its own, in which only the loopback device is up. Everything that it
/// starts is in there as well, and nothing outlasts it.
func isolated<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await onThread {
        let status = enter_new_network_namespace()
        guard status == 0 else { throw TestFailure("no network namespace: \(SystemError.reason(-status))") }
        try shell("ip link set lo up")
        return try body()
    }
}

/// Runs `body` on a thread of its own, which may block.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        detach { continuation.resume(with: Swift.Result { try body() }) }
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a thread that nobody waits for.
func detach(_ run: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    // The thread takes over the reference.
    let status = unsafe pthread_create(
        &thread, nil,
        { body in
            guard let body = unsafe body else { return nil }
            unsafe Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run()
            return nil
        }, Unmanaged.passRetained(Body(run)).toOpaque())
    precondition(status == 0, "a test needs a thread")
    pthread_detach(thread)
}

/// Runs a shell command in the namespace of the calling thread; it must succeed.
func shell(_ command: String) throws {
    let outcome = HookCommand.run(command, interface: "")
    guard outcome == .exited(0) else { throw TestFailure("'\(command)' \(outcome)") }
}

/// Waits until a condition holds, which is asked for again and again.
func eventually(
    _ what: String, within limit: Duration = .seconds(10), _ condition: () throws -> Bool
) throws {
    let start = ContinuousClock.now
    while try !condition() {
        guard ContinuousClock.now - start < limit else { throw TestFailure("in vain: \(what)") }
        usleep(2_000)
    }
}

/// A directory that is removed with everything in it.
struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        var template = Array("/tmp/linuxio-tests-XXXXXX".utf8CString)
        // The template is replaced in place by the name that was made of it.
        guard unsafe mkdtemp(&template) != nil else { throw TestFailure("no temporary directory") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { _ = HookCommand.run("rm -rf '\(path)'", interface: "") }
}

/// The whole text of a small file; nil where it cannot be read.
func contents(of path: String) -> String? {
    guard let file = unsafe fopen(path, "re") else { return nil }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
}
