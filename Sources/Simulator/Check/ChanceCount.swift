import VPNNode

/// How often something happened that happens by chance, and whether chance explains it.
struct ChanceCount {
    var tries: Int128 = 0
    var hits: Int128 = 0

    mutating func count(_ isHit: Bool) {
        tries += 1
        if isHit { hits += 1 }
    }

    /// Fewer tries say nothing.
    static let leastTries: Int128 = 100

    /// Whether the hits lie within six standard deviations of what a probability gives, and ten more, since few hits are
    /// spread wider than their standard deviation says.
    func isExplained(by probability: Int) -> Bool {
        let p = Int128(probability)
        return isExplained(mean: p, variance: p * (1_000_000 - p), bias: 0)
    }

    /// Whether losses in bursts are explained. The state of a link stays as it is from one datagram to the next, which
    /// widens the spread, and begins as good, which moves the mean for each of the links.
    func isExplained(by loss: Loss, links: Int) -> Bool {
        switch loss {
        case .independent(let probability): return isExplained(by: probability.millionths)
        case .numbered, .messages: return true
        case .bursts(let toBad, let toGood, let inGood, let inBad):
            let (a, b) = (Int128(toBad.millionths), Int128(toGood.millionths))
            let (good, bad) = (Int128(inGood.millionths), Int128(inBad.millionths))
            // Without a way back, or out, the start decides.
            guard a > 0, b > 0 else { return true }
            let mean = (a * bad + b * good) / (a + b)
            let difference = max(bad - good, good - bad)
            // Twice the variance of the state times the correlation of all later ones with it: (1 - a - b) / (a + b).
            let state = a * b * 1_000_000 / ((a + b) * (a + b))
            let memory = max(0, 1_000_000 - a - b) * 1_000_000 / (a + b)
            let correlated = 2 * state * difference / 1_000_000 * difference / 1_000_000 * memory
            // A single burst may be very long: its length falls off as exp(-length/mean), not as a bell does.
            let longBurst = 30 * difference * 1_000_000 / b
            let bias = Int128(links) * difference * 1_000_000 / (a + b) + longBurst
            return isExplained(mean: mean, variance: mean * (1_000_000 - mean) + correlated, bias: bias)
        }
    }

    /// - Parameters:
    ///   - mean: of one try, in millionths.
    ///   - variance: of one try, in millionths of a millionth.
    ///   - bias: by how many millionths of a hit the sum may be off besides.
    private func isExplained(mean: Int128, variance: Int128, bias: Int128) -> Bool {
        guard tries >= Self.leastTries else { return true }
        let off = hits * 1_000_000 - tries * mean
        let beyond = max(off, 0 - off) - bias - 10_000_000
        guard beyond > 0 else { return true }
        return beyond * beyond <= 36 * tries * variance
    }
}
