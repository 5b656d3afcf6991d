import VPNProtocol

/// The 32 bytes from which a node draws everything random. The shell takes them from the system, a scenario gives them.
public struct Seed: Hashable, Sendable {
    /// The four words that it was made of.
    package let words: [UInt64]

    /// A seed of four random words.
    public init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) { words = [a, b, c, d] }

    /// A seed that depends on this one and a name, and tells nothing of this one.
    public func derived(_ name: String, incarnation: UInt64 = 0) -> Seed {
        Seed(
            word(name, incarnation, 0), word(name, incarnation, 1), word(name, incarnation, 2),
            word(name, incarnation, 3))
    }

    /// The numbers for one purpose. A draw for one purpose moves no other.
    public func numbers(for purpose: String) -> RandomNumbers {
        let seed = derived(purpose)
        return RandomNumbers(seed.words[0], seed.words[1], seed.words[2], seed.words[3])
    }

    private func word(_ name: String, _ incarnation: UInt64, _ index: UInt64) -> UInt64 {
        let key = words[0].bytes + words[1].bytes
        return keyedHash(words[2].bytes + words[3].bytes + incarnation.bytes + index.bytes + Array(name.utf8), key: key)
    }
}

extension UInt64 {
    fileprivate var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }
}

/// The generator xoshiro256** 1.0 (Blackman and Vigna, 2018). Its numbers are the same everywhere.
public struct RandomNumbers: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        // All zero is the one state that never leaves itself.
        state = a | b | c | d == 0 ? (1, 0, 0, 0) : (a, b, c, d)
    }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        let product = state.1 &* 5
        let result = (product << 7 | product >> 57) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    /// A number from 0 up to, but not including, `bound`, which is at least 1.
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "a choice needs something to choose from")
        return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// 128 random bits.
    mutating func next128() -> UInt128 {
        let high = next()
        return UInt128(high) << 64 | UInt128(next())
    }
}
