/// A 256-bit key in memory that is locked against swapping, read-only, and wiped when the last holder lets go.
///
/// A reference, so that any number of nodes of a simulation share one key and derive it once.
public final class SecretKey: Sendable {
    /// The length of the key of both ciphers.
    public static let byteCount = 32

    let memory: LockedMemory

    /// A key of the given 32 bytes. The caller's copy is the caller's to wipe.
    public init(_ bytes: Span<UInt8>) {
        precondition(bytes.count == Self.byteCount, "a key has 32 bytes")
        memory = LockedMemory(byteCount: Self.byteCount) { target in
            for index in 0..<Self.byteCount { target[index] = bytes[index] }
        }
    }

    init(_ memory: LockedMemory) { self.memory = memory }

    /// Whether both keys have the same bytes, found out in constant time.
    public func equals(_ other: SecretKey) -> Bool { memory.equals(other.memory) }
}

/// Why there is no key.
public enum KeyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `hex:` is not followed by 64 hexadecimal digits.
    case invalidHexadecimalKey
    /// Memory for the derivation (16 MiB with scrypt) was not to be had.
    case outOfMemory
    /// The processor has no AES instructions, without which AES-256-GCM is not available.
    case methodUnavailable(CryptoMethod)
    /// ipsec-mb is wanted and cannot be used.
    case providerUnavailable(ProviderFault)

    /// What is wrong, and what can be done about it.
    public var description: String {
        switch self {
        case .invalidHexadecimalKey: "a shared key that begins with 'hex:' must go on with 64 hexadecimal digits"
        case .outOfMemory: "there is not enough memory to derive the key; 16 MiB are needed"
        case .methodUnavailable(let method):
            "this processor has no AES instructions, so '\(method)' is not available here; use 'chacha20' on all nodes"
        case .providerUnavailable(let fault):
            "ipsec-mb cannot be used: \(fault); or choose 'auto' or 'libsodium' as crypto provider"
        }
    }
}

/// How a password becomes a key. Programs with different derivations cannot read each other.
public enum KeyDerivation: Sendable {
    /// scryptsalsa208sha256 with libsodium's interactive limits.
    case scrypt
    /// PBKDF2-HMAC-SHA256 with 4096 rounds; `hex:` and `hash:` before the password mean something.
    case pbkdf2

    /// The salt of both derivations, known to every program of this protocol.
    static let salt = Array("vpncloudVPNCLOUDvpncl0udVpnCloud".utf8)

    /// The key of a password. Takes some 50 ms and, with scrypt, 16 MiB; meant to be called once.
    public func key(from password: String) throws(KeyError) -> SecretKey {
        switch self {
        case .scrypt:
            var bytes = Array(password.utf8)
            defer { wipe(&bytes) }
            return SecretKey(try LockedMemory.scrypt(bytes, salt: Self.salt))
        case .pbkdf2:
            if password.hasPrefix("hex:") { return try Self.rawKey(password.dropFirst(4)) }
            let secret = password.hasPrefix("hash:") ? password.dropFirst(5) : password[...]
            var bytes = Array(secret.utf8)
            defer { wipe(&bytes) }
            return SecretKey(LockedMemory.pbkdf2(bytes, salt: Self.salt, rounds: 4096))
        }
    }

    private static func rawKey(_ digits: Substring) throws(KeyError) -> SecretKey {
        var values = digits.utf8.compactMap(hexadecimalValue)
        defer { wipe(&values) }
        guard values.count == 2 * SecretKey.byteCount, digits.utf8.count == values.count else {
            throw .invalidHexadecimalKey
        }
        let memory = LockedMemory(byteCount: SecretKey.byteCount) { target in
            for index in 0..<SecretKey.byteCount { target[index] = values[2 * index] << 4 | values[2 * index + 1] }
        }
        return SecretKey(memory)
    }

    private static func hexadecimalValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
