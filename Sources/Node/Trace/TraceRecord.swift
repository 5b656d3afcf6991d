package import VPNProtocol

/// What happens as bytes, the same everywhere and for ever: what trace hashes and the digests of recordings are made of.
///
/// Numbers stand with their lowest byte first. Whatever has no fixed length begins with its length. So no two sequences of
/// events are the same bytes. The numbers given to cases here are never used again for others: stored hashes depend on them.
public struct TraceRecord: Sendable {
    @usableFromInline package var contents: [UInt8] = []

    /// What was appended.
    public var bytes: [UInt8] { contents }

    /// An empty record.
    public init() {}

    /// Forgets what was appended, and keeps the memory.
    public mutating func removeAll() { contents.removeAll(keepingCapacity: true) }
}

extension TraceRecord {
    /// Appends a number with its lowest byte first.
    @inlinable package mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for shift in 0..<Number.bitWidth / 8 { contents.append(UInt8(truncatingIfNeeded: number >> Number(8 * shift))) }
    }

    /// Appends an `Int` as 64 bits, whatever it has here.
    package mutating func append(number: Int) { append(Int64(number)) }

    /// Appends an endpoint in 22 bytes.
    package mutating func append(_ endpoint: Endpoint) {
        append(endpoint.address.bits)
        append(endpoint.scope)
        append(endpoint.port)
    }

    /// Appends the length of some bytes, and the bytes.
    package mutating func append(bytes more: [UInt8]) {
        append(number: more.count)
        contents.append(contentsOf: more)
    }

    /// Appends the length of a text in UTF-8, and the text.
    package mutating func append(text: String) {
        append(number: text.utf8.count)
        contents.append(contentsOf: text.utf8)
    }
}
