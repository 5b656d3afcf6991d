import VPNNode
import VPNProtocol

/// Ports that a NAT forwards on request, each for a time. There are few, so that they are kept in a list, the ones that
/// end first in front.
struct LeaseTable: Sendable {
    struct Lease: Hashable, Sendable {
        let inside: Endpoint
        let external: Endpoint
        let end: Instant
    }

    private let capacity: Int
    private var byEnd: [Lease] = []
    private var byInside: [Endpoint: Lease] = [:]
    private var byExternal: [Endpoint: Lease] = [:]

    init(capacity: Int) { self.capacity = capacity }

    var isFull: Bool { byEnd.count >= capacity }

    func lease(ofInside endpoint: Endpoint) -> Lease? { byInside[endpoint] }
    func lease(ofExternal endpoint: Endpoint) -> Lease? { byExternal[endpoint] }

    /// Puts a lease, in place of the one of the same inner endpoint.
    mutating func put(_ lease: Lease) {
        remove(inside: lease.inside)
        byEnd.insert(lease, at: byEnd.firstIndex { $0.end > lease.end } ?? byEnd.endIndex)
        byInside[lease.inside] = lease
        byExternal[lease.external] = lease
    }

    mutating func remove(inside: Endpoint) {
        guard let lease = byInside.removeValue(forKey: inside) else { return }
        byExternal[lease.external] = nil
        byEnd.removeAll { $0 == lease }
    }

    mutating func expire(at now: Instant) {
        while let first = byEnd.first, first.end <= now { remove(inside: first.inside) }
    }
}
