import Foundation
import Testing
import VPNNode
import VPNProtocol

@testable import VPNLab
@testable import VPNSimulator
@testable import vpncloud

/// The parts of the lab that need no kernel.
@Suite("The lab, without a kernel")
struct LabTests {
    @Test("lets time go by faster, and rounds timeouts of nodes to whole seconds")
    func clock() {
        let clock = LabClock(scale: 100, start: 1_000_000_000)
        #expect(clock.instant(at: 1_100_000_000) == .zero + .seconds(1))
        #expect(clock.time(of: .zero + .seconds(60)) == 7_000_000_000)
        #expect(clock.instant(at: 5) == .zero)
        #expect([5, 120, 1800].map { clock.timeout(.seconds($0)) } == [1, 12, 180])
    }

    @Test(
        "knows what the log says of peers",
        arguments: [
            (
                "2026-03-01T12:00:00.123Z INFO node 000102030405060708090a0b0c0d0e0f runs on tun device vpn0 and UDP port 3210 (IPv4)",
                LogEvent.started(NodeID(bits: 0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0f)) as LogEvent?
            ),
            (
                "2026-03-01T12:00:00.123Z INFO peer 0a1b2c3d at 192.0.2.1:3210 joined, claims 1 subnet",
                .joined("0a1b2c3d", Endpoint(IPAddress(192, 0, 2, 1), port: 3210))
            ),
            (
                "2026-03-01T12:00:00.123Z INFO peer 0a1b2c3d at [2001:db8::1]:5 is gone: it said goodbye",
                .lost("0a1b2c3d", Endpoint(IPAddress(bits: 0x2001_0db8 << 96 | 1), port: 5), .closed)
            ),
            ("2026-03-01T12:00:00.123Z INFO peer 0a1b2c3d is also at 192.0.2.1:3210", nil),
            ("peer", nil), ("", nil),
        ])
    func log(line: String, event: LogEvent?) { #expect(LogEvent(line) == event) }

    @Test("reads the log lines that events make, whatever they are")
    func events() {
        let id = NodeID(bits: 0x1234_5678 << 96)
        let endpoint = Endpoint(IPAddress(192, 0, 2, 1), port: 3210)
        for loss in PeerLoss.allCases {
            let text = Event.peerLost(id, endpoint, loss).text()
            #expect(LogEvent("time INFO \(text)") == .lost(id.short, endpoint, loss), "\(text)")
        }
        for claims in 0...2 {
            let text = Event.peerJoined(id, endpoint, claims: claims).text()
            #expect(LogEvent("time INFO \(text)") == .joined(id.short, endpoint), "\(text)")
        }
    }

    @Test("reads the UDP datagrams that frames of the simulator hold, and nothing else")
    func datagrams() throws {
        let ends = [
            (IPAddress(192, 0, 2, 1), IPAddress(192, 0, 2, 2)), (IPAddress(bits: 1 << 100), IPAddress(bits: 1 << 101)),
        ]
        for (from, to) in ends {
            let (source, destination) = (Endpoint(from, port: 3210), Endpoint(to, port: 4000))
            let frame = try #require(UDPFrame(from: source, to: destination, payload: [1, 2, 3]))
            let datagram = try #require(WireDatagram(frame.bytes))
            #expect(datagram.source == source && datagram.destination == destination)
            #expect(datagram.payload == [1, 2, 3] && datagram.byteCount == frame.bytes.count - 14)
            for count in 0..<frame.bytes.count { _ = WireDatagram(Array(frame.bytes[..<count])) }
        }
        #expect(WireDatagram([UInt8](repeating: 0, count: 100)) == nil)
    }

    @Test("makes arguments of settings as an implementation file says, and refuses what the program cannot do")
    func arguments() throws {
        var program = Implementation(name: "mine", program: .other("mine"))
        program.arguments = ["run"]
        program.settings = [
            ("peers", .template(["-c", "{value}"])), ("mode", .template(["--mode={value}"])),
            ("port_forwarding", .choices(["true": [], "false": ["--no-port-forwarding"]])),
        ]
        program.unsupported = ["dst_timeout": "300"]
        program.ignored = ["offload"]
        let values = [
            ("mode", ["hub"]), ("peers", ["a:1", "b:2"]), ("port_forwarding", ["false"]), ("offload", ["true"]),
            ("dst_timeout", ["300"]), ("subnets", []),
        ].map { (key: $0.0, values: $0.1) }
        #expect(
            try program.arguments(for: values)
                == ["run", "-c", "a:1", "-c", "b:2", "--mode=hub", "--no-port-forwarding"])
        #expect(throws: LabError("mine has no option for dst_timeout: 30")) {
            try program.arguments(for: [(key: "dst_timeout", values: ["30"])])
        }
        #expect(throws: LabError("mine has no option for magic: 00000001")) {
            try program.arguments(for: [(key: "magic", values: ["00000001"])])
        }
    }

    private static let sourcesAreMissing: Comment = "the sources that the tests were built from are not here"

    @Test(
        "knows of this program what its implementation file says",
        .enabled(if: ProjectSources.exist, sourcesAreMissing))
    func ownFile() throws {
        let file = try ImplementationFile.read("\(ProjectSources.root.path)/implementations/vpncloud.yaml")
        let own = Implementation.own
        #expect(file.name == own.name && file.program == own.program && file.dialects == own.dialects)
        #expect(file.environment == own.environment && file.hasStatistics == own.hasStatistics)
        #expect(file.stopSignal == own.stopSignal && file.stopStatus == own.stopStatus)
        for (key, rule) in own.settings {
            #expect(file.settings.first { $0.key == key }?.rule == rule, "\(key)")
        }
    }

    @Test(
        "reads the implementation files that come with it",
        .enabled(if: ProjectSources.exist, sourcesAreMissing),
        arguments: ["reference", "field-0.8", "field-0.9", "field-1.x"])
    func files(name: String) throws {
        let program = try ImplementationFile.read("\(ProjectSources.root.path)/implementations/\(name).yaml")
        #expect(program.name == name && !program.dialects.isEmpty)
        for key in ["device_type", "device_name", "mode", "port", "peers", "subnets", "crypto", "shared_key"] {
            #expect(program.settings.contains { $0.key == key }, "\(key)")
        }
        if program.dialects.count > 1 { #expect(program.settings.contains { $0.key == "compat" }) }
    }

    @Test(
        "says what is wrong in an implementation file, and where",
        arguments: [
            ("", "1:1: the file says nothing"),
            ("name: x", "'program' is missing: 'self', a path, or a name in PATH"),
            ("name: x\nprogram: y\nup: { device: true }\nwhat: 1", "4:1: unknown key 'what'"),
            ("name: x\nprogram: y\nup: { output: '(' }", "'(' is no regular expression"),
            ("name: x\nprogram: y\nup: {}", "expected 'output' or 'device'"),
            ("name: x\nprogram: y\nup: { device: true }", "'dialects' is missing"),
            ("name: x\nprogram: y\nup: { device: true }\ndialects: [2]", "dialects: expected 'manual'"),
            ("name: x\nprogram: y\nup: { device: true }\ndialects: [\"1\", manual]", "settings has no 'compat'"),
            ("name: x\nprogram: y\nup: { device: true }\nsettings: { port: 1 }", "port: expected a list like"),
            (
                "name: x\nprogram: y\nup: { device: true }\nsettings: { port: [--listen] }",
                "port: the value has no place; write it like"
            ),
            ("name: x\nprogram: y\nup: { device: true }\nsettings: { ports: [] }", "unknown setting 'ports'"),
            (
                "name: x\nprogram: y\nup: { device: true }\nstop: { signal: SIGKILL }",
                "expected SIGTERM, SIGINT or SIGQUIT"
            ),
            ("name: x\nprogram: y\nup: { device: true }\nstop: { status: 256 }", "status: expected"),
            ("name: x\nprogram: y\nup: { device: true }\nstatistics: yes", "expected 'vpncloud' or 'none'"),
        ])
    func badFiles(text: String, message: String) throws {
        let folder = TemporaryFolder()
        let path = try folder.file("x.yaml", text)
        do {
            _ = try ImplementationFile.read(path)
            Issue.record("it was taken: \(text)")
        } catch {
            #expect(error.status == 2 && error.lines.contains { $0.contains(message) }, "\(error.lines)")
        }
    }

    @Test("makes rules of what links do")
    func links() {
        func rules(_ change: (inout LinkModel) -> Void) -> [String] {
            var model = LinkModel()
            change(&model)
            return LinkRules(model: model, clock: LabClock(scale: 1000, start: 0), kernel: KernelFeatures()).rules
        }
        #expect(rules { _ in } == [])
        #expect(
            rules { $0.loss = .independent(Probability(millionths: 50_000)) }
                == ["meta l4proto udp numgen random mod 1000000 < 50000 drop"])
        #expect(rules { $0.loss = .numbered([1, 7]) } == ["meta l4proto udp numgen inc mod 2000000000 { 0, 6 } drop"])
        #expect(rules { $0.loss = .messages(.close, numbered: []) } == ["meta l4proto udp @th,120,8 3 drop"])
        #expect(rules { $0.mtu = 1500 } == ["ip length > 1500 drop", "ip6 length > 1460 drop"])
    }

    @Test("gives queues their rates by the speed of the time")
    func queues() {
        var model = LinkModel()
        model.rate = 1_000_000
        model.queueBytes = 65_536
        var kernel = KernelFeatures()
        let clock = LabClock(scale: 200, start: 0)
        #expect(LinkRules(model: model, clock: clock, kernel: kernel).queues(of: "eth0") == [])
        kernel.hasRate = true
        #expect(
            LinkRules(model: model, clock: clock, kernel: kernel).queues(of: "eth0")
                == ["qdisc add dev eth0 root handle 10: tbf rate 5000000bit burst 6250b limit 65536b"])
    }

    @Test("lets netem delay by the speed of the time")
    func delays() {
        var model = LinkModel()
        model.latency = .milliseconds(40)
        model.rate = 1_000_000
        var kernel = KernelFeatures()
        (kernel.hasDelay, kernel.hasRate) = (true, true)
        let queues = LinkRules(model: model, clock: LabClock(scale: 100, start: 0), kernel: kernel).queues(of: "eth0")
        #expect(queues.first == "qdisc add dev eth0 root handle 1: netem limit 100000 delay 4000us")
        #expect(queues.last?.hasPrefix("qdisc add dev eth0 parent 1:1 handle 10: tbf rate 10000000bit ") == true)
    }

    @Test("takes no more of a program that writes without end than it has room for")
    func flood() throws {
        let node = LabNode(number: 0, name: "x", .own, .tun, port: 3210)
        let pipe = try VPNLab.Pipe()
        node.output = pipe.reader
        _ = fcntl(pipe.reader, F_SETFL, O_NONBLOCK)
        func put(_ bytes: [UInt8]) throws { try writeAll(bytes, to: pipe.writer) }
        var lines: [String] = []
        for _ in 0..<8 {
            try put([UInt8](repeating: UInt8(ascii: "a"), count: 32_768))
            lines += node.newLines()
        }
        #expect(lines.isEmpty && node.cutLines == 1)
        try put(Array("\nshort\n".utf8))
        lines = node.newLines()
        #expect(
            lines.count == 2 && lines[0].utf8.count == 65_536 + 3 && lines[0].hasSuffix("a…") && lines[1] == "short")
        close(pipe.writer)
        #expect(node.newLines().isEmpty && node.output == -1)
    }

    @Test("keeps the port of an inner endpoint where it is free, and one address for each node")
    func translation() throws {
        var gateway = GatewayPlan(to: "internet")
        gateway.nat = NATModel(.carrier)
        gateway.nat?.ports = .preserved
        let externals = (1...4).map { IPAddress(203, 0, 113, $0) }
        var translation = Translation(
            gateway, externals: externals, clock: LabClock(scale: 1000, start: 0),
            numbers: Seed(ofScenario: 1).numbers(for: "ports"))
        func inside(_ host: UInt8, _ port: UInt16) -> Endpoint { Endpoint(IPAddress(192, 168, 0, host), port: port) }
        let first = translation.register(inside(1, 3210))
        #expect(first?.external == Endpoint(externals[0], port: 3210) && first?.isNew == true)
        let again = translation.register(inside(1, 3210))
        #expect(again?.external == first?.external && again?.isNew == false)
        let otherPort = translation.register(inside(1, 4000))
        #expect(otherPort?.external.address == externals[0])
        let second = translation.register(inside(2, 3210))
        #expect(second?.external == Endpoint(externals[1], port: 3210))
        for host in 3...4 { _ = translation.register(inside(UInt8(host), 3210)) }
        let fifth = translation.register(inside(5, 3210))
        #expect(fifth?.external.address == externals[0] && fifth?.external.port != 3210)
        gateway.nat = NATModel(.symmetric)
        var symmetric = Translation(
            gateway, externals: [externals[0]], clock: LabClock(scale: 1000, start: 0),
            numbers: Seed(ofScenario: 1).numbers(for: "ports"))
        let unknown = symmetric.register(inside(1, 3210))
        #expect(unknown == nil)
        #expect(symmetric.rules.contains("oifname \"outer\" masquerade fully-random"))
    }

    @Test("reads its own reports back")
    func reports() throws {
        var scenario = Scenario(name: "two: \"nodes\"\n")
        scenario.duration = .seconds(10)
        scenario.networks = [NetworkPlan("net")]
        scenario.nodes = ["a", "b"].map {
            NodePlan($0, in: "net", NodeConfiguration(seal: PacketSeal(unencrypted: .standard)))
        }
        scenario.nodes[1].configuration.peers = [try #require(PeerName("a"))]
        scenario.traffic = [TrafficPlan(from: "a", to: "b", every: .seconds(1))]
        scenario.expectations = [
            VPNSimulator.Expectation(.connected([]), .within(.seconds(1)), text: "{ within: 1s, connected: all }"),
            VPNSimulator.Expectation(.peers(of: "a", .init(least: 2)), .atEnd, text: "{ at_end: … }"),
        ]
        let run = try ScenarioRun(scenario)
        var report = try run.finish(file: "x.yaml")
        report.summary = run.summary
        report.world = .lab
        report.notes = ["latency: none"]
        report.expectations.append(ExpectationResult(notJudged: "{ x }", expected: "y", reason: "z"))
        let read = try #require(ScenarioReport(json: Array(JSONReport([report]).text.utf8)))
        #expect(read == report)
        #expect(read.summary?.connections.count == 2 && read.summary?.deliveries.first?.arrived == 9)
        #expect(!read.passed && read.failures.count == 1 && read.notJudged.count == 1)
    }

    @Test("counts what was not judged neither as passed nor as failed")
    func notJudged() {
        var report = ScenarioReport("x", seed: 1, duration: .seconds(1))
        report.expectations = [ExpectationResult(notJudged: "{ x }", expected: "y", reason: "no clock drifts")]
        #expect(report.passed && report.failures.isEmpty && report.notJudged.count == 1)
        #expect(LabText(report: report).lines.contains { $0.contains("NOT JUDGED") })
        #expect(JUnitReport([report]).text.contains("skipped=\"1\""))
    }

    @Test("marks what differs between two worlds")
    func comparison() {
        var (left, right) = (
            ScenarioReport("x", seed: 1, duration: .seconds(1)), ScenarioReport("x", seed: 1, duration: .seconds(1))
        )
        left.expectations = [ExpectationResult("{ x }", passed: true, expected: "", seen: "")]
        right.expectations = left.expectations
        left.summary = RunSummary()
        left.summary?.connections = [.init(node: "a", peer: "b", time: .milliseconds(20))]
        left.summary?.deliveries = [.init(from: "a", to: "b", sent: 100, arrived: 100)]
        right.summary = left.summary
        right.summary?.connections[0].time = .milliseconds(300)
        right.summary?.deliveries[0].arrived = 96
        #expect(Comparison(simulator: left, lab: right).differences == 0)
        right.summary?.deliveries[0].arrived = 94
        right.summary?.connections = []
        right.expectations[0].passed = false
        let comparison = Comparison(simulator: left, lab: right)
        #expect(comparison.differences == 3 && comparison.text.contains("! a has b"))
        right.expectations[0].isJudged = false
        #expect(Comparison(simulator: left, lab: right).differences == 0, "what was not judged is no difference")
    }

    @Test("names what the kernel cannot play, and does not judge it")
    func shortfalls() throws {
        var scenario = Scenario(name: "x")
        scenario.networks = [NetworkPlan("net")]
        scenario.nodes = [NodePlan("a", in: "net", NodeConfiguration(seal: PacketSeal(unencrypted: .standard)))]
        let latency = VPNSimulator.Expectation.Claim.latency(
            from: "a", to: nil, percentile: 10_000, atMost: .seconds(1))
        func reason(_ claim: VPNSimulator.Expectation.Claim) -> String? {
            claim.reasonForNoJudgement(
                scenario.shortfalls(on: KernelFeatures(), nodes: [], scale: 1000), scale: 1000
            ) { _ in true }
        }
        #expect(reason(.connected([])) == nil)
        #expect(reason(latency)?.hasPrefix("latency: ") == true)
        scenario.networks[0].link.duplication = Probability(millionths: 1)
        #expect(reason(.connected([])) == "duplication: this kernel has no netem")
        scenario.networks[0].link = LinkModel()
        scenario.nodes[0].clockDrift = 5
        #expect(reason(.connected([]))?.hasPrefix("clock drift: ") == true)
    }

    @Test("refuses what would fill the table of neighbours that all namespaces share")
    func room() {
        var scenario = Scenario(name: "x")
        scenario.networks = [NetworkPlan("net"), NetworkPlan("other")]
        scenario.nodes = [NodePlan("a", in: "net", NodeConfiguration(seal: PacketSeal(unencrypted: .standard)))]
        scenario.nodes[0].count = 22
        #expect(scenario.lackOfRoom(forNeighbours: 1024) == nil)
        scenario.nodes[0].count = 23
        #expect(
            scenario.lackOfRoom(forNeighbours: 1024)
                == "its nodes would have 529 neighbours, and this machine has room for 1024 in all its namespaces; make more: sysctl net.ipv4.neigh.default.gc_thresh3=4232 net.ipv6.neigh.default.gc_thresh3=4232"
        )
        #expect(scenario.lackOfRoom(forNeighbours: 4232) == nil)
    }
}
