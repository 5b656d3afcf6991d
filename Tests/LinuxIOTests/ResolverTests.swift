import Dispatch
import Synchronization
import Testing
import VPNProtocol

@testable import VPNLinuxIO

@Suite("The resolver") struct ResolverTests {
    @Test("takes addresses as they are", arguments: ["127.0.0.1:7", "[::1]:7", "[fe80::1%lo]:7"])
    func literals(text: String) throws {
        let name = try #require(PeerName(text))
        guard case .endpoints(let endpoints) = NameResolver.lookUp(name) else { throw TestFailure("no address") }
        #expect(endpoints.count == 1)
        #expect(endpoints.first?.port == 7)
        #expect(endpoints.first?.address.description == String(name.host.prefix { $0 != "%" }))
        #expect(endpoints.first?.scope == (text.contains("%") ? 1 : 0))
    }

    @Test("puts IPv4 before IPv6")
    func order() throws {
        guard case .endpoints(let endpoints) = NameResolver.lookUp(try #require(PeerName("localhost:7"))) else {
            throw TestFailure("no localhost")
        }
        #expect(endpoints.first == Endpoint("127.0.0.1:7"))
        let families = endpoints.map { $0.address.isIPv4 }
        #expect(families == families.sorted { $0 && !$1 })
        #expect(Set(endpoints).count == endpoints.count)
    }

    @Test("says why there is no address")
    func unknown() throws {
        guard case .failed(let reason) = NameResolver.lookUp(try #require(PeerName("no-such-host.invalid:7"))) else {
            throw TestFailure("it exists")
        }
        #expect(!reason.isEmpty)
    }

    @Test("answers for others while some hang, and for all in the end, one answer each")
    func hanging() async throws {
        try await onThread {
            let gate = DispatchSemaphore(value: 0)
            let shared = Answers()
            let resolver = NameResolver(
                lookUp: { name in
                    if name.host.hasPrefix("hanging") { gate.wait() }
                    return .failed("")
                }, answer: { name, _ in shared.count(name.host) })
            // One thread is left for the others.
            let hanging = (1..<NameResolver.threads).map { "hanging\($0)" }
            let others = (1...50).map { "other\($0)" }
            for host in hanging + others { resolver.resolve(try #require(PeerName("\(host):1"))) }
            try eventually("the others") { shared.counts.count == others.count }
            for _ in hanging { gate.signal() }
            try eventually("all") { shared.counts.count == hanging.count + others.count }
            #expect(shared.counts.values.allSatisfy { $0 == 1 })
        }
    }

    @Test("refuses more than its bound, with an answer")
    func full() async throws {
        try await onThread {
            let gate = DispatchSemaphore(value: 0)
            let shared = Answers()
            let resolver = NameResolver(
                lookUp: { _ in
                    gate.wait()
                    return .endpoints([])
                },
                answer: { name, resolution in
                    if case .failed(let reason) = resolution { shared.count(reason) } else { shared.count("done") }
                })
            let all = NameResolver.queue + NameResolver.threads + 10
            for number in 0..<all { resolver.resolve(try #require(PeerName("name\(number):1"))) }
            let refused = shared.counts["too many names are being resolved"] ?? 0
            // The threads may not have begun yet.
            #expect((10...10 + NameResolver.threads).contains(refused))
            for _ in 0..<all { gate.signal() }
            try eventually("all others") { shared.counts["done"] == all - refused }
        }
    }
}

/// Counts answers from any thread.
private final class Answers: Sendable {
    private let state = Mutex<[String: Int]>([:])
    var counts: [String: Int] { state.withLock { $0 } }
    func count(_ key: String) { state.withLock { $0[key, default: 0] += 1 } }
}
