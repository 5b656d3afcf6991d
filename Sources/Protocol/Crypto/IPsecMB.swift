// The one file that talks to ipsec-mb.
internal import CIPsecMB

/// One of the two AEAD ciphers under one key, through Intel's Multi-Buffer Crypto for IPsec Library.
///
/// The library decrypts while it computes the tag. So a packet that turns out to be forged was already decrypted in
/// place: it is wiped before anyone is told.
final class IPsecMBCipher: PacketCipher {
    private let isAES: Bool
    /// The expanded key.
    private let state: LockedMemory

    /// A cipher for packets. Only where ``fault`` is nil, or for the test that decides that.
    init(_ method: CryptoMethod, key: SecretKey) {
        precondition(method != .none && Self.loadingFault == nil, "a cipher needs its library")
        isAES = method == .aes256
        // Multiples of 64, so that the memory is aligned as the library wants it.
        let byteCount = method == .aes256 ? cipsecmb_aes256_key_bytes() : cipsecmb_chacha20_key_bytes()
        state = LockedMemory(byteCount: byteCount) { target in
            unsafe target.withUnsafeMutableBytes { target in
                guard let start = target.baseAddress else { return }
                // The target is as long as the library says, and the key has its 32 bytes.
                if method == .aes256 {
                    unsafe cipsecmb_aes256_expand(key.memory.start, start)
                } else {
                    unsafe cipsecmb_chacha20_expand(key.memory.start, start)
                }
            }
        }
    }

    func seal(_ packet: inout MutableSpan<UInt8>, header: Int, message: Range<Int>) {
        precondition(header >= 0 && message.lowerBound == header + PacketHeader.byteCount + Nonce.byteCount)
        precondition(message.upperBound + CryptoMethod.tagBytes <= packet.count)
        unsafe packet.withUnsafeMutableBufferPointer { packet in
            guard let start = packet.baseAddress else { return }
            // From header to tag all is within the packet, as checked above.
            if isAES {
                unsafe cipsecmb_aes256_seal(state.raw, start + header, message.count)
            } else {
                unsafe cipsecmb_chacha20_seal(state.raw, start + header, message.count)
            }
        }
    }

    func open(_ packet: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool {
        precondition(message.lowerBound == PacketHeader.byteCount + Nonce.byteCount)
        precondition(message.upperBound + CryptoMethod.tagBytes == packet.count)
        return unsafe packet.withUnsafeMutableBufferPointer { packet in
            guard let start = packet.baseAddress else { return false }
            // The message lies between nonce and tag, as checked above.
            if isAES { return unsafe cipsecmb_aes256_open(state.raw, start, message.count) == 1 }
            return unsafe cipsecmb_chacha20_open(state.raw, start, message.count) == 1
        }
    }
}

extension IPsecMBCipher {
    /// The library's name and version.
    static var version: String { "ipsec-mb \(unsafe String(cString: cipsecmb_version()))" }

    /// Why the library must not be used; nil where it may. Found out once in a process, at the first question.
    static let fault: ProviderFault? = loadingFault ?? testFault

    /// Why the library is not there.
    private static let loadingFault: ProviderFault? = {
        // Called once, before anything else of it, as it demands. Its texts end with a zero byte and stay as they are.
        let status = cipsecmb_load()
        let detail = unsafe String(cString: cipsecmb_detail())
        switch status {
        case CIPSECMB_READY: return nil
        case CIPSECMB_NOT_BUILT_IN: return .notBuiltIn
        case CIPSECMB_NOT_LOADED: return .notLoaded(reason: detail, package: "libipsec-mb\(cipsecmb_major())")
        case CIPSECMB_OTHER_VERSION:
            return .otherVersion(found: detail, needed: "\(cipsecmb_major()).\(cipsecmb_minor())")
        default: return .notUsable
        }
    }()

    private static var testFault: ProviderFault? {
        SelfTestFailure(of: IPsecMBCipher.self).map(ProviderFault.wrongAnswer)
    }
}
