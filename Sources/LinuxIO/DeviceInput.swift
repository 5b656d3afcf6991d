import Glibc
import VPNNode

/// Reads frames from a device, and does to them what the kernel left undone.
@safe struct DeviceInput: ~Copyable {
    /// The room that whatever comes next needs: the longest frame, and what is put around each of its segments, with
    /// headers of up to 128 bytes.
    static func room(gapBytes: Int) -> Int {
        TunnelDevice.maximumFrameBytes + SegmentLayout.maximumCount * (gapBytes + 128)
    }

    private let header: UnsafeMutablePointer<UInt8>
    private let vectors: UnsafeMutablePointer<iovec>

    init() {
        // As long as a header, and two pieces: header and frame. Both live as long as this does.
        unsafe header = .allocate(capacity: OffloadHeader.byteCount)
        unsafe header.initialize(repeating: 0, count: OffloadHeader.byteCount)
        unsafe vectors = .allocate(capacity: 2)
        unsafe vectors.initialize(repeating: iovec(iov_base: header, iov_len: OffloadHeader.byteCount), count: 2)
    }

    deinit {
        unsafe header.deallocate()
        unsafe vectors.deallocate()
    }

    /// What one call brought.
    enum Outcome {
        /// Frames, and how they stand in the room for them.
        case frames(OutputBatch.FrameLayout)
        /// A frame that does not fit the header the kernel put before it.
        case malformed
        /// An error code; `EAGAIN` where nothing waits.
        case failed(Int32)
    }

    /// Reads the next frame, or what the kernel has not cut into frames yet, into the start of a room for it.
    ///
    /// - Parameter gapBytes: what is left free between two frames.
    mutating func read(
        from device: borrowing TunnelDevice, into room: inout MutableSpan<UInt8>, gapBytes: Int
    ) -> Outcome {
        let hasHeader = device.hasHeader
        let headerBytes = hasHeader ? OffloadHeader.byteCount : 0
        var count = 0
        repeat {
            // The kernel writes no more than the header and the span have.
            count = unsafe room.withUnsafeMutableBytes { bytes in
                unsafe vectors[1] = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return unsafe readv(device.descriptor.number, hasHeader ? vectors : vectors + 1, hasHeader ? 2 : 1)
            }
        } while count < 0 && errno == EINTR
        guard count >= 0 else { return .failed(errno) }
        let frameBytes = count - headerBytes
        guard frameBytes > 0 else { return count == 0 ? .failed(EAGAIN) : .malformed }
        guard hasHeader else { return .frames(.init(frameBytes: frameBytes, count: 1, lastBytes: frameBytes)) }
        // As long as it was allocated, and filled by the kernel just now.
        let span = unsafe Span<UInt8>(_unsafeStart: header, count: OffloadHeader.byteCount)
        guard let undone = OffloadHeader(span),
            let split = FrameSplitter.split(
                &room, frame: 0..<frameBytes, header: undone, gap: gapBytes, deviceType: device.type)
        else { return .malformed }
        return .frames(split)
    }
}
