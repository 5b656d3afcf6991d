import Glibc
import VPNNode

/// Writes frames to a device, those that belong together as one.
@safe struct DeviceOutput: ~Copyable {
    private var joiner: FrameJoiner
    /// What is joined for the device.
    private(set) var offload: DeviceOffload
    private let headers: UnsafeMutablePointer<UInt8>
    private let vectors: UnsafeMutablePointer<iovec>

    init(for device: borrowing TunnelDevice) {
        offload = device.offload
        joiner = FrameJoiner(
            deviceType: device.type, joinsTCP: device.offload.contains(.tcp), joinsUDP: device.offload.contains(.udp))
        // Room for one header, and for one frame in as many pieces as there can be. Both live as long as this does.
        unsafe headers = .allocate(capacity: OffloadHeader.byteCount)
        unsafe headers.initialize(repeating: 0, count: OffloadHeader.byteCount)
        unsafe vectors = .allocate(capacity: FrameJoiner.maximumPieces + 1)
        unsafe vectors.initialize(
            repeating: iovec(iov_base: headers, iov_len: OffloadHeader.byteCount), count: FrameJoiner.maximumPieces + 1)
    }

    deinit {
        unsafe headers.deallocate()
        unsafe vectors.deallocate()
    }

    /// What became of the frames of a ``flush(_:to:)``.
    struct Outcome {
        /// Calls that the device took.
        var writes = 0
        /// Frames that the device took.
        var written = 0
        /// Frames that it did not take.
        var refused = 0
        /// The last error, where there was one.
        var code: Int32?
        /// Whether the device refused joined datagrams, which are not joined any more.
        var stoppedJoining = false
    }

    /// Whether what was taken must be written before more is taken.
    var isFull: Bool { joiner.isFull }
    var isEmpty: Bool { joiner.groupCount == 0 }

    /// Takes a frame, which stays in `bytes` until ``flush(_:to:)``; see ``FrameJoiner/append(_:in:)``.
    mutating func take(_ frame: Range<Int>, in bytes: inout MutableSpan<UInt8>) { joiner.append(frame, in: &bytes) }

    /// Writes all frames that were taken, in their order. One that the device does not take stops no other.
    mutating func flush(_ bytes: inout MutableSpan<UInt8>, to device: borrowing TunnelDevice) -> Outcome {
        joiner.finish(&bytes)
        var outcome = Outcome()
        let descriptor = device.descriptor.number
        for group in 0..<joiner.groupCount {
            let code = unsafe bytes.withUnsafeBytes { bytes in
                unsafe write(group, of: bytes, withHeader: device.hasHeader, to: descriptor)
            }
            if code == 0 {
                outcome.writes += 1
                outcome.written += joiner.frameCount(of: group)
            } else {
                outcome.refused += joiner.frameCount(of: group)
                outcome.code = code
                if code == EINVAL, joiner.header(of: group).segmentation == .udp { outcome.stoppedJoining = true }
            }
        }
        joiner.removeAll()
        if outcome.stoppedJoining {
            offload.remove(.udp)
            joiner = FrameJoiner(deviceType: device.type, joinsTCP: offload.contains(.tcp), joinsUDP: false)
        }
        return outcome
    }

    /// Writes one group, and returns 0 or an error code.
    ///
    /// - Parameter bytes: all pieces of the group are ranges of it.
    @unsafe private mutating func write(
        _ group: Int, of bytes: UnsafeRawBufferPointer, withHeader hasHeader: Bool, to descriptor: Int32
    ) -> Int32 {
        var header = unsafe MutableSpan<UInt8>(_unsafeStart: headers, count: OffloadHeader.byteCount)
        joiner.header(of: group).write(to: &header, at: 0)
        let count = joiner.pieceCount(of: group)
        for index in 0..<count {
            let piece = joiner.piece(index, of: group)
            // The kernel reads no more bytes than the piece has, and changes none.
            let start = unsafe bytes.baseAddress.map { unsafe UnsafeMutableRawPointer(mutating: $0 + piece.lowerBound) }
            unsafe vectors[index + 1] = iovec(iov_base: start, iov_len: piece.count)
        }
        while true {
            let status = unsafe writev(
                descriptor, hasHeader ? vectors : vectors + 1, Int32(hasHeader ? count + 1 : count))
            if status >= 0 { return 0 }
            if errno != EINTR { return errno }
        }
    }
}
