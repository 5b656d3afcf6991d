import Foundation
import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@testable import vpncloud

private func read(_ text: String) throws(ConfigurationFileError) -> Scenario {
    try ScenarioFile.read(Array(text.utf8), name: "x.yaml")
}

/// What a text is refused with, one line for each fault.
private func faults(_ text: String) -> [String] {
    do {
        _ = try read(text)
        return []
    } catch {
        return error.diagnostics.map(\.description)
    }
}

@Suite("A scenario file")
struct ScenarioFileTests {
    @Test("is refused with place and remedy", arguments: BadScenario.all)
    func bad(_ scenario: BadScenario) {
        #expect(faults(scenario.text) == scenario.faults)
    }

    @Test("gives name, seed and duration")
    func head() throws {
        let scenario = try read("seed: 18446744073709551615\n" + BadScenario.pair)
        #expect(scenario.name == "x")
        #expect(scenario.seed == .max)
        #expect(scenario.duration == .seconds(300))
        #expect(scenario.measure == "5 nodes, 2 networks, 5 min")
        #expect(try read(BadScenario.pair).seed == 1)
    }

    @Test(
        "takes times in all units",
        arguments: [
            ("20ms", Duration.milliseconds(20)), ("5min", .seconds(300)), ("1h30min", .seconds(5400)),
            ("1d2h3min4s5ms6us7ns", .seconds(93784) + .nanoseconds(5_006_007)), ("3650d", .seconds(315_360_000)),
        ])
    func durations(_ text: String, _ duration: Duration) throws {
        #expect(try ScenarioValues.duration(text) == duration)
        #expect(duration.inUnits == text)
    }

