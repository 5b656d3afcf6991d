import VPNProtocol

/// What follows a header that names an Ethernet type, behind its VLAN tags.
struct EthernetType {
    /// The types that are told apart (IANA, "IEEE 802 Numbers").
    static let ipv4: UInt16 = 0x0800
    static let arp: UInt16 = 0x0806
    static let ipv6: UInt16 = 0x86dd

    /// The type behind the tags.
    let number: UInt16
    /// Where what is of that type begins.
    let payload: Int
    /// The VLAN number of the outermost tag; nil without a tag.
    let vlan: UInt16?

    /// Whether a type is that of a tag: of a customer or a provider (IEEE 802.1Q, 9.6), or what came before the latter.
    private static func isTag(_ type: UInt16) -> Bool { type == 0x8100 || type == 0x88a8 || type == 0x9100 }

    /// Reads the type at `offset`, and the tags from `payload` on, however many; nil where not all of them are there.
    init?(_ bytes: Span<UInt8>, at offset: Int, payload: Int) {
        guard offset + 2 <= bytes.count, payload <= bytes.count else { return nil }
        var type = bytes.big(UInt16.self, at: offset)
        var next = payload
        var vlan: UInt16?
        while Self.isTag(type) {
            guard next + 4 <= bytes.count else { return nil }
            vlan = vlan ?? bytes.big(UInt16.self, at: next) & 0xfff
            type = bytes.big(UInt16.self, at: next + 2)
            next += 4
        }
        number = type
        self.payload = next
        self.vlan = vlan
    }

    /// Reads the header of an Ethernet frame.
    init?(frame bytes: Span<UInt8>) { self.init(bytes, at: 12, payload: 14) }
}
