/// Reads big-endian fields one after another; every step checks that the bytes are there.
struct ByteReader: ~Escapable {
    private let bytes: Span<UInt8>
    private(set) var position = 0

    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
    }

    var remaining: Int { bytes.count - position }

    /// The next `Integer.bitWidth / 8` bytes, at most 8, as one number.
    @inline(__always)
    mutating func read<Integer: FixedWidthInteger & BitwiseCopyable>(_: Integer.Type = Integer.self) throws(DecodeError)
        -> Integer
    {
        let byteCount = Integer.bitWidth / 8
        guard remaining >= byteCount else { throw .truncated(needed: position + byteCount, available: bytes.count) }
        defer { position += byteCount }
        return bytes.big(Integer.self, at: position)
    }

    /// All bytes that are left.
    mutating func readRest() -> [UInt8] {
        var rest: [UInt8] = []
        rest.reserveCapacity(remaining)
        while position < bytes.count {
            rest.append(bytes[position])
            position += 1
        }
        return rest
    }

    /// The next `byteCount` bytes (at most 16) as the low bits of a number, first byte most significant.
    mutating func readBits(byteCount: Int) throws(DecodeError) -> UInt128 {
        guard remaining >= byteCount else { throw .truncated(needed: position + byteCount, available: bytes.count) }
        var value: UInt128 = 0
        for offset in position..<position + byteCount { value = value << 8 | UInt128(bytes[offset]) }
        position += byteCount
        return value
    }
}

/// Writes big-endian fields one after another into bytes that the caller has sized.
public struct ByteWriter: ~Copyable, ~Escapable {
    private var bytes: MutableSpan<UInt8>
    /// How many bytes have been written.
    public private(set) var count = 0

    /// Writes from the start of `bytes`.
    @_lifetime(copy bytes)
    public init(_ bytes: consuming MutableSpan<UInt8>) {
        self.bytes = bytes
    }

    /// Writes the low `byteCount` bytes of a number, most significant first.
    @_lifetime(self: copy self)
    mutating func write(bits: UInt128, byteCount: Int) {
        precondition(bytes.count - count >= byteCount, "a message must be given the room that its byteCount says")
        for index in 0..<byteCount {
            bytes[count + index] = UInt8(truncatingIfNeeded: bits >> UInt128(8 * (byteCount - 1 - index)))
        }
        count += byteCount
    }

    /// Writes an integer of at most 64 bits.
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func write<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
        let byteCount = Integer.bitWidth / 8
        precondition(bytes.count - count >= byteCount, "a message must be given the room that its byteCount says")
        bytes.setBig(value, at: count)
        count += byteCount
    }
}
