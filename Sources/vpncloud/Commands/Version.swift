import VPNProtocol

/// What this program is and what it can do here, for `--version` and the log.
enum Version {
    /// The version of the program.
    static let number = "0.1.0"

    /// What the processor offers, in words.
    static var processor: String {
        CryptoMethod.aes256.isAvailable
            ? "AES instructions: aes256 and chacha20" : "no AES instructions: chacha20 only"
    }

    /// Three lines: version, crypto provider, processor.
    static var description: String {
        """
        vpncloud \(number)
        crypto provider: \(CryptoProvider.automatic.summary)
        processor: \(processor)
        """
    }
}