    @Test("gives the links of networks")
    func links() throws {
        let text = """
            networks:
              plain:
              full:
                { latency: 20ms, jitter: { amount: 2ms, distribution: pareto, reorder: yes }, loss: 0.1%,
                  duplication: 1%, corruption: 0.0001%, truncation: 100%, rate: 10Mbit, queue: 64KiB, mtu: 1400 }
              bursts: { loss: { to_bad: 1%, to_good: 25%, in_good: 0.5% } }
              listed: { loss: [7, 3], jitter: 2ms, rate: unlimited }
              first: { loss: { messages: init, numbers: [2, 1] }, mtu: 1280, icmp: true }
              typed: { loss: { messages: close } }
            nodes: [{ name: a, network: plain }]
            """
        let links = try read("name: x\nduration: 1min\n" + text).networks.map(\.link)
        #expect(links[0] == LinkModel())
        var full = LinkModel()
        full.latency = .milliseconds(20)
        full.jitter = Jitter(.pareto, amount: .milliseconds(2), mayReorder: true)
        full.loss = .independent(Probability(millionths: 1_000))
        full.duplication = Probability(millionths: 10_000)
        full.corruption = Probability(millionths: 1)
        full.truncation = Probability(millionths: 1_000_000)
        full.rate = 10_000_000
        full.queueBytes = 65_536
        full.mtu = 1400
        #expect(links[1] == full)
        #expect(
            links[2].loss
                == .bursts(
                    toBad: Probability(millionths: 10_000), toGood: Probability(millionths: 250_000),
                    lossInGood: Probability(millionths: 5_000), lossInBad: Probability(millionths: 1_000_000)))
        #expect(links[3].loss == .numbered([3, 7]))
        #expect(links[3].jitter == Jitter(amount: .milliseconds(2)))
        #expect(links[3].rate == nil)
        #expect(links[4].loss == .messages(.initial, numbered: [1, 2]))
        #expect(links[4].reportsTooLong)
        #expect(links[5].loss == .messages(.close, numbered: []))
        #expect(!links[5].reportsTooLong)
    }

    @Test("gives the NAT boxes between networks")
    func gateways() throws {
        let text = """
            networks:
              b: { behind: { network: a, nat: { preset: symmetric, mapping_timeout: 30s, limit: 10, refresh: both } } }
              c: { behind: { network: b, nat: { filtering: address, ports: random, hairpinning: true, overflow: evicts, pooling: arbitrary } } }
              d: { behind: { network: c, firewall: true } }
              a:
            nodes: [{ name: n, network: d }]
            """
        let gateways = try read("name: x\nduration: 1min\n" + text).networks.map(\.gateway)
        var symmetric = NATModel(.symmetric)
        symmetric.timeout = .seconds(30)
        symmetric.limit = 10
        symmetric.refresh = .both
        var own = NATModel()
        own.filtering = .address
        own.ports = .random
        own.hairpinning = true
        own.overflow = .evicts
        own.pooling = .arbitrary
        var firewall = GatewayPlan(to: "c")
        firewall.isFirewall = true
        #expect(gateways == [GatewayPlan(to: "a", nat: symmetric), GatewayPlan(to: "b", nat: own), firewall, nil])
    }

    @Test("gives nodes the defaults under their own keys")
    func nodes() throws {
        let text = """
            defaults: { device_type: tun, port: 4000, peers: [hub], subnets: [10.0.0.0/8], peer_timeout: 60 }
            networks: { net: }
            nodes:
              - { name: hub, network: net, peers: [], port: 5000, port_forwarding: no }
              - { name: a, network: net, start: 10s, subnets: [10.0.1.0/24] }
              - { name: leaf, count: 2, network: net, peers: [leaf, "a:7", leaf-2], mode: hub }
            """
        let nodes = try read("name: x\nduration: 1min\n" + text).nodes
        #expect(nodes.map(\.name) == ["hub", "a", "leaf"])
        #expect(nodes.map(\.count) == [nil, nil, 2])
        #expect(nodes.map(\.start) == [.zero, .seconds(10), .zero])
        let configurations = nodes.map(\.configuration)
        #expect(configurations.allSatisfy { $0.deviceType == .tun && $0.peerTimeout == .seconds(60) })
        #expect(configurations.map(\.port) == [5000, 4000, 4000])
        #expect(configurations.map(\.portForwarding) == [false, true, true])
        #expect(
            configurations.map { $0.subnets.map(\.description) } == [["10.0.0.0/8"], ["10.0.1.0/24"], ["10.0.0.0/8"]])
        #expect(
            configurations.map { $0.peers.map(\.description) }
                == [[], ["hub:5000"], ["leaf-1:4000", "leaf-2:4000", "a:7", "leaf-2:4000"]])
        #expect(configurations[2].mode == .hub)
    }

    @Test("gives nodes the seal of their key, and none without a key")
    func seals() throws {
        let text = """
            networks: { net: }
            nodes:
              - { name: a, network: net, shared_key: secret, magic: hash:x, compat: 0.9 }
              - { name: b, network: net, compat: 0.8 }
            """
        let seals = try read("name: x\nduration: 1min\n" + text).nodes.map(\.configuration.seal)
        #expect(seals.map(\.method) == [.chacha20, PacketSeal(unencrypted: .standard).method])
        #expect(seals[0].magic == Magic("hash:x", dialect: .v0_9))
    }

    @Test("derives a key once, however many nodes have it")
    func derivation() throws {
        var derived = DerivedKeys()
        var settings = Settings()
        settings.key = .text("secret")
        for dialect in [Dialect.manual, .v0_8, .manual] {
            settings.dialect = dialect
            _ = try derived.seal(settings, magic: .standard)
        }
        #expect(derived.count == 1)
        settings.dialect = .v1
        _ = try derived.seal(settings, magic: .standard)
        #expect(derived.count == 2)
        let keys = (0..<65).map { "- { name: n\($0), network: net, compat: 0.9, shared_key: k\($0) }" }
        #expect(
            faults(BadScenario.one + "nodes:\n" + keys.joined(separator: "\n"))
                == ["x.yaml:69:3: shared_key: a scenario has at most 64 different keys"])
    }

    @Test("gives events in the order of their times")
    func events() throws {
        let text = """
            events:
              - { at: 2min, change: net, to: { latency: 1s } }
              - { at: 10s, partition: [[a], [b, leaf]], one_way: true }
              - { at: 20s, heal: all }
              - { at: 1min, change: net, to: { loss: 50% } }
              - { at: 30s, kill: a, restart_after: 10s }
              - { at: 30s, stop: leaf-3 }
              - { at: 40s, move: a, to: home }
              - { at: 50s, flush: home }
            """
        var lossy = LinkModel()
        lossy.loss = .independent(Probability(millionths: 500_000))
        var slow = lossy
        slow.latency = .seconds(1)
        #expect(
            try read(BadScenario.pair + text).events == [
                PlannedEvent(at: .seconds(10), .partition([["a"], ["b", "leaf"]], oneWay: true)),
                PlannedEvent(at: .seconds(20), .heal),
                PlannedEvent(at: .seconds(30), .kill("a", restartAfter: .seconds(10))),
                PlannedEvent(at: .seconds(30), .stop("leaf-3", restartAfter: nil)),
                PlannedEvent(at: .seconds(40), .move("a", to: "home")),
                PlannedEvent(at: .seconds(50), .flush(gatewayOf: "home")),
                PlannedEvent(at: .seconds(60), .change(network: "net", lossy)),
                PlannedEvent(at: .seconds(120), .change(network: "net", slow)),
            ])
    }

    @Test("gives traffic and expectations")
    func traffic() throws {
        let text = """
            traffic:
              - { from: a, to: b, every: 100ms, size: 1200, start: 10s, end: 20s, echo: true }
              - { from: leaf, to: all, every: 1s }
            expect:
              - { within: 5s, connected: all }
              - { always: { connected: [a, b] }, from: 10s }
              - { never: { disconnected: [a, [b, leaf]] }, from: 10s, to: 20s }
              - { at_end: { connected: leaf } }
              - { from: 10s, to: 60s, delivery: { from: b, to: a, at_least: 99.5%, at_most: 100% } }
              - { latency: { from: leaf-1, to: all, at_most: 50ms } }
              - { dropped: { node: a, reason: unknownSender, at_most: 0 } }
            """
        let scenario = try read(BadScenario.pair + text)
        var echo = TrafficPlan(from: "a", to: "b", every: .milliseconds(100))
        echo.size = 1200
        echo.start = .seconds(10)
        echo.end = .seconds(20)
        echo.isEcho = true
        #expect(scenario.traffic == [echo, TrafficPlan(from: "leaf", to: nil, every: .seconds(1))])
        let window = Expectation.Time.over(from: .seconds(10), to: .seconds(60))
        let whole = Expectation.Time.over(from: .zero, to: nil)
        #expect(
            scenario.expectations.map(\.time) == [
                .within(.seconds(5)), .always(from: .seconds(10), to: nil),
                .never(from: .seconds(10), to: .seconds(20)), .atEnd, window, whole, whole,
            ])
        #expect(
            scenario.expectations.map(\.claim) == [
                .connected([]), .connected(["a", "b"]), .disconnected(["a"], ["b", "leaf"]), .connected(["leaf"]),
                .delivery(from: "b", to: "a", Expectation.Bounds(least: 9950, most: 10_000)),
                .latency(from: "leaf-1", to: nil, percentile: 10_000, atMost: .milliseconds(50)),
                .dropped("a", .unknownSender, Expectation.Bounds(most: 0)),
            ])
        #expect(scenario.expectations[1].text == "{ always: { connected: [a, b] }, from: 10s }")
    }

    @Test("that is damaged is refused or read, and never ends the program")
    func damage() throws {
        var numbers = Seed(1, 2, 3, 4).numbers(for: "damage")
        let original = Array(
            (BadScenario.pair
                + "events: [{ at: 1min, kill: a }, { at: 2min, suspend: leaf, for: 1min }, { at: 3min, record: r.x, is: none }]\n"
                + "records: { r.x: [a, leaf] }\nsettle: 90s\ninvariants: { full_mesh: no }\n"
                + "traffic: [{ from: a, to: leaf, rate: 1Mbit, size: 64, count: 3, vlan: 7 }]\n"
                + "expect: [{ within: 5s, connected: all }, { always: no_self_peers }, { management: { node: all, at_most: 1kB } }]\n")
                .utf8)
        let specials = Array("[]{}:-?&*!|>'\"%@`#,\t\n\0 9".utf8)
        var refused = 0
        for _ in 0..<5_000 {
            let bytes = damaged(original, with: specials, &numbers)
            do {
                _ = try ScenarioFile.read(bytes, name: "x.yaml")
            } catch {
                refused += 1
                #expect(!error.diagnostics.isEmpty)
            }
        }
        #expect(refused > 1_000)
    }
}

