import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("The promise of a full mesh")
struct MeshPromiseTests {
    /// The pairs that a scenario promises, found out by taking each of all connections away; and the promise itself.
    private func promised(_ scenario: Scenario) throws -> (pairs: Set<String>, MeshPromise) {
        let roster = try Roster(scenario.nodes)
        let promise = try MeshPromise(scenario, roster, KeyGroups(roster))
        var pairs: Set<String> = []
        for node in 0..<roster.count {
            for other in 0..<roster.count where other != node {
                var matrix = PeerMatrix(count: roster.count)
                for number in 0..<roster.count { matrix.start(number, as: NodeID(bits: UInt128(number) + 1)) { _ in } }
                for left in 0..<roster.count {
                    for right in 0..<roster.count where left != right && (left, right) != (node, other) {
                        matrix.join(left, NodeID(bits: UInt128(right) + 1)) { _ in }
                    }
                }
                if let missing = promise.missing(in: matrix) {
                    #expect(missing == (node, other))
                    pairs.insert("\(roster.members[node].name)-\(roster.members[other].name)")
                }
            }
        }
        return (pairs, promise)
    }

    private static let all: Set = ["hub-a", "hub-b", "a-hub", "a-b", "b-hub", "b-a"]
    private static let withHub: Set = ["hub-a", "a-hub", "hub-b", "b-hub"]

    private func alive() throws -> Scenario {
        var scenario = try JudgedRun.scenario()
        scenario.events = []
        return scenario
    }

    @Test("is made to all that a common peer tells of, from the settling time on")
    func everybody() throws {
        let (pairs, promise) = try promised(alive())
        #expect(pairs == Self.all)
        #expect(promise.deadline == .zero + .seconds(10))
    }

    @Test("is not made to those that are behind a NAT each, but to both with the one between them")
    func nats() throws {
        var scenario = try alive()
        var other = scenario.networks[1]
        other.name = "other"
        scenario.networks.append(other)
        scenario.nodes[1].network = "other"
        #expect(try promised(scenario).pairs == Self.withHub)
    }

    @Test("is not made to those of other keys, or without one who tells of them")
    func groups() throws {
        var scenario = try alive()
        let key = SecretKey([UInt8](repeating: 1, count: 32).span)
        scenario.nodes[1].configuration.seal = try PacketSeal(magic: .standard, method: .chacha20, key: key)
        #expect(try promised(scenario).pairs == ["hub-b", "b-hub"])
        scenario = try alive()
        scenario.nodes[2].configuration.peers = []
        #expect(try promised(scenario).pairs == ["hub-a", "a-hub"])
        scenario = try alive()
        scenario.nodes[1].configuration.seal = PacketSeal(unencrypted: Magic(bits: 7))
        #expect(try promised(scenario).pairs == ["hub-b", "b-hub"])
    }

    @Test("is not made to one behind a NAT that others are told of, and who is told of none")
    func calls() throws {
        var scenario = try alive()
        scenario.nodes[2].configuration.peers = []
        scenario.nodes[0].configuration.peers = [try #require(PeerName("b:3210"))]
        #expect(try promised(scenario).pairs == ["hub-a", "a-hub"])
        scenario.nodes[2].network = "internet"
        #expect(try promised(scenario).pairs == Self.all)
    }

    @Test("is not made while a partition lasts, and made anew once it heals")
    func partitions() throws {
        var scenario = try alive()
        scenario.events = [PlannedEvent(at: .seconds(5), .partition([["a"], ["b"]], oneWay: true))]
        let lasting = try promised(scenario).1
        #expect(lasting.deadline == nil && lasting.reason == "a partition lasts to the end")
        scenario.events.append(PlannedEvent(at: .seconds(20), .heal))
        #expect(try promised(scenario).1.deadline == .zero + .seconds(30))
    }

    @Test("counts from the last fault, and is not made where the run ends before")
    func deadlines() throws {
        var scenario = try alive()
        scenario.events = [PlannedEvent(at: .seconds(20), .suspend("a", duration: .seconds(20)))]
        #expect(try promised(scenario).1.deadline == .zero + .seconds(50))
        scenario.events = [PlannedEvent(at: .seconds(20), .kill("a", restartAfter: .seconds(29)))]
        #expect(try promised(scenario).1.deadline == .zero + .seconds(59))
        scenario.events = [PlannedEvent(at: .seconds(20), .kill("a", restartAfter: .seconds(31)))]
        let late = try promised(scenario).1
        #expect(late.deadline == nil && late.reason.contains("ends before 61 s"))
        scenario.events = []
        scenario.settlingTime = nil
        // Half a minute, half of the peer timeout of 100 s.
        #expect(try promised(scenario).1.reason.contains("ends before 80 s"))
        scenario.duration = .seconds(80)
        #expect(try promised(scenario).1.deadline == .zero + .seconds(80))
    }

    @Test("is not made to the dead, and to those who come again it is")
    func dead() throws {
        var scenario = try JudgedRun.scenario()
        #expect(try promised(scenario).pairs == ["hub-b", "b-hub"])
        scenario.events.append(PlannedEvent(at: .seconds(41), .stop("a", restartAfter: .seconds(1))))
        #expect(try promised(scenario).pairs == Self.all)
    }

    @Test("goes by what records say at the end")
    func records() throws {
        var scenario = try alive()
        scenario.records = [RecordPlan("door", .nodes(["hub"]))]
        scenario.nodes[1].configuration.peers = [try #require(PeerName("door:3210"))]
        #expect(try promised(scenario).pairs == Self.all)
        scenario.events = [PlannedEvent(at: .seconds(5), .record("door", .failure))]
        #expect(try promised(scenario).pairs == ["hub-b", "b-hub"])
        scenario.events.append(PlannedEvent(at: .seconds(6), .record("door", .nodes(["hub", "b"]))))
        #expect(try promised(scenario).pairs == Self.all)
    }

    @Test("is not made over links that let too little through, or without a family in common")
    func links() throws {
        var scenario = try alive()
        scenario.networks[1].link.loss = .independent(Probability(millionths: 500_000))
        #expect(try promised(scenario).pairs == ["hub-a", "a-hub"])
        scenario = try alive()
        scenario.networks[1].link.mtu = 1000
        #expect(try promised(scenario).pairs == ["hub-a", "a-hub"])
        scenario = try alive()
        var bad = scenario.networks[1].link
        bad.corruption = Probability(millionths: 1_000_000)
        scenario.events = [PlannedEvent(at: .seconds(5), .change(network: "home", bad))]
        #expect(try promised(scenario).pairs == ["hub-a", "a-hub"])
        scenario = try alive()
        scenario.networks[1].gateway?.nat = nil
        scenario.networks[1].hasIPv4 = false
        scenario.networks[1].hasIPv6 = true
        #expect(try promised(scenario).pairs == ["hub-a", "a-hub"])
    }
}
