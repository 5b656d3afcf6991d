/// Which library seals and opens packets. What it makes of them is the same, byte for byte; only the time differs.
public enum CryptoProvider: String, Sendable, CaseIterable {
    /// ipsec-mb where it can be used, else libsodium.
    case automatic = "auto"
    /// libsodium, which is always there.
    case libsodium
    /// Intel's Multi-Buffer Crypto for IPsec Library; an error where it cannot be used.
    case ipsecMB = "ipsec-mb"

    /// Why ipsec-mb cannot be used in this process; nil where it can. The first to ask loads and tests it, which takes
    /// about a millisecond.
    public static var ipsecMBFault: ProviderFault? { IPsecMBCipher.fault }

    /// The library that this choice comes to here and its version, like `ipsec-mb 1.3.0`, and where a faster one is not
    /// taken, why. For `--version` and the log.
    public var summary: String { summary(fault: IPsecMBCipher.fault) }

    /// As ``summary``, with a given fault of ipsec-mb.
    package func summary(fault: @autoclosure () -> ProviderFault?) -> String {
        guard self != .libsodium else { return sodiumVersion }
        guard let fault = fault() else { return IPsecMBCipher.version }
        return self == .ipsecMB ? "none: \(fault)" : "\(sodiumVersion) (not ipsec-mb: \(fault))"
    }

    /// Whether this choice comes to ipsec-mb.
    func isIPsecMB(fault: @autoclosure () -> ProviderFault?) throws(KeyError) -> Bool {
        switch self {
        case .libsodium: return false
        case .automatic: return fault() == nil
        case .ipsecMB:
            if let fault = fault() { throw .providerUnavailable(fault) }
            return true
        }
    }
}

/// Why ipsec-mb cannot be used.
public enum ProviderFault: Error, Hashable, Sendable {
    /// Its header was not there when the program was built.
    case notBuiltIn
    /// The dynamic linker does not find it, or refuses it, for a reason. The name is that of Debian's package.
    case notLoaded(reason: String, package: String)
    /// Another version than the one that the program was built for.
    case otherVersion(found: String, needed: String)
    /// It has nothing for this processor, or fails its own test.
    case notUsable
    /// It gives other answers than libsodium.
    case wrongAnswer(SelfTestFailure)
}

extension ProviderFault: CustomStringConvertible {
    /// What is wrong, and what can be done about it.
    public var description: String {
        switch self {
        case .notBuiltIn: "this program was built without it; install libipsec-mb-dev and build again"
        case .notLoaded(let reason, let package): "it cannot be loaded (\(reason)); install \(package)"
        case .otherVersion(let found, let needed):
            "version \(found) is installed, and this program was built for \(needed); build it again"
        case .notUsable: "it does not support this processor, or fails its own test"
        case .wrongAnswer(let failure): "it does not agree with libsodium: \(failure)"
        }
    }
}
