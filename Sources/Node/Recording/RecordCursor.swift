import VPNProtocol

/// Why records could not be read.
struct RecordFault: Error {
    /// What makes no sense, as a clause.
    let reason: String

    init(_ reason: String) { self.reason = reason }

    static let truncated = RecordFault("a record ends early")
}

/// Reads what a ``RecordBuffer`` has written. Whatever the bytes are, every step returns a value or an error.
struct RecordCursor {
    private let content: [UInt8]
    private var position = 0

    init(_ content: [UInt8]) { self.content = content }

    var isAtEnd: Bool { position == content.count }

    mutating func byte() throws(RecordFault) -> UInt8 {
        guard position < content.count else { throw .truncated }
        defer { position += 1 }
        return content[position]
    }

    mutating func number() throws(RecordFault) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try byte()
            let bits = UInt64(byte & 0x7f)
            guard (bits << shift) >> shift == bits else { break }
            value |= bits << shift
            if byte < 0x80 { return value }
        }
        throw RecordFault("a number has more than 64 bits")
    }

    /// A number within bounds, which say what it is in the error.
    mutating func number<Number: FixedWidthInteger>(
        _ what: StaticString, in range: ClosedRange<Number>
    ) throws(RecordFault) -> Number {
        guard let value = Number(exactly: try number()), range.contains(value) else {
            throw RecordFault("\(what) is out of range")
        }
        return value
    }

    mutating func signed() throws(RecordFault) -> Int64 {
        let number = try number()
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    mutating func bits(byteCount: Int) throws(RecordFault) -> UInt128 {
        var value: UInt128 = 0
        for _ in 0..<byteCount { value = value << 8 | UInt128(try byte()) }
        return value
    }

    mutating func bytes(_ count: Int) throws(RecordFault) -> [UInt8] {
        guard count >= 0, count <= content.count - position else { throw .truncated }
        defer { position += count }
        return Array(content[position..<position + count])
    }

    mutating func text() throws(RecordFault) -> String {
        let count = try number("the length of a text", in: 0...RecordingFormat.maximumBlockBytes)
        guard let text = String(validating: try bytes(count), as: UTF8.self) else {
            throw RecordFault("a text is not in UTF-8")
        }
        return text
    }

    mutating func flag() throws(RecordFault) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw RecordFault("a truth value is neither")
        }
    }

    mutating func endpoint() throws(RecordFault) -> Endpoint {
        guard let form = EndpointForm(rawValue: try byte()) else { throw RecordFault("an address is of no known form") }
        let address: IPAddress
        var scope: UInt32 = 0
        if form == .ipv4 {
            address = IPAddress(ipv4: UInt32(try bits(byteCount: 4)))
        } else {
            address = IPAddress(bits: try bits(byteCount: 16))
            if form == .scopedIPv6 { scope = try number("the scope of an address", in: 0...UInt32.max) }
        }
        return Endpoint(address, port: UInt16(try bits(byteCount: 2)), scope: scope)
    }

    /// A duration within bounds, which say what it is in the error.
    mutating func duration(_ what: StaticString, in range: ClosedRange<Duration>) throws(RecordFault) -> Duration {
        let duration = Duration(secondsComponent: try signed(), attosecondsComponent: try signed())
        guard range.contains(duration) else { throw RecordFault("\(what) is out of range") }
        return duration
    }
}
