/// Where datagrams come from and go to: an IP address and a UDP port.
public struct Endpoint: Hashable, Sendable {
    /// The address; IPv4 and IPv4-mapped addresses are the same.
    public let address: IPAddress
    /// The interface index of a link-local IPv6 address, else 0. Never on the wire.
    public let scope: UInt32
    /// The UDP port in host order.
    public let port: UInt16

    /// An endpoint from its parts. `scope` is kept for link-local addresses only, where it has a meaning.
    public init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
        self.address = address
        self.port = port
        self.scope = address.isLinkLocal ? scope : 0
    }

    /// Whether a datagram can be sent here: a port and an address of one host.
    public var isUsable: Bool { port != 0 && !address.isUnspecified && !address.isMulticast }

    /// Whether a datagram from another machine can be sent here, so that it makes sense in a list: a link-local address
    /// means nothing without the interface, which is not on the wire.
    public var isUsableElsewhere: Bool { isUsable && !address.isLinkLocal }
}

extension Endpoint {
    /// Reads `192.0.2.1:3210` or `[2001:db8::1]:3210`.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }), let port = UInt16(digits)
        else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let address = IPAddress(host.dropFirst().dropLast()), host.contains(":") else { return nil }
            self.init(address, port: port)
        } else {
            guard !host.contains(":"), let address = IPAddress(host) else { return nil }
            self.init(address, port: port)
        }
    }
}

extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:3210` or `[2001:db8::1]:3210`; a link-local address with its interface index as `%3`.
    public var description: String {
        if address.isIPv4 { return "\(address):\(port)" }
        return scope == 0 ? "[\(address)]:\(port)" : "[\(address)%\(scope)]:\(port)"
    }
}
