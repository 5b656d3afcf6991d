/// The variants of the protocol that are in the field. All have the same packets; they differ in key derivation,
/// in the magic of a name, and in what an Init message ends with.
public enum Dialect: String, Sendable, CaseIterable {
    /// The protocol as the manual has it.
    case manual
    /// As ``manual``, but `hash:NAME` magics leave out the first character of NAME.
    case v0_8 = "0.8"
    /// Keys by PBKDF2, raw keys as `hex:`, an optional `hash:` before a password.
    case v0_9 = "0.9"
    /// As ``v0_9``; Init messages announce the peer timeout, and lists hold IPv4-mapped IPv6 addresses.
    case v1 = "1"

    /// How a password becomes a key.
    public var keyDerivation: KeyDerivation {
        switch self {
        case .manual, .v0_8: .scrypt
        case .v0_9, .v1: .pbkdf2
        }
    }

    /// Whether an Init message ends with the own peer timeout in seconds, two bytes, after the subnets.
    /// Programs 1.1 to 1.4 misread an encrypted Init without it.
    public var announcesPeerTimeout: Bool { self == .v1 }

    /// Whether a peer list is the answer to an Init of stage 1, too.
    public var answersStageOneWithList: Bool { self == .v1 }

    /// Whether lists hold IPv4 addresses in their IPv4-mapped IPv6 form: the full ones as well as in IPv4 form,
    /// the periodic ones only so.
    public var listsMappedAddresses: Bool { self == .v1 }
}
