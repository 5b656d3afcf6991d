import Foundation
import Glibc

/// How a node is started.
struct NodeOptions {
    enum Device: String, CaseIterable { case tun, tap }
    enum Crypto: String, CaseIterable { case none, chacha20, aes256 }

    var device = Device.tap
    var crypto = Crypto.chacha20
    var mode: String?
    /// Addresses to connect to; port 3210 unless one is given.
    var peers: [String] = []
    /// What it claims; nil for its own two addresses with TUN, nothing with TAP.
    var subnets: [String]?
    /// The device's addresses; nil for the host's two.
    var addresses: [String]?
    /// Whether a router is asked for a port.
    var forwardsPort = false
    var port = 3210
    /// Whether log lines about single messages are wanted.
    var verbose = true
    /// The command for the device; nil for one that gives it its addresses.
    var ifup: String?
    /// Whether it gets a statistics file of the lab's.
    var writesStatistics = true
    /// Files that stand in the node's sight for /etc/resolv.conf and /etc/hosts.
    var resolverConfiguration: String?
    var hostNames: String?
    /// What a shell does in the process that then becomes the program.
    var prelude: String?
    /// Further options, and variables of the environment.
    var more: [String] = []
    var environment: [String: String] = [:]
}

/// The program, running on a host.
final class Node {
    /// The name of every node's device.
    static let device = "vpn0"
    /// The key of every encrypted network.
    static let key = "a key for tests"

    let host: Host
    let options: NodeOptions
    let arguments: [String]
    let process: Child
    let statisticsPath: String

    fileprivate init(_ options: NodeOptions, on host: Host) throws {
        let lab = host.namespace.lab
        let name = "node\(host.number)-\(lab.nodes.count)"
        statisticsPath = "\(lab.directory)/\(name).stats"
        self.host = host
        self.options = options
        let statistics = options.writesStatistics ? ["--stats-file", statisticsPath] : []
        arguments = Self.arguments(options, on: host) + statistics + options.more
        var environment = options.environment
        environment["VPNCLOUD_STATS_INTERVAL"] = environment["VPNCLOUD_STATS_INTERVAL"] ?? "1"
        process = try lab.start(
            host.namespace.inside(Self.mounts(options) + [try Program.path()] + arguments), environment: environment,
            name: name)
        lab.add(self)
    }

    private static func arguments(_ options: NodeOptions, on host: Host) -> [String] {
        var list = ["--type", options.device.rawValue, "--device", device, "--listen", "\(options.port)"]
        if options.crypto != .none { list += ["--shared-key", key, "--crypto", options.crypto.rawValue] }
        if let mode = options.mode { list += ["--mode", mode] }
        for peer in options.peers { list += ["--connect", peer.hasPort ? peer : peer.withPort(options.port)] }
        let own = options.device == .tun ? ["\(host.inner4)/32", "\(host.inner6)/128"] : []
        for subnet in options.subnets ?? own { list += ["--subnet", subnet] }
        if !options.forwardsPort { list.append("--no-port-forwarding") }
        if options.verbose { list.append("--verbose") }
        return list + ["--ifup", ifup(options, on: host)]
    }

    /// What comes before the program on its command line. `ip netns exec` gives it mounts of its own.
    private static func mounts(_ options: NodeOptions) -> [String] {
        let pairs = [(options.resolverConfiguration, "/etc/resolv.conf"), (options.hostNames, "/etc/hosts")]
        let commands = pairs.compactMap { file, place in file.map { "mount --bind \($0) \(place) && " } }
        let prelude = options.prelude.map { "\($0); " } ?? ""
        let before = commands.joined() + prelude
        return before.isEmpty ? [] : ["sh", "-c", before + "exec \"$0\" \"$@\""]
    }

    private static func ifup(_ options: NodeOptions, on host: Host) -> String {
        if let command = options.ifup { return command }
        // A fixed MAC address, so that a node that was started anew is not a new station to its neighbours.
        let mac = options.device == .tap ? "ip link set $IFNAME address \(host.mac) && " : ""
        let addresses = (options.addresses ?? ["\(host.inner4)/16", "\(host.inner6)/16"])
            .map { $0.contains(":") ? " && ip addr add \($0) dev $IFNAME nodad" : " && ip addr add \($0) dev $IFNAME" }
        return mac + "ip link set $IFNAME mtu 1400 up" + addresses.joined()
    }
}

extension Host {
    /// Starts a node and waits until its device is configured.
    @discardableResult
    func start(_ options: NodeOptions) async throws -> Node {
        let node = try Node(options, on: self)
        try await waitUntil("\(node.arguments) configures its device", every: .milliseconds(10)) {
            if let ending = node.process.poll() { throw LabError("the node ended at its start: \(ending)") }
            if options.writesStatistics, contents(of: node.statisticsPath) == nil { return false }
            return try await self.hasConfiguredDevice(options)
        }
        return node
    }

    /// Starts a node without waiting for anything.
    func launch(_ options: NodeOptions) throws -> Node { try Node(options, on: self) }

    /// Whether the node's device is there with its last address.
    func hasConfiguredDevice(_ options: NodeOptions = NodeOptions()) async throws -> Bool {
        let address = options.addresses.map { $0.last?.prefix { $0 != "/" } } ?? Substring(inner6)
        let shown = try await namespace.lab.run(["ip", "-n", namespace.name, "-o", "addr", "show", "dev", Node.device])
        return shown.succeeded && (address.map { shown.output.contains(" \($0)/") } ?? true)
    }
}

extension Node {
    /// Everything it has logged.
    var log: String { process.output }

    /// The end of the log.
    var recentLog: String { log.split(separator: "\n").suffix(60).joined(separator: "\n") }

    /// What its statistics file says now.
    func statistics() throws -> Statistics {
        Statistics(try SimpleYAML(parsing: try require(contents(of: statisticsPath), statisticsPath)))
    }

    /// Ends it with a signal and waits for that.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM, within timeout: Duration = .seconds(5)) async throws -> ProcessEnding {
        process.signal(signal)
        return try await process.wait(within: timeout)
    }

    /// Whether both inner addresses of another node answer.
    func pings(_ other: Node) async throws -> Bool {
        guard try await host.namespace.pings(other.host.inner4) else { return false }
        return try await host.namespace.pings(other.host.inner6)
    }

    /// Waits until both inner addresses of another node answer.
    @discardableResult
    func reaches(_ other: Node, within timeout: Duration = .seconds(8)) async throws -> Duration {
        try await waitUntil("\(host.namespace.name) reaches \(other.host.namespace.name)", within: timeout) {
            try await self.pings(other)
        }
    }
}

/// The built program.
enum Program {
    /// Beside the running test, where the build puts both; VPNCLOUD_PROGRAM names another.
    static func path() throws -> String {
        if let named = ProcessInfo.processInfo.environment["VPNCLOUD_PROGRAM"] { return named }
        let test = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = test.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/vpncloud"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw LabError("there is no program at \(path)")
        }
        return path
    }
}

extension String {
    fileprivate var hasPort: Bool {
        contains("]:") || (split(separator: ":", omittingEmptySubsequences: false).count == 2)
    }
    fileprivate func withPort(_ port: Int) -> String { contains(":") ? "[\(self)]:\(port)" : "\(self):\(port)" }
}
