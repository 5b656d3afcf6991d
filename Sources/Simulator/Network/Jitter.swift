import VPNNode

extension Duration {
    /// The whole nanoseconds, none where it is negative.
    var wholeNanoseconds: UInt64 { (Instant.zero + self).nanoseconds }
}

extension Jitter {
    /// The longest delay of a distribution with a tail, in multiples of the amount.
    static let longestTail: UInt64 = 100

    /// How much shorter than the latency the delay may be.
    var mostEarly: Duration { distribution == .normal ? min(amount, .seconds(3600)) * 3 : .zero }

    /// How much longer than the latency this datagram takes; negative where it takes less. Integers only: the same
    /// everywhere.
    func draw(_ numbers: inout RandomNumbers) -> Duration {
        // An hour is more than any link varies by, and keeps the products below within 64 bits.
        let amount = min(self.amount, .seconds(3600)).wholeNanoseconds
        guard amount > 0 else { return .zero }
        switch distribution {
        case .uniform: return .nanoseconds(numbers.next(below: Int(amount) + 1))
        case .normal: return Self.drawNormal(amount, &numbers)
        case .pareto: return Self.drawPareto(amount, &numbers)
        }
    }

    /// The sum of twelve even numbers has the variance of one of them twelve times over (Irwin and Hall), so that its
    /// standard deviation is 65,536 with numbers of 16 bits.
    private static func drawNormal(_ amount: UInt64, _ numbers: inout RandomNumbers) -> Duration {
        var sum: Int64 = 0
        for _ in 0..<3 {
            let word = numbers.next()
            for lane in 0..<4 { sum += Int64(word >> UInt64(16 * lane) & 0xffff) }
        }
        let deviation = min(max(sum - 393_210, -3 * 65_536), 3 * 65_536)
        return .nanoseconds(Int64(amount) * deviation / 65_536)
    }

    /// The least value over the cube root of an even number from 0 to 1 has the Pareto distribution with shape 3, and
    /// its mean is one and a half times the least value.
    private static func drawPareto(_ amount: UInt64, _ numbers: inout RandomNumbers) -> Duration {
        let root = cubeRoot((numbers.next() >> 1) + 1)
        let delay = UInt128(amount) * 2 / 3 * UInt128(1 << 21) / UInt128(root)
        return .nanoseconds(Int64(min(delay, UInt128(amount * longestTail))))
    }
}

/// The largest whole number whose cube is no larger, at least 1, for numbers from 1 to 2^63.
func cubeRoot(_ number: UInt64) -> UInt64 {
    var root: UInt64 = 0
    for bit in stride(from: 21, through: 0, by: -1) {
        let candidate = root | 1 << UInt64(bit)
        if candidate <= 1 << 21, candidate * candidate * candidate <= number { root = candidate }
    }
    return root
}
