import VPNNode

/// The time of the scenario, which in the lab goes by so many times faster than the true one.
package struct LabClock: Hashable, Sendable {
    /// How much of the true time a second of the scenario takes, in thousandths.
    package let scale: Int
    private let start: UInt64

    /// A clock that shows zero now.
    package init(scale: Int, start: UInt64) {
        self.scale = max(1, scale)
        self.start = start
    }

    /// What it shows at a time of the monotonic clock.
    func instant(at time: UInt64) -> Instant {
        let passed = UInt128(time > start ? time - start : 0) * 1000 / UInt128(scale)
        return Instant(nanoseconds: UInt64(clamping: passed))
    }

    /// The time of the monotonic clock at which it shows an instant.
    func time(of instant: Instant) -> UInt64 {
        start + UInt64(clamping: UInt128(instant.nanoseconds) * UInt128(scale) / 1000)
    }

    /// How long a time of the scenario takes.
    func real(_ duration: Duration) -> Duration { duration * scale / 1000 }

    /// How long a timeout of a node is: whole seconds, one at least.
    func timeout(_ duration: Duration) -> Int {
        let nanoseconds = real(duration).nanoseconds
        return max(1, Int(clamping: (nanoseconds + 500_000_000) / 1_000_000_000))
    }
}
