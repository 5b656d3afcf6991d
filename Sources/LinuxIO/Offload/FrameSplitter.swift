package import VPNNode
import VPNProtocol

/// Does what the kernel left to be done to a frame that it sent to the device: cuts it into segments, and completes
/// checksums.
package enum FrameSplitter {
    /// Splits a frame where it is. Its segments follow each other from its start on, with a gap after each.
    ///
    /// Works from the last segment back: each is moved to a place behind all that has not been moved yet.
    ///
    /// - Returns: nil where the frame and its header do not fit together, or there is less room than
    ///   ``SegmentLayout/spreadBytes(gap:)``. Then nothing was changed.
    package static func split(
        _ bytes: inout MutableSpan<UInt8>, frame: Range<Int>, header: OffloadHeader, gap: Int, deviceType: DeviceType
    ) -> OutputBatch.FrameLayout? {
        guard !frame.isEmpty, frame.lowerBound >= 0, frame.upperBound <= bytes.count, gap >= 0 else { return nil }
        if header.segmentation == .none {
            if header.needsChecksum, !completeChecksum(&bytes, frame, header) { return nil }
            return OutputBatch.FrameLayout(frameBytes: frame.count, count: 1, lastBytes: frame.count)
        }
        guard let layout = SegmentLayout(header, bytes.span, frame, deviceType),
            layout.spreadBytes(gap: gap) <= bytes.count - frame.lowerBound
        else { return nil }
        let writer = SegmentWriter(
            &bytes, layout, start: frame.lowerBound, stride: layout.headerBytes + layout.segmentBytes + gap)
        for index in stride(from: layout.count - 1, through: 0, by: -1) { writer.write(index, &bytes) }
        return OutputBatch.FrameLayout(
            frameBytes: layout.headerBytes + layout.segmentBytes, count: layout.count,
            lastBytes: layout.headerBytes + layout.lastBytes)
    }

    /// Puts the sum from ``OffloadHeader/checksumStart`` to the end into its field, which holds a part of it already.
    private static func completeChecksum(
        _ bytes: inout MutableSpan<UInt8>, _ frame: Range<Int>, _ header: OffloadHeader
    ) -> Bool {
        let start = Int(header.checksumStart)
        let field = start + Int(header.checksumOffset)
        guard field + 2 <= frame.count else { return false }
        let sum = InternetChecksum.folded(InternetChecksum.sum(bytes.span, frame.lowerBound + start..<frame.upperBound))
        // Zero would mean to UDP that there is no checksum; to all others both are the same (RFC 768; RFC 1071, 1).
        bytes.setNative(sum == .max ? .max : ~sum, at: frame.lowerBound + field)
        return true
    }
}

/// Writes the segments of one frame. The sums over all that they have in common are made once.
private struct SegmentWriter {
    private let layout: SegmentLayout
    private let start: Int
    private let stride: Int
    private let identification: UInt16
    private let sequence: UInt32
    private let flags: UInt8
    private let networkSum: UInt64
    private let transportSum: UInt64

    /// Takes from the headers what differs from segment to segment, and leaves zeros there.
    init(_ bytes: inout MutableSpan<UInt8>, _ layout: SegmentLayout, start: Int, stride: Int) {
        self.layout = layout
        self.start = start
        self.stride = stride
        let network = start + layout.networkOffset
        let transport = start + layout.transportOffset
        let end = start + layout.headerBytes
        let checksum = transport + (layout.isUDP ? HeaderField.udpChecksum : HeaderField.tcpChecksum)
        let pseudo = Self.pseudoHeader(bytes.span, layout, start: start, checksum: checksum)
        bytes.setNative(UInt16(0), at: checksum)
        if layout.isUDP {
            sequence = 0
            flags = 0
            bytes.setNative(UInt16(0), at: transport + 4)
        } else {
            sequence = bytes.span.big(UInt32.self, at: transport + 4)
            flags = bytes[transport + 13]
            bytes.setNative(UInt32(0), at: transport + 4)
            bytes[transport + 13] = 0
        }
        transportSum = InternetChecksum.sum(bytes.span, transport..<end) &+ pseudo
        if layout.isIPv6 {
            identification = 0
            networkSum = 0
        } else {
            identification = bytes.span.big(UInt16.self, at: network + 4)
            bytes.setNative(UInt32(0), at: network + 2)
            bytes.setNative(UInt16(0), at: network + 10)
            networkSum = InternetChecksum.sum(bytes.span, network..<transport)
        }
    }

