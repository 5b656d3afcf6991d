/// What a library got wrong when it was held against libsodium.
public struct SelfTestFailure: Hashable, Sendable {
    /// What it was asked to do.
    public enum Step: Hashable, Sendable {
        /// To set up a key.
        case key
        /// To seal: other bytes came out.
        case seal
        /// To open what libsodium sealed: it was refused, or another text came out.
        case open
        /// To refuse a packet with one bit changed: it was opened.
        case refuse
    }

    /// The cipher.
    public let method: CryptoMethod
    /// The length of the message.
    public let length: Int
    /// What went wrong.
    public let step: Step
}

extension SelfTestFailure: CustomStringConvertible {
    /// What it got wrong, in words.
    public var description: String {
        let what =
            switch step {
            case .key: "setting up a key"
            case .seal: "sealing"
            case .open: "opening"
            case .refuse: "refusing a changed packet"
            }
        return "\(method), \(what), \(length) bytes"
    }
}

extension SelfTestFailure {
    /// Lengths around the blocks of both ciphers (16 and 64 bytes), around what code for wide registers takes at once (8
    /// and 16 of those), of a usual packet, and of one that is as long as they get.
    static let lengths = [
        0, 1, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 1400, 65_000,
    ]

    /// Looks for an answer of a library that is not libsodium's. Nil where there is none.
    init?<Candidate: PacketCipher>(of _: Candidate.Type) {
        for method in CryptoMethod.allCases where method != .none && method.isAvailable {
            let bytes = (0..<SecretKey.byteCount).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 5) }
            let key = SecretKey(bytes.span)
            guard let sodium = try? SodiumCipher(method, key: key), let candidate = try? Candidate(method, key: key)
            else {
                self.init(method: method, length: 0, step: .key)
                return
            }
            for length in Self.lengths {
                guard let step = Self.wrongStep(of: candidate, against: sodium, length: length) else { continue }
                self.init(method: method, length: length, step: step)
                return
            }
        }
        return nil
    }

    private static func wrongStep(
        of candidate: some PacketCipher, against sodium: SodiumCipher, length: Int
    ) -> Step? {
        let start = PacketHeader.byteCount + Nonce.byteCount
        let message = start..<start + length
        // Any bytes do as header, nonce and text; these differ from length to length.
        let plain = (0..<message.upperBound + CryptoMethod.tagBytes).map { index in
            UInt8(truncatingIfNeeded: index &* 131 &+ index >> 8 &+ length)
        }
        var expected = plain
        var span = expected.mutableSpan
        sodium.seal(&span, header: 0, message: message)
        var sealed = plain
        span = sealed.mutableSpan
        candidate.seal(&span, header: 0, message: message)
        guard sealed == expected else { return .seal }

        span = sealed.mutableSpan
        guard candidate.open(&span, message: message), sealed[message] == plain[message] else { return .open }

        // A bit of the header, of the nonce, of both ends of the text, and of both ends of the tag.
        let ends = [message.lowerBound, message.upperBound - 1, message.upperBound, expected.count - 1]
        for index in [3, PacketHeader.byteCount] + ends {
            var changed = expected
            changed[index] ^= 0x10
            span = changed.mutableSpan
            guard !candidate.open(&span, message: message) else { return .refuse }
        }
        return nil
    }
}
