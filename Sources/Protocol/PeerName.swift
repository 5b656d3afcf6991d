/// Where a peer is to be found: `host:port`, the host a name or an address.
public struct PeerName: Hashable, Sendable {
    /// The port of the manual's `--listen`, meant where none is written.
    public static let defaultPort: UInt16 = 3210

    /// A name to be resolved, or an address without brackets.
    public let host: String
    /// The UDP port.
    public let port: UInt16

    /// Reads `host`, `host:3210`, `192.0.2.1:3210` or `[2001:db8::1]:3210`.
    public init?(_ text: String) {
        let hostPart: Substring
        let portPart: Substring?
        if text.hasPrefix("[") {
            guard let bracket = text.lastIndex(of: "]") else { return nil }
            let rest = text[text.index(after: bracket)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            hostPart = text[text.index(after: text.startIndex)..<bracket]
            portPart = rest.isEmpty ? nil : rest.dropFirst()
            // A link-local address may name its interface: [fe80::1%eth0].
            guard IPAddress(hostPart.prefix { $0 != "%" }) != nil, hostPart.contains(":") else { return nil }
        } else {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2 else { return nil }
            hostPart = parts[0]
            portPart = parts.count == 2 ? parts[1] : nil
            guard Self.isHost(hostPart) else { return nil }
        }
        var port = Self.defaultPort
        if let portPart {
            guard portPart.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let number = UInt16(portPart), number > 0
            else { return nil }
            port = number
        }
        host = String(hostPart)
        self.port = port
    }

    /// The endpoint itself where the host is an address and nothing needs to be resolved.
    public var literal: Endpoint? { IPAddress(host).map { Endpoint($0, port: port) } }

    /// Whether a text can be a host name (RFC 1123, 2.1, with the underscore that names in the field have) or IPv4 address.
    private static func isHost(_ text: Substring) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253, !text.hasPrefix("."), !text.hasPrefix("-") else { return false }
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                0x80...:
                true
            default: false
            }
        }
        // Numbers and dots alone are meant as an IPv4 address, so they must be one.
        let numeric = text.allSatisfy { $0 == "." || $0.isASCII && $0.isNumber }
        return allowed && (!numeric || IPAddress(text) != nil)
    }
}

extension PeerName: CustomStringConvertible {
    /// The text that ``init(_:)`` reads, always with its port.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
