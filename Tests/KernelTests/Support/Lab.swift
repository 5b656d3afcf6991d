import Foundation
import Glibc
import Synchronization
import Testing

/// A small network of namespaces that one test owns.
///
/// Everything has names with the id of the test process, so that several may run at once, and so that what a killed
/// one leaves behind is found and removed by the next.
final class Lab {
    /// Whether this machine lets us make namespaces and devices.
    static let isPossible = geteuid() == 0 && FileManager.default.isWritableFile(atPath: "/dev/net/tun")
    /// Why tests are skipped where it does not.
    static let needs: Comment = "needs root and /dev/net/tun"

    static let prefix = "vpnlab-"
    private static let numbers = Counter()
    private static let stale: Void = removeStale()

    /// A folder for files of this lab. Every user may write into it.
    let directory: String
    private let name: String
    private var namespaces: [Namespace] = []
    private var children: [Child] = []
    private var outputs = 0
    /// The nodes that were started, for their logs.
    private(set) var nodes: [Node] = []

    fileprivate init() throws {
        _ = Self.stale
        name = "\(Self.prefix)\(getpid())-\(Self.numbers.next())"
        directory = "/tmp/\(name)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: directory)
    }

    /// A new namespace with nothing but its loopback device.
    func namespace(_ suffix: String) async throws -> Namespace {
        let namespace = Namespace(name: "\(name)-\(suffix)", lab: self)
        namespaces.append(namespace)
        try await succeed(["ip", "netns", "add", namespace.name])
        try await namespace.ip("link set lo up")
        return namespace
    }

    /// A cable between two namespaces. Both ends are up.
    func connect(_ left: Namespace, _ leftDevice: String, _ right: Namespace, _ rightDevice: String) async throws {
        try await left.ip(
            "link add \(leftDevice) type veth peer name \(rightDevice) netns \(right.name)",
            "link set \(leftDevice) up")
        try await right.ip("link set \(rightDevice) up")
    }

    /// So many machines on one switch, each with an IPv4 and an IPv6 address (see ``Host``).
    func hosts(_ count: Int) async throws -> [Host] {
        let net = try await namespace("net")
        try await net.ip("link add switch type bridge mcast_snooping 0", "link set switch up")
        var hosts: [Host] = []
        for number in 1...count {
            let host = Host(number: number, namespace: try await namespace("h\(number)"))
            try await net.ip(
                "link add port\(number) master switch type veth peer name eth0 netns \(host.namespace.name)",
                "link set port\(number) up")
            try await host.namespace.ip(
                "link set eth0 up", "addr add \(host.ipv4)/24 dev eth0", "addr add \(host.ipv6)/64 dev eth0 nodad")
            hosts.append(host)
        }
        return hosts
    }

    /// Starts a process that ends with the lab.
    func start(_ arguments: [String], environment: [String: String] = [:], name: String) throws -> Child {
        outputs += 1
        let child = try Child(
            arguments, environment: environment, outputPath: "\(directory)/\(outputs)-\(name).out")
        children.append(child)
        return child
    }

    /// Runs a command to its end.
    func run(_ arguments: [String], within timeout: Duration = .seconds(20)) async throws -> CommandResult {
        outputs += 1
        let path = "\(directory)/\(outputs).out"
        let child = try Child(arguments, outputPath: path)
        defer {
            child.end()
            removeFile(path)
        }
        return CommandResult(ending: try await child.wait(within: timeout), output: child.output)
    }

    /// Runs a command that must succeed, and returns its output.
    @discardableResult
    func succeed(_ arguments: [String]) async throws -> String {
        let result = try await run(arguments)
        guard result.ending == .exited(0) else {
            throw LabError("\(arguments.joined(separator: " ")): \(result.ending) \(result.output)")
        }
        return result.output
    }

    /// Writes a file into the lab's folder and returns its path.
    func write(_ text: String, to name: String) throws -> String {
        let path = "\(directory)/\(name)"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }

    func add(_ node: Node) { nodes.append(node) }

    /// What all nodes wrote, for the report of a failure.
    fileprivate var report: String {
        nodes.map { "--- \($0.host.namespace.name) \($0.arguments.joined(separator: " "))\n\($0.recentLog)" }
            .joined(separator: "\n")
    }

    /// Ends every process and removes every namespace. Blocks for some milliseconds.
    fileprivate func close() {
        for child in children { child.end() }
        for namespace in namespaces { Self.remove(namespace: namespace.name) }
        try? FileManager.default.removeItem(atPath: directory)
    }
}

/// What a command said, and how it ended.
struct CommandResult {
    let ending: ProcessEnding
    let output: String
    var succeeded: Bool { ending == .exited(0) }
}

/// Runs a test in a lab of its own, which is taken down also if the test fails. The logs of its nodes are then printed.
func withLab(_ test: (Lab) async throws -> Void) async throws {
    let lab = try Lab()
    defer { lab.close() }
    do {
        try await test(lab)
    } catch {
        print(lab.report)
        throw error
    }
}

extension Lab {
    /// Removes what test processes that are no more have left.
    private static func removeStale() {
        for folder in ["/run/netns", "/tmp"] {
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                guard entry.hasPrefix(prefix), let pid = pid_t(entry.dropFirst(prefix.count).prefix { $0 != "-" }),
                    kill(pid, 0) == -1, errno == ESRCH
                else { continue }
                if folder == "/tmp" {
                    try? FileManager.default.removeItem(atPath: "/tmp/\(entry)")
                } else {
                    remove(namespace: entry)
                }
            }
        }
    }

    /// Ends the processes in a namespace of ours, by their ids, and removes it.
    private static func remove(namespace: String) {
        let path = "/tmp/\(namespace).pids"
        defer { removeFile(path) }
        // Twice: a process may have started another between listing and killing.
        for _ in 0..<2 {
            removeFile(path)
            waitBlocking(["ip", "netns", "pids", namespace], path)
            let pids = (contents(of: path) ?? "").split(separator: "\n").compactMap { pid_t($0) }
            if pids.isEmpty { break }
            for pid in pids { kill(pid, SIGKILL) }
        }
        waitBlocking(["ip", "netns", "del", namespace], path)
    }

    private static func waitBlocking(_ arguments: [String], _ outputPath: String) {
        guard let child = try? Child(arguments, outputPath: outputPath) else { return }
        while child.poll() == nil { usleep(500) }
    }
}

/// Numbers for names, each once.
private final class Counter: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
        value.withLock {
            $0 += 1
            return $0
        }
    }
}