    /// The sum of the pseudo header without its length.
    ///
    /// Options and extension headers can hold the final destination, which it is over (RFC 8200, 8.1). Where there are
    /// any, the sum is taken from the kernel, which left it, with the length of the whole, in the checksum field.
    private static func pseudoHeader(
        _ bytes: Span<UInt8>, _ layout: SegmentLayout, start: Int, checksum: Int
    ) -> UInt64 {
        if layout.hasNetworkOptions {
            let wholeBytes =
                layout.headerBytes - layout.transportOffset + (layout.count - 1) * layout.segmentBytes
                + layout.lastBytes
            let length = InternetChecksum.folded(InternetChecksum.part(UInt32(truncatingIfNeeded: wholeBytes)))
            return UInt64(bytes.native(UInt16.self, at: checksum)) &+ UInt64(~length)
        }
        return InternetChecksum.pseudoHeader(
            bytes, packetAt: start + layout.networkOffset, isIPv6: layout.isIPv6,
            protocolNumber: layout.isUDP ? HeaderField.udp : HeaderField.tcp)
    }

    /// Moves the payload of a segment to its place, and writes the headers before it. The first segment is the last to
    /// be written, since the others copy its headers.
    func write(_ index: Int, _ bytes: inout MutableSpan<UInt8>) {
        let target = start + index * stride
        let payloadBytes = index == layout.count - 1 ? layout.lastBytes : layout.segmentBytes
        let payload = target + layout.headerBytes
        if index > 0 {
            let source = start + layout.headerBytes + index * layout.segmentBytes
            bytes.move(source..<source + payloadBytes, to: payload)
            bytes.move(start..<start + layout.headerBytes, to: target)
        }
        let networkBytes = layout.headerBytes - layout.networkOffset + payloadBytes
        writeNetwork(index, &bytes, at: target + layout.networkOffset, byteCount: UInt16(networkBytes))
        let sum = transportSum &+ InternetChecksum.sum(bytes.span, payload..<payload + payloadBytes)
        let transportBytes = UInt16(layout.headerBytes - layout.transportOffset + payloadBytes)
        let transport = target + layout.transportOffset
        if layout.isUDP {
            writeUDP(&bytes, at: transport, byteCount: transportBytes, sum)
        } else {
            writeTCP(index, &bytes, at: transport, sum &+ InternetChecksum.part(transportBytes))
        }
    }

    @inline(__always) private func writeNetwork(
        _ index: Int, _ bytes: inout MutableSpan<UInt8>, at offset: Int, byteCount: UInt16
    ) {
        if layout.isIPv6 { return bytes.setBig(byteCount - 40, at: offset + 4) }
        let number = identification &+ UInt16(truncatingIfNeeded: index)
        bytes.setBig(byteCount, at: offset + 2)
        bytes.setBig(number, at: offset + 4)
        let sum = networkSum &+ InternetChecksum.part(byteCount) &+ InternetChecksum.part(number)
        bytes.setNative(~InternetChecksum.folded(sum), at: offset + 10)
    }

    @inline(__always) private func writeTCP(
        _ index: Int, _ bytes: inout MutableSpan<UInt8>, at offset: Int, _ sum: UInt64
    ) {
        let number = sequence &+ UInt32(truncatingIfNeeded: index &* layout.segmentBytes)
        var flags = flags
        if index != layout.count - 1 { flags &= ~(HeaderField.fin | HeaderField.psh) }
        if index != 0 { flags &= ~HeaderField.cwr }
        bytes.setBig(number, at: offset + 4)
        bytes[offset + 13] = flags
        let total = sum &+ InternetChecksum.part(number) &+ InternetChecksum.part(UInt16(flags))
        bytes.setNative(~InternetChecksum.folded(total), at: offset + HeaderField.tcpChecksum)
    }

    @inline(__always) private func writeUDP(
        _ bytes: inout MutableSpan<UInt8>, at offset: Int, byteCount: UInt16, _ sum: UInt64
    ) {
        bytes.setBig(byteCount, at: offset + 4)
        // The length counts twice: in the pseudo header, and as a field.
        let checksum = ~InternetChecksum.folded(sum &+ 2 &* InternetChecksum.part(byteCount))
        bytes.setNative(checksum == 0 ? .max : checksum, at: offset + HeaderField.udpChecksum)
    }
}
