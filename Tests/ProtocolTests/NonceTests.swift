import TestNumbers
import Testing
import VPNProtocol

@Suite("A nonce")
struct NonceTests {
    @Test(
        "grows by one, with a carry through all its 12 bytes",
        arguments: [
            ("000000000000000000000000", "000000000000000000000001"),
            ("0000000000000000000000ff", "000000000000000000000100"),
            ("0000000000000000ffffffff", "000000000000000100000000"),
            ("00000000ffffffffffffffff", "000000010000000000000000"),
            ("00ffffffffffffffffffffff", "010000000000000000000000"),
            ("fffffffffffffffffffffffe", "ffffffffffffffffffffffff"),
            ("ffffffffffffffffffffffff", "000000000000000000000000"),
        ])
    func increment(before: String, after: String) throws {
        var nonce = Nonce(bits: try #require(UInt128(before, radix: 16)))
        #expect(nonce.description == before)
        nonce.increment()
        #expect(nonce.description == after)
        #expect(nonce == Nonce(bits: try #require(UInt128(after, radix: 16))))
    }

    @Test("has only 96 bits")
    func width() {
        #expect(Nonce(bits: .max).bits == UInt128(1) << 96 - 1)
    }

    @Test("follows the nonces shortly before it, and no other")
    func follows() {
        let last = Nonce(bits: 1 << 60)
        let reach: UInt128 = 1 << 48
        #expect(!last.follows(last))
        #expect(Nonce(bits: last.bits + 1).follows(last))
        #expect(!last.follows(Nonce(bits: last.bits + 1)))
        #expect(Nonce(bits: last.bits + reach).follows(last))
        #expect(!Nonce(bits: last.bits + reach + 1).follows(last))
        #expect(!Nonce(bits: 0).follows(Nonce(bits: .max)))
    }

    @Test("of a node that starts never begins with ff, and keeps its other random bits")
    func start() {
        var numbers = SplitMix(1)
        for random in [0, UInt128.max, 0xff << 88, 0xff << 96, 0xfe << 96] + (0..<2000).map({ _ in numbers.next128() })
        {
            let nonce = Nonce(startingFrom: random)
            #expect(nonce.bits >> 88 < 0xff)
            #expect(nonce.bits & (1 << 88 - 1) == random & (1 << 88 - 1))
        }
        let first = Set((0..<2000).map { _ in Nonce(startingFrom: numbers.next128()).bits >> 88 })
        #expect(first.count > 200)
    }
}
