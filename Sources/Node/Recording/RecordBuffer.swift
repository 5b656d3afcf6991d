import VPNProtocol

/// Records that were made and not handed on yet, in memory that is used again and again.
///
/// Numbers are written seven bits a byte, the lowest first, with the top bit set in all bytes but the last; where they have a
/// fixed length, with their highest byte first, as on the wire.
struct RecordBuffer {
    private var memory: [UInt8]
    /// How many bytes there are.
    private(set) var count = 0

    /// No records, and room for so many bytes of them before anything is allocated.
    init(capacity: Int) { memory = [UInt8](repeating: 0, count: capacity) }

    /// The records.
    var bytes: Span<UInt8> {
        @_lifetime(borrow self) get { memory.span.extracting(first: count) }
    }

    mutating func removeAll() { count = 0 }

    mutating func append(_ kind: RecordingFormat.Kind) { append(byte: kind.rawValue) }

    @inline(__always)
    mutating func append(byte: UInt8) {
        makeRoom(for: 1)
        memory[count] = byte
        count += 1
    }

    mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(byte: UInt8(rest))
    }

    /// A number that is not negative.
    mutating func append(count number: Int) { append(number: UInt64(number)) }

    /// A number that may be negative: twice as large, or twice as large and one more below.
    mutating func append(signed number: Int64) { append(number: UInt64(bitPattern: number << 1 ^ number >> 63)) }

    /// The lowest bytes of a number, the highest of them first.
    mutating func append(bits: UInt128, byteCount: Int) {
        makeRoom(for: byteCount)
        for index in 0..<byteCount {
            memory[count + index] = UInt8(truncatingIfNeeded: bits >> UInt128(8 * (byteCount - 1 - index)))
        }
        count += byteCount
    }

    /// Bytes alone, without their length.
    mutating func append(_ source: Span<UInt8>) {
        makeRoom(for: source.count)
        let start = count
        count += source.count
        var target = memory.mutableSpan
        target.copy(source, to: start)
    }

    mutating func append(text: String) {
        append(count: text.utf8.count)
        for byte in text.utf8 { append(byte: byte) }
    }

    mutating func append(_ flag: Bool) { append(byte: flag ? 1 : 0) }

    /// An address, its port, and where it has one its scope.
    mutating func append(_ endpoint: Endpoint) {
        if let ipv4 = endpoint.address.ipv4 {
            append(byte: EndpointForm.ipv4.rawValue)
            append(bits: UInt128(ipv4), byteCount: 4)
        } else {
            append(byte: (endpoint.scope == 0 ? EndpointForm.ipv6 : .scopedIPv6).rawValue)
            append(bits: endpoint.address.bits, byteCount: 16)
            if endpoint.scope != 0 { append(number: UInt64(endpoint.scope)) }
        }
        append(bits: UInt128(endpoint.port), byteCount: 2)
    }

    /// Whole seconds and the rest in attoseconds, so that nothing is rounded.
    mutating func append(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        append(signed: seconds)
        append(signed: attoseconds)
    }

    private mutating func makeRoom(for more: Int) {
        let missing = count + more - memory.count
        if missing > 0 { memory.append(contentsOf: repeatElement(0, count: max(missing, memory.count))) }
    }
}

/// How an endpoint stands in a record.
enum EndpointForm: UInt8 {
    case ipv4 = 4
    case ipv6 = 6
    case scopedIPv6 = 7
}
