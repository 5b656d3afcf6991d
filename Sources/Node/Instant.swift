/// A point in the time of one run: nanoseconds since a start that only the shell knows.
///
/// 64 bits last for 584 years. Differences are `Duration`s.
public struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the start.
    public let nanoseconds: UInt64

    /// An instant from its nanoseconds since the start.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// The start itself.
    public static let zero = Self(nanoseconds: 0)

    /// Orders earlier before later.
    public static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The instant `duration` later, or earlier where it is negative; never before the start or beyond the end.
    public static func + (instant: Self, duration: Duration) -> Self {
        let delta = duration.nanoseconds
        return Self(
            nanoseconds: delta >= 0
                ? instant.nanoseconds.addingSaturating(UInt64(delta))
                : instant.nanoseconds - min(instant.nanoseconds, delta.magnitude))
    }

    /// The instant `duration` earlier; never before the start.
    public static func - (instant: Self, duration: Duration) -> Self { instant + (.zero - duration) }

    /// The time from `earlier` to `later`, negative where they stand the other way round.
    public static func - (later: Self, earlier: Self) -> Duration {
        later >= earlier
            ? .nanoseconds(Int64(clamping: later.nanoseconds - earlier.nanoseconds))
            : .zero - .nanoseconds(Int64(clamping: earlier.nanoseconds - later.nanoseconds))
    }
}

extension Instant {
    /// The instant so many nanoseconds later; never beyond the end. For what is done with each packet: to take a `Duration`
    /// apart is a division of 128 bits.
    func advanced(byNanoseconds count: UInt64) -> Instant {
        Instant(nanoseconds: nanoseconds.addingSaturating(count))
    }
}

/// The earlier of two instants, where nil is never.
package func earlier(_ left: Instant?, _ right: Instant?) -> Instant? {
    guard let left, let right else { return left ?? right }
    return min(left, right)
}

extension Duration {
    /// The whole nanoseconds, held within what 64 bits can say (292 years).
    package var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, second) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return second ? (seconds < 0 ? .min : .max) : sum
    }
}

extension UInt64 {
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