/// The scenario files of the repository.
@Suite("The scenario library", .enabled(if: Library.exists, "the sources that the tests were built from are not here"))
struct ScenarioLibraryTests {
    @Test("passes 'sim check'")
    func check() {
        #expect(Library.files.count >= 60)
        #expect(Program.main(["sim", "check"] + Library.files) == 0)
    }

    @Test("holds what it promises", arguments: Library.files)
    func promises(_ file: String) throws {
        let report = try ScenarioRun(try readScenario(ofFile: file)).finish(file: file)
        #expect(!report.expectations.isEmpty)
        #expect(report.expectations.filter { !$0.passed }.map { "\($0.text): \($0.seen)" } == [])
    }

    @Test("validates by the schema", .enabled(if: Library.canValidate, "python3 has no jsonschema and yaml"))
    func schema() throws {
        let script = """
            import json, sys, yaml, jsonschema
            schema = json.load(open(sys.argv[1]))
            jsonschema.Draft202012Validator.check_schema(schema)
            for name in sys.argv[2:]: jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(open(name)))
            """
        #expect(try Library.python([script, Library.schema] + Library.files) == 0)
        let folder = TemporaryFolder()
        let bad = try folder.file("bad.yaml", BadScenario.pair + "events: [{ at: 60, kill: a }]\n")
        #expect(try Library.python([script, Library.schema, bad]) != 0)
    }
}

private enum Library {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let schema = root.appending(path: "share/scenario.schema.json").path

    static var exists: Bool { FileManager.default.fileExists(atPath: root.appending(path: "scenarios").path) }

    static var files: [String] {
        let folder = root.appending(path: "scenarios").path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { "\(folder)/\($0)" }
    }

    static var canValidate: Bool { (try? python(["import yaml, jsonschema"])) == 0 }

    /// Runs a script, and returns its exit status.
    static func python(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", "-c"] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }
}
