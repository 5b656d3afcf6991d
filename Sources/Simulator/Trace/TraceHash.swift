public import VPNNode
import VPNProtocol

/// A hash over everything that happens in a network, in order: two runs with the same hash did the same.
///
/// It is the same in every process, build mode and architecture. How packets are grouped for sending is no part of it.
public final class TraceHash: NetworkObserver {
    private var hash = SipHash128(key: 0, 0)
    private var record = TraceRecord()
    /// How many observations it covers.
    public private(set) var observations: UInt64 = 0

    /// A hash of nothing; ``VirtualNetwork/add(_:)`` lets it see a network.
    public init() {}

    /// Takes in one observation.
    public func observe(_ observation: Observation, at now: Instant) {
        record.removeAll()
        record.append(observation, at: now)
        hash.append(record.bytes.span)
        observations += 1
    }

    /// The hash of all observations so far.
    public var digest: UInt128 { hash.digest }

    /// ``digest`` in 32 hexadecimal digits.
    public var text: String { digest.hexadecimal(digits: 32) }
}
