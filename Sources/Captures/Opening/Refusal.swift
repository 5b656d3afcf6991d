/// Why a captured packet gives no message of the protocol.
package enum Refusal: Int, Error, CaseIterable, Sendable {
    // Of this protocol, as far as can be told.

    /// No key that the password can mean opens it.
    case wrongKey
    /// It is encrypted, and there is no key.
    case noKey
    /// Its crypto method is unknown, or another than the one asked for.
    case foreignMethod
    /// It is encrypted with AES-256, which this processor cannot do.
    case unavailableMethod
    /// Its header names no known type of message.
    case unknownType
    /// It ends before what its header promises can begin.
    case tooShort
    /// The capture has only its beginning.
    case cut
    /// It is the first fragment of an IP packet; fragments are not put together.
    case fragment

    // Something else.

    /// A datagram with the header of this protocol, and the magic of another network than asked for.
    case otherMagic
    /// A datagram of something else.
    case noHeader
    /// A datagram neither from nor to the port asked for.
    case otherPort
    /// A fragment of a UDP datagram without its beginning.
    case laterFragment
    /// IP with something else than UDP.
    case notUDP
    /// No IP.
    case notIP
    /// Headers that contradict themselves, or that the capture has not all of.
    case malformed

    /// Whether it is a packet of this protocol, which somebody might miss.
    package var isOfProtocol: Bool { rawValue <= Self.fragment.rawValue }

    /// The word for machines.
    package var name: String {
        switch self {
        case .wrongKey: "wrong_key"
        case .noKey: "no_key"
        case .foreignMethod: "foreign_method"
        case .unavailableMethod: "unavailable_method"
        case .unknownType: "unknown_type"
        case .tooShort: "too_short"
        case .cut: "cut"
        case .fragment: "fragment"
        case .otherMagic: "other_magic"
        case .noHeader: "no_header"
        case .otherPort: "other_port"
        case .laterFragment: "later_fragment"
        case .notUDP: "not_udp"
        case .notIP: "not_ip"
        case .malformed: "malformed"
        }
    }

    /// What is the matter, in words for people.
    package var words: String {
        switch self {
        case .wrongKey: "another key, or damaged"
        case .noKey: "encrypted, and no key was given"
        case .foreignMethod: "another crypto method"
        case .unavailableMethod: "encrypted with aes256, which this processor cannot do"
        case .unknownType: "an unknown type of message"
        case .tooShort: "too short for a packet of this protocol"
        case .cut: "cut off by the capture (its snapshot length)"
        case .fragment: "in fragments, which are not put together"
        case .otherMagic: "another network, by its magic"
        case .noHeader: "UDP, but not this protocol"
        case .otherPort: "UDP of other ports"
        case .laterFragment: "further fragments of UDP"
        case .notUDP: "IP, but not UDP"
        case .notIP: "not IP"
        case .malformed: "headers damaged, or cut off by the capture"
        }
    }
}
