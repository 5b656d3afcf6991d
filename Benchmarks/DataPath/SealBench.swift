import VPNProtocol

/// Packets that are sealed and opened in place, one after the other, by each library in turn.
final class SealBench {
    private static let count = 64

    private let method: CryptoMethod
    private let seals: [(provider: CryptoProvider, seal: PacketSeal)]
    private let stride: Int
    private var bytes: [UInt8]
    private var nonce = Nonce(bits: 1)

    /// - Parameter providers: libraries that can be used here.
    init(_ method: CryptoMethod, _ providers: [CryptoProvider]) throws {
        self.method = method
        let key = SecretKey([UInt8](repeating: 0x5a, count: SecretKey.byteCount).span)
        seals = try providers.map {
            ($0, try PacketSeal(magic: .standard, method: method, key: key, provider: $0))
        }
        stride = PacketHeader.byteCount + method.headBytes + SodiumReference.messageBytes + method.tailBytes
        bytes = [UInt8](repeating: 0, count: stride * Self.count)
    }

    var measurements: [Measurement] {
        let reference = SodiumReference.name(method)
        return seals.flatMap { provider, seal in
            // With the library, so that the records of machines with different ones do not mean different things.
            let what = "\(method), \(provider.rawValue)"
            return [
                Measurement("seal, \(what)", reference: reference, count: Self.count) { [self] in sealAll(seal) },
                Measurement("open, \(what)", reference: reference, count: Self.count) { [self] in
                    sealAll(seal)
                } work: { [self] in
                    openAll(seal)
                },
            ]
        }
    }

    private func sealAll(_ seal: PacketSeal) {
        for packet in 0..<Self.count {
            nonce.increment()
            let start = packet * stride + seal.headBytes
            var span = bytes.mutableSpan
            seal.seal(&span, message: start..<start + SodiumReference.messageBytes, type: .data, nonce: nonce)
        }
    }

    private func openAll(_ seal: PacketSeal) {
        for packet in 0..<Self.count {
            var whole = bytes.mutableSpan
            var span = whole._mutatingExtracting(packet * stride..<(packet + 1) * stride)
            guard (try? seal.open(&span)) != nil else { fatalError("what was sealed must open") }
        }
    }
}
