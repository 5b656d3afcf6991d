/// What the packets of a capture begin with: its link type, by the numbers of libpcap (DLT_ in pcap/dlt.h).
public enum LinkType: Int32, CaseIterable, Hashable, Sendable {
    /// Four bytes of the address family in the order of the machine that captured, then IP.
    case null = 0
    /// Ethernet frames.
    case ethernet = 1
    /// IP packets, IPv4 or IPv6.
    case raw = 12
    /// As ``null``, with the four bytes in network order.
    case loop = 108
    /// Linux cooked, version 1: what 'tcpdump -i any' wrote until it knew version 2.
    case linuxCooked = 113
    /// IPv4 packets.
    case ipv4 = 228
    /// IPv6 packets.
    case ipv6 = 229
    /// Linux cooked, version 2.
    case linuxCooked2 = 276

    /// The link type of a number that libpcap gives; nil where it is none of these.
    ///
    /// Raw IP has the number 12 here, 14 on OpenBSD, and 101 in files.
    package init?(datalink number: Int32) {
        self.init(rawValue: [14, 101].contains(number) ? Self.raw.rawValue : number)
    }

    /// What it is called.
    package var words: String {
        switch self {
        case .null: "null"
        case .ethernet: "Ethernet"
        case .raw: "raw IP"
        case .loop: "loop"
        case .linuxCooked: "Linux cooked v1"
        case .ipv4: "raw IPv4"
        case .ipv6: "raw IPv6"
        case .linuxCooked2: "Linux cooked v2"
        }
    }
}
