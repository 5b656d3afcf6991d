/// How the rest of a packet is sealed (manual: "crypto method").
public enum CryptoMethod: UInt8, Sendable, CaseIterable {
    /// Not at all.
    case none = 0
    /// ChaCha20-Poly1305 (RFC 8439).
    case chacha20 = 1
    /// AES-256-GCM.
    case aes256 = 2

    /// The bytes between header and message: a nonce, or nothing.
    public var headBytes: Int { self == .none ? 0 : Nonce.byteCount }
    /// The bytes after the message: a tag, or nothing.
    public var tailBytes: Int { self == .none ? 0 : Self.tagBytes }
    /// The length of the authentication tag of both ciphers.
    public static let tagBytes = 16
}

extension CryptoMethod: CustomStringConvertible {
    /// The name in options and logs.
    public var description: String {
        switch self {
        case .none: "none"
        case .chacha20: "chacha20"
        case .aes256: "aes256"
        }
    }
}
