package import VPNProtocol

/// What is asked for of a capture, and the password to open it with.
package struct OpeningRules: Sendable {
    /// The magics of the networks; none for whatever magics the packets show.
    package var magics: [Magic] = []
    /// The method; nil for all of them.
    package var method: CryptoMethod?
    /// The dialects that the keys may be of.
    package var dialects = Dialect.allCases
    /// The shared key; nil where there is none.
    package var password: String?
    /// The library that decrypts.
    package var provider = CryptoProvider.automatic
    /// The port that datagrams come from or go to; nil for all ports.
    package var port: UInt16?

    /// Everything, without a key.
    package init() {}
}

/// The keys that a password can mean, each under each cipher that there is, derived once.
struct PasswordKeys: Sendable {
    /// A key with a cipher.
    struct Key: Sendable {
        let derivation: KeyDerivation
        let seal: PacketSeal
    }

    /// By the number of the method.
    private(set) var byMethod = [[Key]](repeating: [], count: CryptoMethod.allCases.count)

    /// Derives the keys, which takes some 60 ms.
    ///
    /// - Throws: where there is a password and nothing comes of it.
    init(_ rules: OpeningRules) throws(KeyError) {
        guard let password = rules.password else { return }
        var derivations: [KeyDerivation] = []
        for dialect in rules.dialects where !derivations.contains(dialect.keyDerivation) {
            derivations.append(dialect.keyDerivation)
        }
        var failure: KeyError?
        for derivation in derivations {
            let key: SecretKey
            do {
                key = try derivation.key(from: password)
            } catch {
                // What is no key in one dialect may be one in another.
                failure = error
                continue
            }
            for method in CryptoMethod.allCases where method != .none && method.isAvailable {
                let seal = try PacketSeal(magic: .standard, method: method, key: key, provider: rules.provider)
                byMethod[Int(method.rawValue)].append(Key(derivation: derivation, seal: seal))
            }
        }
        if let failure, byMethod.allSatisfy(\.isEmpty) { throw failure }
    }
}
