// Numbers of several bytes in a packet or a frame, at any alignment. Every access is checked once against the bounds of the
// span, since where it goes follows from what stands in the bytes.
//
// Inlinable, as a call into another module costs more than the access.

extension Span<UInt8> {
    /// Reads a number in the order of this machine.
    @inlinable @inline(__always) package func native<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type, at offset: Int
    )
        -> Number
    {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        // The bytes lie within the span, as was checked.
        return unsafe withUnsafeBytes {
            unsafe $0.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: type)
        }
    }

    /// Reads a number in network order.
    @inlinable @inline(__always) package func big<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type, at offset: Int
    )
        -> Number
    {
        Number(bigEndian: native(type, at: offset))
    }
}

extension MutableSpan<UInt8> {
    /// Writes a number in the order of this machine.
    @inlinable @inline(__always) package mutating func setNative<Number: FixedWidthInteger & BitwiseCopyable>(
        _ number: Number, at offset: Int
    ) {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        // The bytes lie within the span, as was checked.
        unsafe withUnsafeMutableBytes {
            unsafe $0.baseAddress.unsafelyUnwrapped.storeBytes(of: number, toByteOffset: offset, as: Number.self)
        }
    }

    /// Writes a number in network order.
    @inlinable @inline(__always) package mutating func setBig<Number: FixedWidthInteger & BitwiseCopyable>(
        _ number: Number, at offset: Int
    ) {
        setNative(number.bigEndian, at: offset)
    }

    /// Copies bytes from elsewhere to a place of the span.
    @inlinable @inline(__always) package mutating func copy(_ source: Span<UInt8>, to target: Int) {
        precondition(target >= 0 && target <= count - source.count)
        // The target lies within the span, as was checked, and no bytes of a span that can be changed belong to another one.
        unsafe withUnsafeMutableBytes { bytes in
            unsafe source.withUnsafeBytes { source in
                guard let from = source.baseAddress, let base = bytes.baseAddress else { return }
                unsafe (base + target).copyMemory(from: from, byteCount: source.count)
            }
        }
    }

    /// Copies bytes to another place of the span, which may overlap.
    @inlinable @inline(__always) package mutating func move(_ source: Range<Int>, to target: Int) {
        precondition(source.lowerBound >= 0 && source.upperBound <= count)
        precondition(target >= 0 && target <= count - source.count)
        // Both ranges lie within the span, as was checked.
        unsafe withUnsafeMutableBytes {
            let base = unsafe $0.baseAddress.unsafelyUnwrapped
            unsafe (base + target).copyMemory(from: base + source.lowerBound, byteCount: source.count)
        }
    }
}
