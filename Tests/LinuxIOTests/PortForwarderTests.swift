import Dispatch
import Synchronization
import Testing
import VPNProtocol

@testable import VPNLinuxIO

@Suite("Port forwarding") struct PortForwarderTests {
    private typealias Mapping = SimulatedRouter.Mapping
    private static let outside = IPAddress(203, 0, 113, 7)

    @Test("maps the own port, renews it, and takes it back at the end")
    func life() async throws {
        try await onThread {
            let router = try SimulatedRouter()
            let (forwarder, answers) = try forwarder(router)
            forwarder.map(port: 3210, lease: .seconds(300))
            let first = try answers.next()
            #expect(first == mapped(router, 3210, .seconds(300)))
            #expect(router.mappings == ["3210": Mapping(client: "127.0.0.1", port: "3210", lease: "300")])
            forwarder.map(port: 3210, lease: .seconds(120))
            #expect(try answers.next() == mapped(router, 3210, .seconds(120)))
            #expect(router.mappings == ["3210": Mapping(client: "127.0.0.1", port: "3210", lease: "120")])
            forwarder.finish(within: .seconds(5))
            #expect(router.mappings == [:])
            #expect(try answers.next() == .removed(port: 3210))
        }
    }

    @Test("takes a permanent mapping where the router knows no other")
    func permanent() async throws {
        try await onThread {
            let router = try SimulatedRouter(.init(knowsOnlyPermanentLeases: true))
            let (forwarder, answers) = try forwarder(router)
            forwarder.map(port: 3210, lease: .seconds(300))
            #expect(try answers.next() == mapped(router, 3210, nil))
            #expect(router.mappings["3210"]?.lease == "0")
            forwarder.finish(within: .seconds(5))
            #expect(router.mappings == [:])
        }
    }

    @Test("lets the router choose another port where the own is another machine's, and keeps to it")
    func chosen() async throws {
        try await onThread {
            let other = Mapping(client: "127.0.0.99", port: "3210", lease: "0")
            let router = try SimulatedRouter(.init(choosesPorts: true), mappings: ["3210": other])
            let (forwarder, answers) = try forwarder(router)
            for _ in 0..<2 {
                forwarder.map(port: 3210, lease: .seconds(300))
                #expect(try answers.next() == mapped(router, 40_000, .seconds(300)))
            }
            #expect(router.requests.filter { $0 == "AddAnyPortMapping" }.count == 1)
            forwarder.finish(within: .seconds(5))
            #expect(router.mappings == ["3210": other])
        }
    }

    @Test("tries other ports where the router cannot choose")
    func tried() async throws {
        try await onThread {
            let other = Mapping(client: "127.0.0.99", port: "3210", lease: "0")
            let router = try SimulatedRouter(mappings: ["3210": other])
            let (forwarder, answers) = try forwarder(router)
            forwarder.map(port: 3210, lease: .seconds(300))
            guard case .mapped(_, _, let port, _) = try answers.next() else { throw TestFailure("not mapped") }
            #expect(port >= 49_152)
            #expect(router.mappings["3210"] == other)
            #expect(router.mappings["\(port)"] == Mapping(client: "127.0.0.1", port: "3210", lease: "300"))
            forwarder.finish(within: .seconds(5))
            #expect(router.mappings == ["3210": other])
        }
    }

    @Test("says why the router refuses, and that there is none")
    func refused() async throws {
        try await onThread {
            let router = try SimulatedRouter(.init(refuses: true))
            let (forwarder, answers) = try forwarder(router)
            forwarder.map(port: 3210, lease: .seconds(300))
            guard case .failed(let reason) = try answers.next() else { throw TestFailure("not refused") }
            #expect(reason.contains("606"), "\(reason)")
            let (lonely, silence) = try self.forwarder(nil)
            lonely.map(port: 3210, lease: .seconds(300))
            #expect(try silence.next() == .failed("no router answered"))
            lonely.finish(within: .seconds(5))
        }
    }

    @Test("looks for another router where the one it knew is gone")
    func another() async throws {
        try await onThread {
            let second = try SimulatedRouter()
            let routers = Routers(try SimulatedRouter())
            let answers = ForwardingAnswers()
            let forwarder = try PortForwarder(find: { routers.current?.found }, answer: { answers.put($0) })
            forwarder.map(port: 3210, lease: .seconds(300))
            guard case .mapped = try answers.next() else { throw TestFailure("not mapped") }
            routers.set(second)
            forwarder.map(port: 3210, lease: .seconds(300))
            #expect(try answers.next() == mapped(second, 3210, .seconds(300)))
            forwarder.finish(within: .seconds(5))
            #expect(second.mappings == [:])
        }
    }

    @Test("does not wait at the end for a router that never answered, nor for long for one that hangs")
    func hanging() async throws {
        try await onThread {
            let never = DispatchSemaphore(value: 0)
            defer { never.signal() }
            let answers = ForwardingAnswers()
            let searching = try PortForwarder(
                find: {
                    never.wait()
                    return nil
                }, answer: { answers.put($0) })
            searching.map(port: 3210, lease: .seconds(300))
            var start = ContinuousClock.now
            searching.finish(within: .seconds(5))
            #expect(ContinuousClock.now - start < .seconds(1))

            let router = try SimulatedRouter()
            let (forwarder, heard) = try forwarder(router)
            forwarder.map(port: 3210, lease: .seconds(300))
            _ = try heard.next()
            router.change(.init(hangs: true))
            start = ContinuousClock.now
            forwarder.finish(within: .milliseconds(300))
            let waited = ContinuousClock.now - start
            #expect(waited > .milliseconds(250) && waited < .seconds(2), "\(waited)")
        }
    }

    private func forwarder(_ router: SimulatedRouter?) throws -> (PortForwarder, ForwardingAnswers) {
        let answers = ForwardingAnswers()
        return (try PortForwarder(find: { router?.found }, answer: { answers.put($0) }), answers)
    }

    private func mapped(_ router: SimulatedRouter, _ port: UInt16, _ lease: Duration?) -> PortForwardingOutcome {
        .mapped(
            router: "http://127.0.0.1:\(router.port)/desc.xml", address: Self.outside, port: port, lease: lease)
    }
}

/// The router that is there at the moment.
private final class Routers: Sendable {
    private let state: Mutex<SimulatedRouter?>
    init(_ router: SimulatedRouter?) { state = Mutex(router) }
    var current: SimulatedRouter? { state.withLock { $0 } }
    func set(_ router: SimulatedRouter?) { state.withLock { $0 = router } }
}

/// What a forwarder answers, in order.
final class ForwardingAnswers: Sendable {
    private let state = Mutex<[PortForwardingOutcome]>([])

    func put(_ outcome: PortForwardingOutcome) { state.withLock { $0.append(outcome) } }

    func next() throws -> PortForwardingOutcome {
        try eventually("an answer of the router") { state.withLock { !$0.isEmpty } }
        return state.withLock { $0.removeFirst() }
    }
}
