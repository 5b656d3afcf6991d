package import VPNProtocol

/// What is known of a packet on its way to a capture, besides its bytes.
package struct PacketRecord: Hashable, Sendable {
    /// Where the packet was seen.
    package enum Kind: UInt8, Sendable {
        /// A frame of the device, as it stands after cutting.
        case fromDevice
        /// A frame for the device, as it stands before joining.
        case toDevice
        /// A datagram to a peer: the packet as it would be without encryption.
        case sent
        /// A datagram that was opened, likewise.
        case received
        /// A datagram that could not be opened, as it came.
        case unopened
    }

    /// Where it was seen.
    package let kind: Kind
    /// When it was seen: nanoseconds since 1970, UTC.
    package let time: UInt64
    /// The other end of a datagram; of no meaning for a frame.
    package let peer: Endpoint

    init(_ kind: Kind, at time: UInt64, peer: Endpoint = Endpoint(IPAddress(bits: 0), port: 0)) {
        self.kind = kind
        self.time = time
        self.peer = peer
    }
}

// As bytes in a queue, in the order of this machine.
extension PacketRecord {
    /// How many bytes there are: time, kind, port, scope, and the address at the end.
    static let byteCount = 32

    /// Reads what ``write(to:)`` has written.
    init(_ bytes: Span<UInt8>) {
        guard let kind = Kind(rawValue: bytes[8]) else { preconditionFailure("only kinds that there are were written") }
        self.kind = kind
        time = bytes.native(UInt64.self, at: 0)
        peer = Endpoint(
            IPAddress(bits: bytes.native(UInt128.self, at: 16)), port: bytes.native(UInt16.self, at: 10),
            scope: bytes.native(UInt32.self, at: 12))
    }

    /// Writes the record to the first ``byteCount`` bytes.
    func write(to bytes: inout MutableSpan<UInt8>) {
        bytes.setNative(time, at: 0)
        bytes[8] = kind.rawValue
        bytes.setNative(peer.port, at: 10)
        bytes.setNative(peer.scope, at: 12)
        bytes.setNative(peer.address.bits, at: 16)
    }
}
