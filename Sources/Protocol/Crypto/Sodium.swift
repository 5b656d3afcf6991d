// The one file that talks to libsodium.
internal import CSodium

/// Whether libsodium is initialised. It must be before any other call; more than one call does no harm.
private let sodiumIsReady: Bool = sodium_init() >= 0

/// The library's name and version.
var sodiumVersion: String { "libsodium \(unsafe String(cString: sodium_version_string()))" }

/// What this processor offers for a method.
extension CryptoMethod {
    /// Whether this method can be used on this processor: libsodium has AES-256-GCM only with AES instructions.
    public var isAvailable: Bool {
        precondition(sodiumIsReady, "libsodium must initialise")
        return self != .aes256 || crypto_aead_aes256gcm_is_available() == 1
    }
}

/// SipHash-2-4 of a message under a 16-byte key.
package func keyedHash(_ message: [UInt8], key: [UInt8]) -> UInt64 {
    precondition(sodiumIsReady && key.count == Int(crypto_shorthash_keybytes()))
    var hash = [UInt8](repeating: 0, count: Int(crypto_shorthash_bytes()))
    // The three buffers are as long as libsodium's constants say.
    unsafe _ = crypto_shorthash(&hash, message, UInt64(message.count), key)
    return hash.reversed().reduce(0) { $0 << 8 | UInt64($1) }
}

/// Overwrites a secret that has to be in ordinary memory for a moment.
func wipe(_ bytes: inout [UInt8]) { unsafe sodium_memzero(&bytes, bytes.count) }

/// Memory for secrets: its own pages between guard pages, locked, read-only once filled, wiped at the end.
/// Locking is best effort, as in libsodium: a process that may lock no memory still runs.
@safe final class LockedMemory: @unchecked Sendable {
    // Sendable: written only in `init`, before anyone else can see it.
    private let pointer: UnsafeMutableRawPointer
    private let byteCount: Int

    /// Memory that `fill` writes once. It ends where a page does: `byteCount` is a multiple of 16, which aligns it to 16
    /// bytes, and a multiple of 64 aligns it to 64.
    init(byteCount: Int, fill: (inout MutableSpan<UInt8>) -> Void) {
        precondition(sodiumIsReady && byteCount.isMultiple(of: 16))
        guard let memory = unsafe sodium_malloc(byteCount) else { fatalError("no memory for a secret") }
        // The span covers exactly what was allocated and does not outlive this call.
        var span = unsafe MutableSpan<UInt8>(
            _unsafeStart: memory.bindMemory(to: UInt8.self, capacity: byteCount), count: byteCount)
        fill(&span)
        unsafe sodium_mprotect_readonly(memory)
        unsafe pointer = memory
        self.byteCount = byteCount
    }

    deinit { unsafe sodium_free(pointer) }

    var start: UnsafePointer<UInt8> { unsafe UnsafePointer(pointer.assumingMemoryBound(to: UInt8.self)) }
    var raw: UnsafeRawPointer { unsafe UnsafeRawPointer(pointer) }

    func equals(_ other: LockedMemory) -> Bool {
        unsafe byteCount == other.byteCount && sodium_memcmp(pointer, other.pointer, byteCount) == 0
    }

    /// scryptsalsa208sha256 with the interactive limits: opslimit 524288, memlimit 16777216.
    static func scrypt(_ password: [UInt8], salt: [UInt8]) throws(KeyError) -> LockedMemory {
        precondition(salt.count == Int(crypto_pwhash_scryptsalsa208sha256_saltbytes()))
        // A byte more than the password, since an empty array need not have an address.
        var text = password.map { CChar(bitPattern: $0) } + [0]
        var status: CInt = -1
        let memory = LockedMemory(byteCount: SecretKey.byteCount) { target in
            unsafe target.withUnsafeMutableBufferPointer { target in
                guard let start = target.baseAddress else { return }
                // Lengths come with their buffers; the salt's was checked above.
                unsafe status = crypto_pwhash_scryptsalsa208sha256(
                    start, UInt64(target.count), text, UInt64(password.count), salt, 524_288, 16_777_216)
            }
        }
        unsafe sodium_memzero(&text, text.count)
        guard status == 0 else { throw .outOfMemory }
        return memory
    }

