import CSodium
import VPNProtocol

/// libsodium called without anything around it: what this machine is measured by.
@safe final class SodiumReference {
    /// What is sealed and opened: as much as a packet of a usual network carries.
    static let messageBytes = 1400

    private let buffer: UnsafeMutablePointer<UInt8>
    private let expandedKey: UnsafeMutablePointer<crypto_aead_aes256gcm_state>

    init() {
        precondition(sodium_init() >= 0, "libsodium must initialise")
        unsafe buffer = .allocate(capacity: Self.messageBytes + CryptoMethod.tagBytes)
        unsafe buffer.initialize(repeating: 0, count: Self.messageBytes + CryptoMethod.tagBytes)
        unsafe expandedKey = .allocate(capacity: 1)
        let key = [UInt8](repeating: 0x5a, count: SecretKey.byteCount)
        // Allocated as the type it is, which has its alignment.
        if CryptoMethod.aes256.isAvailable { unsafe crypto_aead_aes256gcm_beforenm(expandedKey, key) }
    }

    deinit {
        unsafe buffer.deallocate()
        unsafe expandedKey.deallocate()
    }

    static func name(_ method: CryptoMethod) -> String { "libsodium itself, \(method), seal" }

    /// Seals the message in place, again and again, over its own ciphertext.
    func measurement(_ method: CryptoMethod, count: Int) -> Measurement {
        Measurement(Self.name(method), reference: Self.name(method), count: count) { [self] in
            let additional = [UInt8](repeating: 1, count: PacketHeader.byteCount)
            let nonce = [UInt8](repeating: 2, count: Nonce.byteCount)
            let (length, additionalLength) = (UInt64(Self.messageBytes), UInt64(additional.count))
            for _ in 0..<count {
                // The buffer has room for the tag behind the message; both functions work in place.
                if method == .aes256 {
                    unsafe crypto_aead_aes256gcm_encrypt_afternm(
                        buffer, nil, buffer, length, additional, additionalLength, nil, nonce, expandedKey)
                } else {
                    unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                        buffer, nil, buffer, length, additional, additionalLength, nil, nonce, zeroKey)
                }
            }
        }
    }

    private let zeroKey = [UInt8](repeating: 0, count: SecretKey.byteCount)
}
