/// One of the two AEAD ciphers under one key, as one library computes it. Whichever library it is, the bytes are the same.
protocol PacketCipher: Sendable {
    /// A cipher for packets. `method` is not ``CryptoMethod/none``.
    init(_ method: CryptoMethod, key: SecretKey) throws(KeyError)

    /// Seals `message` in place under the header and nonce that stand before it, and puts the tag behind it.
    func seal(_ packet: inout MutableSpan<UInt8>, header: Int, message: Range<Int>)

    /// Opens a whole packet in place. Returns false where the tag does not fit; where the message was, there is then
    /// nothing that means anything, and nobody is to look at it.
    func open(_ packet: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool
}

/// The cipher of a seal: of whichever library, known without asking a table of functions for each packet.
enum Cipher: Sendable {
    case sodium(SodiumCipher)
    case ipsecMB(IPsecMBCipher)

    /// The cipher that a choice comes to.
    ///
    /// - Parameter fault: why ipsec-mb cannot be used; not asked for where it is not wanted.
    init(
        _ method: CryptoMethod, key: SecretKey, provider: CryptoProvider,
        fault: @autoclosure () -> ProviderFault? = IPsecMBCipher.fault
    ) throws(KeyError) {
        // Without libsodium's there would be nothing to test another library against.
        guard method.isAvailable else { throw .methodUnavailable(method) }
        if try provider.isIPsecMB(fault: fault()) {
            self = .ipsecMB(IPsecMBCipher(method, key: key))
        } else {
            self = .sodium(try SodiumCipher(method, key: key))
        }
    }

    var provider: CryptoProvider {
        switch self {
        case .sodium: .libsodium
        case .ipsecMB: .ipsecMB
        }
    }

    func seal(_ packet: inout MutableSpan<UInt8>, header: Int, message: Range<Int>) {
        switch self {
        case .sodium(let cipher): cipher.seal(&packet, header: header, message: message)
        case .ipsecMB(let cipher): cipher.seal(&packet, header: header, message: message)
        }
    }

    func open(_ packet: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool {
        switch self {
        case .sodium(let cipher): cipher.open(&packet, message: message)
        case .ipsecMB(let cipher): cipher.open(&packet, message: message)
        }
    }
}
