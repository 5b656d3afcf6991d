import Synchronization
public import VPNProtocol

/// What the router did.
public enum PortForwardingOutcome: Hashable, Sendable {
    /// It forwards an external port to this node; the address is nil where the router does not tell it, the lease
    /// is nil where it has no end.
    case mapped(router: String, address: IPAddress?, port: UInt16, lease: Duration?)
    /// There is no router, or it does not forward the port.
    case failed(String)
    /// It forwards the external port no more.
    case removed(port: UInt16)
    /// It still forwards the external port, since it did not take the order.
    case notRemoved(port: UInt16, String)
}

/// Has a port forwarded by the router, on a thread of its own.
final class PortForwarder: Sendable {
    private enum Job: Sendable {
        case map(port: UInt16, lease: Duration)
        case unmap
    }

    private struct State {
        /// The router that was found last.
        var router: Router?
        /// The external port that is forwarded.
        var external: UInt16?
        /// Whether the router is being asked for something, so that its answer should be waited for.
        var isAsking = false
        var isFinished = false
    }

    /// Further ports that are tried where the node's own is taken and the router cannot choose.
    private static let attempts = 8
    /// What ports for private use begin with (RFC 6335, 6).
    private static let dynamicPorts: ClosedRange<UInt16> = 49_152...65_535

    private let state = Mutex(State())
    private let finished: Descriptor
    private let find: @Sendable () -> Router?
    private let answer: @Sendable (PortForwardingOutcome) -> Void
    private let workers = Mutex<Workers<Job>?>(nil)

    /// - Parameters:
    ///   - find: looks for the router, however long that takes.
    ///   - answer: gets one answer for each order, on any thread.
    init(
        find: @escaping @Sendable () -> Router? = { Router.find() },
        answer: @escaping @Sendable (PortForwardingOutcome) -> Void
    ) throws(SystemError) {
        finished = try Descriptor.wakeUp()
        self.find = find
        self.answer = answer
    }

    /// Has the port forwarded for so long, or longer where it is already.
    func map(port: UInt16, lease: Duration) {
        if !take(.map(port: port, lease: lease)) { answer(.failed("no thread could be started")) }
    }

    /// Has the port forwarded no more.
    func unmap() {
        if state.withLock({ $0.external != nil || $0.isAsking }) { _ = take(.unmap) }
    }

    /// Has the port forwarded no more, and waits for the router where that is needed, but no longer than `limit`.
    func finish(within limit: Duration) {
        let needsRouter = state.withLock { state in
            state.isFinished = true
            return state.external != nil || state.isAsking
        }
        guard needsRouter, take(.unmap) else { return }
        _ = finished.waitForInput(milliseconds: Int32(clamping: Int64(limit / .milliseconds(1))))
    }

    private func take(_ job: Job) -> Bool {
        let workers = workers.withLock { workers in
            let current = workers ?? Workers(threads: 1, queue: 16) { [weak self] job in self?.work(job) }
            workers = current
            return current
        }
        return workers.take(job)
    }

    private func work(_ job: Job) {
        switch job {
        case .map(let port, let lease): map(port, lease)
        case .unmap: removeMapping()
        }
    }

    private func map(_ port: UInt16, _ lease: Duration) {
        if let known = state.withLock({ $0.router }) {
            let outcome = ask(known, port, lease)
            if case .mapped = outcome { return answer(outcome) }
        }
        // Unknown, gone, or another one by now.
        guard let found = find() else { return answer(.failed("no router answered")) }
        state.withLock { $0.router = found }
        answer(ask(found, port, lease))
    }

    private func ask(_ router: Router, _ port: UInt16, _ lease: Duration) -> PortForwardingOutcome {
        let start = state.withLock { state -> UInt16? in
            guard !state.isFinished else { return nil }
            state.isAsking = true
            return state.external ?? port
        }
        guard let preferred = start else { return .failed("the node is ending") }
        let result = Result { () throws(Router.Refusal) in try open(router, preferred, port, lease) }
        state.withLock { state in
            state.isAsking = false
            state.external = try? result.get().port
        }
        switch result {
        case .success(let mapping):
            return .mapped(
                router: router.description, address: router.externalAddress(), port: mapping.port, lease: mapping.lease)
        case .failure(.taken): return .failed("the router at \(router.description) has no free port")
        case .failure(.failed(let reason)): return .failed("the router at \(router.description) says: \(reason)")
        }
    }

    /// The same port outside, else the one that the router chooses, else the first free one of a few.
    private func open(
        _ router: Router, _ preferred: UInt16, _ port: UInt16, _ lease: Duration
    ) throws(Router.Refusal) -> (port: UInt16, lease: Duration?) {
        do {
            return (preferred, try router.map(external: preferred, to: port, lease: lease))
        } catch .taken {
            if let chosen = try? router.mapAny(preferring: preferred, to: port, lease: lease) { return (chosen, lease) }
        }
        for _ in 0..<Self.attempts {
            let external = UInt16.random(in: Self.dynamicPorts)
            do {
                return (external, try router.map(external: external, to: port, lease: lease))
            } catch .taken {
                continue
            }
        }
        throw .taken
    }

    private func removeMapping() {
        let (router, external) = state.withLock { state in
            state.isAsking = true
            return (state.router, state.external)
        }
        if let router, let external {
            let reason = router.unmap(external: external)
            answer(reason.map { .notRemoved(port: external, $0) } ?? .removed(port: external))
        }
        let isLast = state.withLock { state in
            state.isAsking = false
            state.external = nil
            return state.isFinished
        }
        if isLast { finished.wake() }
    }
}
