import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@testable import vpncloud

private func read(_ text: String) throws(ConfigurationFileError) -> Scenario {
    try ScenarioFile.read(Array(text.utf8), name: "x.yaml")
}

/// What a scenario file can say beyond nodes that meet.
@Suite("A scenario file with more")
struct WideScenarioTests {
    @Test("gives records, and peers by their names with the port of the node that they stand for")
    func records() throws {
        let text = """
            networks: { net: }
            nodes:
              - { name: hub, network: net, port: 4000, peers: [gone.example] }
              - { name: a, network: net, peers: [vpn.example.org, "vpn.example.org:7", both, "gone.example:8"] }
            records: { vpn.example.org: hub, both: [a, hub], gone.example: none }
            """
        let scenario = try read("name: x\nduration: 1min\n" + text)
        #expect(
            scenario.records == [
                RecordPlan("vpn.example.org", .nodes(["hub"])), RecordPlan("both", .nodes(["a", "hub"])),
                RecordPlan("gone.example", .failure),
            ])
        #expect(
            scenario.nodes.map { $0.configuration.peers.map(\.description) } == [
                ["gone.example:3210"], ["vpn.example.org:4000", "vpn.example.org:7", "both:3210", "gone.example:8"],
            ])
    }

    @Test("gives the invariants that count, and the time to settle")
    func invariants() throws {
        let plain = try read(BadScenario.pair)
        #expect(plain.invariants == Invariant.defaults)
        #expect(plain.settlingTime == nil)
        let text = "settle: 90s\ninvariants: { full_mesh: false, no_duplicate_frames: true, no_plaintext: yes }\n"
        let scenario = try read(BadScenario.pair + text)
        #expect(scenario.invariants == Invariant.allCases.filter { $0 != .fullMesh })
        #expect(scenario.settlingTime == .seconds(90))
    }

    @Test("gives families of addresses and inward links to networks")
    func networks() throws {
        let text = """
            networks:
              a: { families: ipv6 }
              b: { families: [ipv6, ipv4], latency: 5ms, rate: 1Mbit, behind: { network: a }, inward: { rate: 8Mbit } }
              c:
            nodes: [{ name: n, network: b }]
            """
        let networks = try read("name: x\nduration: 1min\n" + text).networks
        #expect(networks.map(\.hasIPv4) == [false, true, true])
        #expect(networks.map(\.hasIPv6) == [true, true, false])
        var inward = networks[1].link
        inward.rate = 8_000_000
        #expect(networks.map(\.inwardLink) == [nil, inward, nil])
        #expect(inward.latency == .milliseconds(5))
    }

    @Test("is refused with more gateways above a network than there can be")
    func depth() throws {
        func chain(_ count: Int) -> String {
            let networks = (1...count).map { "  n\($0): { behind: { network: n\($0 - 1), firewall: true } }\n" }
            return "name: x\nduration: 1min\nnetworks:\n  n0:\n\(networks.joined())nodes: [{ name: a, network: n0 }]\n"
        }
        #expect(try read(chain(64)).networks.count == 65)
        do {
            _ = try read(chain(65))
            Issue.record("65 gateways are taken")
        } catch {
            #expect(
                error.diagnostics.map(\.message) == [
                    "network: 'n65' would be behind more than 64 gateways, the most there can be"
                ])
        }
    }

    @Test("gives nodes addresses, drift and links of their own")
    func nodes() throws {
        let text = """
            networks: { net: { latency: 5ms } }
            nodes:
              - { name: a, network: net, addresses: 16, clock_drift: 200ppm, link: { loss: 5% } }
              - { name: b, network: net, clock_drift: -500000ppm }
            """
        let nodes = try read("name: x\nduration: 1min\n" + text).nodes
        #expect(nodes.map(\.addresses) == [16, 1])
        #expect(nodes.map(\.clockDrift) == [200, -500_000])
        var link = LinkModel()
        link.latency = .milliseconds(5)
        link.loss = .independent(Probability(millionths: 50_000))
        #expect(nodes.map(\.link) == [link, nil])
    }

    @Test("gives each member of a group its own subnets")
    func members() throws {
        let text = """
            defaults: { subnets: [10.0.0.0/8] }
            networks: { net: }
            nodes:
              - { name: a, count: 255, network: net, subnets: ["10.1.{n}.0/24", 10.2.0.0/16, "fd00:{n}:{n}::/48"] }
              - { name: b, network: net }
            """
        let nodes = try read("name: x\nduration: 1min\n" + text).nodes
        #expect(nodes[0].memberSubnets.count == 255)
        #expect(nodes[1].memberSubnets.isEmpty)
        #expect(
            nodes[0].configuration(ofMember: 254).subnets.map(\.description)
                == ["10.1.255.0/24", "10.2.0.0/16", "fd00:255:255::/48"])
        #expect(nodes[0].configuration(ofMember: 0).subnets == nodes[0].configuration.subnets)
        #expect(nodes[1].configuration(ofMember: 0).subnets.map(\.description) == ["10.0.0.0/8"])
    }

    @Test("gives events of sleep, of gateways and of names, also for groups")
    func events() throws {
        let text = """
            records: { vpn.example.org: a }
            events:
              - { at: 10s, suspend: leaf, for: 1min }
              - { at: 20s, reboot: home }
              - { at: 30s, renumber: home }
              - { at: 40s, record: vpn.example.org, is: [b, leaf] }
              - { at: 50s, record: vpn.example.org, is: none }
              - { at: 1min, kill: leaf, restart_after: 1s }
            """
        #expect(
            try read(BadScenario.pair + text).events == [
                PlannedEvent(at: .seconds(10), .suspend("leaf", duration: .seconds(60))),
                PlannedEvent(at: .seconds(20), .reboot(gatewayOf: "home")),
                PlannedEvent(at: .seconds(30), .renumber(gatewayOf: "home")),
                PlannedEvent(at: .seconds(40), .record("vpn.example.org", .nodes(["b", "leaf"]))),
                PlannedEvent(at: .seconds(50), .record("vpn.example.org", .failure)),
                PlannedEvent(at: .seconds(60), .kill("leaf", restartAfter: .seconds(1))),
            ])
    }

    @Test("gives traffic by rate, by count, of ARP and in VLANs")
    func traffic() throws {
        let text = """
            traffic:
              - { from: a, to: b, rate: 10Mbit, size: 1250, count: 5 }
              - { from: a, to: leaf, every: 1s, kind: arp, vlan: 10 }
            """
        var fast = TrafficPlan(from: "a", to: "b", every: .milliseconds(1))
        fast.size = 1250
        fast.count = 5
        var arp = TrafficPlan(from: "a", to: "leaf", every: .seconds(1))
        arp.kind = .arp
        arp.vlan = 10
        #expect(try read(BadScenario.pair + text).traffic == [fast, arp])
    }

    @Test("gives expectations of instants, of counts, and of invariants")
    func expectations() throws {
        let text = """
            expect:
              - { eventually: { peers: { node: a, at_least: 3 } }, from: 10s, to: 20s }
              - { sometimes: { path: { from: a, to: b, network: net } } }
              - { at_end: { station: { of: b, at: b, known_by: a } } }
              - { always: { table: { node: leaf, table: stations, at_most: 10 } } }
              - { within: 5s, memory: { node: all, at_most: 200KiB } }
              - { evicted: { node: a, table: departedNodes, at_least: 1 } }
              - { from: 10s, management: { node: leaf-2, at_least: 0B, at_most: 1kB } }
              - { always: no_duplicate_frames }
            """
        let expectations = try read(BadScenario.pair + text).expectations
        #expect(
            expectations.map(\.claim) == [
                .peers(of: "a", Expectation.Bounds(least: 3)), .path(from: "a", to: "b", network: "net"),
                .station(of: "b", at: "b", knownBy: "a"),
                .table(.stations, of: "leaf", Expectation.Bounds(most: 10)),
                .memory(of: Scenario.allNodes, atMost: 204_800),
                .evicted("a", .departedNodes, Expectation.Bounds(least: 1)),
                .management(of: "leaf-2", Expectation.Bounds(least: 0, most: 1000)),
                .invariant(.noDuplicateFrames),
            ])
        #expect(
            expectations.map(\.time) == [
                .eventually(from: .seconds(10), to: .seconds(20)), .sometimes(from: .zero, to: nil), .atEnd,
                .always(from: .zero, to: nil), .within(.seconds(5)), .over(from: .zero, to: nil),
                .over(from: .seconds(10), to: nil), .always(from: .zero, to: nil),
            ])
    }
}
