import Testing
import VPNProtocol
import VPNSimulator

@testable import VPNNode

@Suite("Forwarding of the port")
struct PortForwardingTests {
    /// What a router says to each wish, by the instant of the wish.
    private enum Answer { case grants(Duration?), refuses }

    /// When a node asks its router within a time, in seconds, and what it reports.
    private func run(
        for duration: Duration, lease: Duration = .seconds(300), answer: (Instant) -> Answer
    ) throws -> (asked: [Int], events: [Event], last: [PortMappingRequest]) {
        let configuration = configuration {
            $0.portForwarding = true
            $0.portLease = lease
        }
        var engine = try NodeEngine(configuration, seed: seed(1), startingAt: .zero)
        var batch = OutputBatch(for: configuration.seal, capacity: 4096)
        var (asked, events): ([Int], [Event]) = ([], [])
        var now = Instant.zero
        while now <= .zero + duration, asked.count < 1000 {
            engine.advance(to: now, into: &batch)
            for request in batch.portMappings {
                #expect(request == .map(port: 3210, lease: lease))
                asked.append(Int(now.nanoseconds / 1_000_000_000))
                switch answer(now) {
                case .grants(let lease): engine.portMapped(to: endpoint(1), lease: lease, at: now, into: &batch)
                case .refuses: engine.portMappingFailed(at: now, into: &batch)
                }
            }
            events += batch.events
            batch.reset()
            guard let next = engine.nextDeadline else { break }
            now = max(next, now + .nanoseconds(1))
        }
        engine.shutDown(at: now, into: &batch)
        return (asked, events, batch.portMappings)
    }

    @Test("is renewed 60 s before its end: each 240 s of 300 s")
    func renewal() throws {
        let result = try run(for: .seconds(1000)) { _ in .grants(.seconds(300)) }
        #expect(result.asked == [0, 240, 480, 720, 960])
        #expect(result.events == [.portMapped(endpoint(1))])
        #expect(result.last == [.unmap(port: 3210)])
    }

    @Test("is renewed at half a short lease", arguments: [(100, 50), (120, 60), (122, 62), (10, 5)])
    func shortLease(lease: Int, renewal: Int) throws {
        let result = try run(for: .seconds(renewal)) { _ in .grants(.seconds(lease)) }
        #expect(result.asked == [0, renewal])
    }

    @Test("that a router grants for good is asked for once")
    func permanent() throws {
        let result = try run(for: .seconds(100_000)) { _ in .grants(nil) }
        #expect(result.asked == [0])
        #expect(result.last == [.unmap(port: 3210)])
    }

    @Test("that is refused is asked for again, with pauses that double up to an hour")
    func refusal() throws {
        let result = try run(for: .seconds(20_000)) { _ in .refuses }
        #expect(result.asked == [0, 60, 180, 420, 900, 1860, 3780, 7380, 10_980, 14_580, 18_180])
        #expect(result.events.isEmpty)
        #expect(result.last.isEmpty)
    }

    @Test("that is lost says so once, and begins with short pauses again")
    func loss() throws {
        let result = try run(for: .seconds(1300)) { now in
            (.zero + .seconds(240) ... .zero + .seconds(700)).contains(now) ? .refuses : .grants(.seconds(300))
        }
        #expect(result.asked == [0, 240, 300, 420, 660, 1140])
        #expect(result.events == [.portMapped(endpoint(1)), .portMappingLost, .portMapped(endpoint(1))])
    }

    @Test("asks for the lease of the configuration")
    func configuredLease() throws {
        let result = try run(for: .seconds(1), lease: .seconds(20)) { _ in .grants(.seconds(20)) }
        #expect(result.asked == [0])
    }

    @Test("with a lease of no time does not ask without end")
    func emptyLease() throws {
        let result = try run(for: .seconds(10)) { _ in .grants(.zero) }
        #expect(result.asked.count < 20)
    }

    @Test("is not asked for where it is not wanted")
    func unwanted() throws {
        let network = VirtualNetwork()
        let node = try network.start("node", configuration(), at: [endpoint(1)], seed: seed(1))
        network.run(for: .seconds(1000))
        network.stop(node)
        #expect(node.portMappings.isEmpty)
    }
}
