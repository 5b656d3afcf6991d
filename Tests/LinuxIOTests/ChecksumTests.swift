import TestNumbers
import Testing

@testable import VPNLinuxIO

@Suite("Internet checksum") struct ChecksumTests {
    private func folded(_ bytes: [UInt8], _ range: Range<Int>) -> UInt16 {
        InternetChecksum.folded(InternetChecksum.sum(bytes.span, range)).bigEndian
    }

    @Test("of the example in RFC 1071, 3 is its result")
    func example() {
        let bytes: [UInt8] = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]
        #expect(folded(bytes, 0..<8) == 0xddf2)
    }

    @Test("is the plain sum for every length, at every alignment")
    func lengths() {
        var numbers = SplitMix(1)
        let bytes = numbers.bytes(700)
        for start in 0..<9 {
            for count in 0...600 {
                let range = start..<start + count
                #expect(folded(bytes, range) == PlainPacket.sum(Array(bytes[range])))
            }
        }
    }

    @Test("loses no carry in 64 KiB of ones", arguments: [65_535, 65_553])
    func carries(count: Int) {
        let bytes = [UInt8](repeating: 0xff, count: count)
        #expect(folded(bytes, 0..<count) == PlainPacket.sum(bytes))
    }

    @Test("of parts is that of the whole, where each part has an even length")
    func parts() {
        var numbers = SplitMix(2)
        for _ in 0..<200 {
            let bytes = numbers.bytes(Int.random(in: 2...3000, using: &numbers))
            let cut = 2 * Int.random(in: 0...bytes.count / 2, using: &numbers)
            let sum =
                InternetChecksum.sum(bytes.span, 0..<cut) &+ InternetChecksum.sum(bytes.span, cut..<bytes.count)
            #expect(InternetChecksum.folded(sum).bigEndian == PlainPacket.sum(bytes))
        }
    }
}
