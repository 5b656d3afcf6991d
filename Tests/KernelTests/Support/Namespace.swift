/// A network namespace of a lab.
struct Namespace {
    let name: String
    unowned let lab: Lab

    /// Where the kernel's handle on it is.
    var path: String { "/run/netns/\(name)" }

    /// The command line that runs `arguments` inside. The process that starts it becomes it: the id stays the same.
    func inside(_ arguments: [String]) -> [String] { ["ip", "netns", "exec", name] + arguments }

    /// Runs a command inside, to its end.
    func run(_ arguments: String...) async throws -> CommandResult { try await lab.run(inside(arguments)) }

    /// Runs a command inside that must succeed.
    @discardableResult
    func succeed(_ arguments: String...) async throws -> String { try await lab.succeed(inside(arguments)) }

    /// Runs a shell line inside that must succeed.
    @discardableResult
    func shell(_ line: String) async throws -> String { try await lab.succeed(inside(["sh", "-c", line])) }

    /// Runs `ip` commands inside, all of which must succeed.
    func ip(_ commands: String...) async throws {
        let batch = try lab.write(commands.joined(separator: "\n") + "\n", to: "ip.batch")
        try await lab.succeed(["ip", "-n", name, "-batch", batch])
    }

    /// Whether an address answers one ping within a moment.
    func pings(_ address: String, within seconds: Double = 0.3) async throws -> Bool {
        try await lab.run(["ip", "netns", "exec", name, "ping", "-n", "-q", "-c", "1", "-W", "\(seconds)", address])
            .succeeded
    }

    /// How many of `count` pings are answered whose IP packets are `bytes` long and may not be fragmented.
    func answeredPings(_ address: String, bytes: Int, count: Int) async throws -> Int {
        let headers = address.contains(":") ? 48 : 28
        let result = try await run(
            "ping", "-n", "-q", "-c", "\(count)", "-i", "0.02", "-W", "1", "-M", "do", "-s", "\(bytes - headers)",
            address)
        // "5 packets transmitted, 5 received, 0% packet loss"
        for part in result.output.split(separator: ",") where part.hasSuffix(" received") {
            return Int(part.split(separator: " ")[0]) ?? 0
        }
        throw LabError("ping said: \(result.output)")
    }
}

/// A machine of a lab: a namespace on the lab's switch, and the addresses that its node will have inside the VPN.
struct Host {
    /// 1 to 254; all addresses end with it.
    let number: Int
    let namespace: Namespace

    /// Its addresses outside.
    let ipv4: String
    var ipv6: String { "2001:db8::\(hexadecimal)" }
    /// Its addresses inside, in networks that all nodes share.
    var inner4: String { "10.77.0.\(number)" }
    var inner6: String { "fd77::\(hexadecimal)" }
    /// The address of its TAP device.
    var mac: MACAddress { MACAddress(0x0200_0000_0000 | UInt64(number)) }

    init(number: Int, namespace: Namespace, ipv4: String? = nil) {
        self.number = number
        self.namespace = namespace
        self.ipv4 = ipv4 ?? "192.0.2.\(number)"
    }

    private var hexadecimal: String { String(number, radix: 16) }
}