    /// One block of PBKDF2-HMAC-SHA256 (RFC 8018, 5.2), built on libsodium's HMAC, since libsodium has no PBKDF2.
    static func pbkdf2(_ password: [UInt8], salt: [UInt8], rounds: Int) -> LockedMemory {
        LockedMemory(byteCount: SecretKey.byteCount) { target in
            var block = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_bytes()))
            hmac(key: password, salt + [0, 0, 0, 1], into: &block)
            for index in 0..<target.count { target[index] = block[index] }
            // Two arrays by turns, so that nothing is copied and both can be wiped.
            var next = block
            for _ in 1..<rounds {
                hmac(key: password, block, into: &next)
                for index in 0..<target.count { target[index] ^= next[index] }
                swap(&block, &next)
            }
            wipe(&block)
            wipe(&next)
        }
    }

    private static func hmac(key: [UInt8], _ message: [UInt8], into result: inout [UInt8]) {
        precondition(result.count == Int(crypto_auth_hmacsha256_bytes()))
        var state = crypto_auth_hmacsha256_state()
        // Lengths come with their arrays, and the result is as long as libsodium's constant says.
        unsafe crypto_auth_hmacsha256_init(&state, key, key.count)
        unsafe crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
        unsafe crypto_auth_hmacsha256_final(&state, &result)
        unsafe sodium_memzero(&state, MemoryLayout<crypto_auth_hmacsha256_state>.size)
    }
}

/// One of the two AEAD ciphers under one key, through libsodium.
final class SodiumCipher: PacketCipher {
    private let method: CryptoMethod
    /// The key of ChaCha20, or the expanded key of AES.
    private let state: LockedMemory

    init(_ method: CryptoMethod, key: SecretKey) throws(KeyError) {
        guard method.isAvailable else { throw .methodUnavailable(method) }
        self.method = method
        switch method {
        case .none: preconditionFailure("a packet without encryption needs no cipher")
        case .chacha20: state = key.memory
        case .aes256:
            state = LockedMemory(byteCount: crypto_aead_aes256gcm_statebytes()) { target in
                unsafe target.withUnsafeMutableBytes { target in
                    guard let start = target.baseAddress else { return }
                    // The target is as long as the state and, its length being a multiple of 16, aligned like it.
                    unsafe _ = crypto_aead_aes256gcm_beforenm(
                        start.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self), key.memory.start)
                }
            }
        }
    }

    func seal(_ packet: inout MutableSpan<UInt8>, header: Int, message: Range<Int>) {
        precondition(header >= 0 && message.lowerBound == header + PacketHeader.byteCount + Nonce.byteCount)
        precondition(message.upperBound + CryptoMethod.tagBytes <= packet.count)
        unsafe packet.withUnsafeMutableBufferPointer { packet in
            // Every offset was checked against the packet above; both functions work in place.
            guard let start = packet.baseAddress else { return }
            let (text, length) = unsafe (start + message.lowerBound, UInt64(message.count))
            let (additional, nonce) = unsafe (start + header, start + header + PacketHeader.byteCount)
            if method == .aes256 {
                unsafe crypto_aead_aes256gcm_encrypt_afternm(
                    text, nil, text, length, additional, UInt64(PacketHeader.byteCount), nil, nonce,
                    state.raw.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self))
            } else {
                unsafe crypto_aead_chacha20poly1305_ietf_encrypt(
                    text, nil, text, length, additional, UInt64(PacketHeader.byteCount), nil, nonce, state.start)
            }
        }
    }

    func open(_ packet: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool {
        precondition(message.lowerBound == PacketHeader.byteCount + Nonce.byteCount)
        precondition(message.upperBound + CryptoMethod.tagBytes == packet.count)
        return unsafe packet.withUnsafeMutableBufferPointer { packet in
            // Every offset was checked against the packet above; both functions work in place.
            guard let start = packet.baseAddress else { return false }
            let text = unsafe start + message.lowerBound
            let length = UInt64(message.count + CryptoMethod.tagBytes)
            let nonce = unsafe start + PacketHeader.byteCount
            if method == .aes256 {
                return unsafe crypto_aead_aes256gcm_decrypt_afternm(
                    text, nil, nil, text, length, start, UInt64(PacketHeader.byteCount), nonce,
                    state.raw.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self)) == 0
            }
            return unsafe crypto_aead_chacha20poly1305_ietf_decrypt(
                text, nil, nil, text, length, start, UInt64(PacketHeader.byteCount), nonce, state.start) == 0
        }
    }
}
