/// Addresses of nodes that the sender is connected to (manual: "Peer list").
public struct PeerListMessage: Hashable, Sendable {
    /// The most addresses of one family: one byte counts them.
    public static let maximumPerFamily = 255
    /// The length of an IPv4 entry on the wire.
    public static let ipv4EntryBytes = 6
    /// The length of an IPv6 entry on the wire.
    public static let ipv6EntryBytes = 18

    /// The entries written in 6 bytes.
    public var ipv4: [Endpoint]
    /// The entries written in 18 bytes. One of them may be IPv4-mapped, and then equals its IPv4 form.
    public var ipv6: [Endpoint]
    /// Bytes after the last entry, of which no dialect knows a use.
    public var trailing: [UInt8]

    /// A list from its entries: at most ``maximumPerFamily`` of each, and IPv4 addresses only in `ipv4`.
    public init(ipv4: [Endpoint] = [], ipv6: [Endpoint] = [], trailing: [UInt8] = []) {
        precondition(ipv4.count <= Self.maximumPerFamily && ipv6.count <= Self.maximumPerFamily)
        precondition(ipv4.allSatisfy { $0.address.isIPv4 }, "only an IPv4 address has four bytes")
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        self.trailing = trailing
    }
}

extension PeerListMessage {
    /// Reads the opened message that follows a header of type ``MessageType/peers``.
    public init(_ bytes: Span<UInt8>) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let ipv4 = try Self.readEntries(&reader, byteCount: Self.ipv4EntryBytes) { reader throws(DecodeError) in
            IPAddress(ipv4: try reader.read(UInt32.self))
        }
        let ipv6 = try Self.readEntries(&reader, byteCount: Self.ipv6EntryBytes) { reader throws(DecodeError) in
            IPAddress(bits: try reader.readBits(byteCount: 16))
        }
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        trailing = reader.readRest()
    }

    @inline(__always)
    private static func readEntries(
        _ reader: inout ByteReader, byteCount: Int, address: (inout ByteReader) throws(DecodeError) -> IPAddress
    ) throws(DecodeError) -> [Endpoint] {
        let count = try reader.read(UInt8.self)
        var entries: [Endpoint] = []
        entries.reserveCapacity(min(Int(count), reader.remaining / byteCount))
        for _ in 0..<count {
            let address = try address(&reader)
            entries.append(Endpoint(address, port: try reader.read()))
        }
        return entries
    }

    /// The length of the encoded message.
    public var byteCount: Int {
        2 + ipv4.count * Self.ipv4EntryBytes + ipv6.count * Self.ipv6EntryBytes + trailing.count
    }

    /// Adds an endpoint in the form of its family, where `limit` bytes and the count of the family allow it.
    /// Returns false where they do not.
    @discardableResult
    public mutating func append(_ endpoint: Endpoint, asMapped: Bool = false, withinBytes limit: Int) -> Bool {
        let short = endpoint.address.isIPv4 && !asMapped
        guard byteCount + (short ? Self.ipv4EntryBytes : Self.ipv6EntryBytes) <= limit else { return false }
        guard (short ? ipv4 : ipv6).count < Self.maximumPerFamily else { return false }
        if short { ipv4.append(endpoint) } else { ipv6.append(endpoint) }
        return true
    }

    /// Writes the message; the writer must have room for ``byteCount`` bytes.
    public func encode(into writer: inout ByteWriter) {
        writer.write(UInt8(ipv4.count))
        for entry in ipv4 {
            writer.write(UInt32(truncatingIfNeeded: entry.address.low))
            writer.write(entry.port)
        }
        writer.write(UInt8(ipv6.count))
        for entry in ipv6 {
            writer.write(bits: entry.address.bits, byteCount: 16)
            writer.write(entry.port)
        }
        for byte in trailing { writer.write(byte) }
    }
}
