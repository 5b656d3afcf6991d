import VPNProtocol

/// The header of an IP packet with its options or extension headers, and where what follows it begins and ends.
struct IPHeader {
    let isIPv6: Bool
    /// Where the packet begins.
    let start: Int
    /// What follows, by its number (IANA, "Protocol Numbers").
    let protocolNumber: UInt8
    /// Where that begins: within the bytes.
    let payload: Int
    /// Where the packet ends by its own account: possibly beyond the bytes, where these were cut.
    let end: Int
    /// Of a fragment, how many bytes of the whole packet come before this one.
    let fragmentOffset: Int
    /// Whether other fragments follow this one.
    let hasMoreFragments: Bool

    /// The numbers of the protocols and extension headers that are told apart.
    enum Number {
        static let icmp: UInt8 = 1
        static let tcp: UInt8 = 6
        static let udp: UInt8 = 17
        static let icmp6: UInt8 = 58
        /// Hop-by-hop options, routing, destination options, mobility, HIP and Shim6: eight bytes, and as many times eight
        /// more as the second byte says (RFC 6564, 4).
        static let extensions: [UInt8] = [0, 43, 60, 135, 139, 140]
        /// Has eight bytes (RFC 8200, 4.5).
        static let fragment: UInt8 = 44
        /// The authentication header counts in units of four bytes, less two (RFC 4302, 2.2).
        static let authentication: UInt8 = 51
    }

    /// Reads the header of a packet that begins at `start`; nil where it is no IP, or not all of the header is there.
    init?(_ bytes: Span<UInt8>, at start: Int) {
        guard start < bytes.count else { return nil }
        switch bytes[start] >> 4 {
        case 4: self.init(ipv4: bytes, at: start)
        case 6: self.init(ipv6: bytes, at: start)
        default: return nil
        }
    }

    private init?(ipv4 bytes: Span<UInt8>, at start: Int) {
        guard bytes.count - start >= 20 else { return nil }
        let headerBytes = Int(bytes[start] & 15) * 4
        var length = Int(bytes.big(UInt16.self, at: start + 2))
        // What an adapter is to cut into packets is captured before it has a length.
        if length == 0 { length = bytes.count - start }
        guard headerBytes >= 20, headerBytes <= length, headerBytes <= bytes.count - start else { return nil }
        let fragment = bytes.big(UInt16.self, at: start + 6)
        isIPv6 = false
        self.start = start
        protocolNumber = bytes[start + 9]
        payload = start + headerBytes
        end = start + length
        fragmentOffset = Int(fragment & 0x1fff) * 8
        hasMoreFragments = fragment & 0x2000 != 0
    }

    private init?(ipv6 bytes: Span<UInt8>, at start: Int) {
        guard bytes.count - start >= 40 else { return nil }
        let length = Int(bytes.big(UInt16.self, at: start + 4))
        // As above.
        let end = length == 0 ? bytes.count : start + 40 + length
        var next = bytes[start + 6]
        var offset = start + 40
        var fragment: UInt16 = 0
        while fragment >> 3 == 0 {
            let kind = next
            guard kind == Number.fragment || kind == Number.authentication || Number.extensions.contains(kind) else {
                break
            }
            guard offset + 8 <= bytes.count else { return nil }
            next = bytes[offset]
            let count = Int(bytes[offset + 1])
            switch kind {
            case Number.fragment:
                fragment = bytes.big(UInt16.self, at: offset + 2)
                offset += 8
            case Number.authentication: offset += (count + 2) * 4
            default: offset += (count + 1) * 8
            }
        }
        guard offset <= bytes.count, offset <= end else { return nil }
        isIPv6 = true
        self.start = start
        protocolNumber = next
        payload = offset
        self.end = end
        fragmentOffset = Int(fragment & 0xfff8)
        hasMoreFragments = fragment & 1 != 0
    }
}
