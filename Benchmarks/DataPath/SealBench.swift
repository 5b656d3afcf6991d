import VPNProtocol

/// Packets that are sealed and opened in place, one after the other.
final class SealBench {
    private static let count = 64

    private let seal: PacketSeal
    private let method: CryptoMethod
    private let stride: Int
    private var bytes: [UInt8]
    private var nonce = Nonce(bits: 1)

    init(_ method: CryptoMethod) throws {
        self.method = method
        seal = try PacketSeal(
            magic: .standard, method: method, key: SecretKey([UInt8](repeating: 0x5a, count: SecretKey.byteCount).span))
        stride = seal.headBytes + SodiumReference.messageBytes + seal.tailBytes
        bytes = [UInt8](repeating: 0, count: stride * Self.count)
    }

    var measurements: [Measurement] {
        let reference = SodiumReference.name(method)
        return [
            Measurement("seal, \(method)", reference: reference, count: Self.count) { [self] in sealAll() },
            Measurement("open, \(method)", reference: reference, count: Self.count) { [self] in
                sealAll()
            } work: { [self] in
                openAll()
            },
        ]
    }

    private func sealAll() {
        for packet in 0..<Self.count {
            nonce.increment()
            let start = packet * stride + seal.headBytes
            var span = bytes.mutableSpan
            seal.seal(&span, message: start..<start + SodiumReference.messageBytes, type: .data, nonce: nonce)
        }
    }

    private func openAll() {
        for packet in 0..<Self.count {
            var whole = bytes.mutableSpan
            var span = whole._mutatingExtracting(packet * stride..<(packet + 1) * stride)
            guard (try? seal.open(&span)) != nil else { fatalError("what was sealed must open") }
        }
    }
}
