/// The generator SplitMix64, so that random arguments and packets are the same in every run.
public struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    /// Numbers that follow from a seed.
    public init(_ seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    /// The next 128 bits.
    public mutating func next128() -> UInt128 {
        let high = next()
        return UInt128(high) << 64 | UInt128(next())
    }

    /// So many bytes.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var word: UInt64 = 0
        for index in 0..<count {
            if index & 7 == 0 { word = next() }
            bytes[index] = UInt8(truncatingIfNeeded: word)
            word >>= 8
        }
        return bytes
    }

    /// The first bytes that follow from a seed.
    public static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var numbers = Self(seed)
        return numbers.bytes(count)
    }

    /// True with a chance of one in so many.
    public mutating func chance(_ one: Int, in all: Int) -> Bool { Int.random(in: 0..<all, using: &self) < one }
}
