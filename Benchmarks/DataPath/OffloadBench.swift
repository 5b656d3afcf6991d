import VPNLinuxIO
import VPNNode
import VPNProtocol

/// Frames of 64 KiB as the kernel gives them to a TUN device, which are split into packets, and such packets, which are
/// joined again. All are of one TCP stream over IPv4.
final class OffloadBench {
    /// So many are worked on together that looking at the clock is next to no part of it, and so few that they do not take the
    /// caches from all else that is measured.
    private static let wholes = 2
    /// The length of the headers: 20 bytes of IP, 20 of TCP, 12 of its timestamps.
    private static let headerBytes = 52
    private static let payloadBytes = SodiumReference.messageBytes - headerBytes
    /// As many as fit the 16 bits of IP's length.
    private static let frames = (Int(UInt16.max) - headerBytes) / payloadBytes
    private static let wholeBytes = headerBytes + frames * payloadBytes
    /// What stands between two packets: tag, header and nonce.
    private static let gap = CryptoMethod.tagBytes + PacketHeader.byteCount + Nonce.byteCount
    private static let stride = frames * (SodiumReference.messageBytes + gap)

    private let header: OffloadHeader
    private let whole: [UInt8]
    /// The frames, which are split where they are, and then joined again, which changes the first one's headers.
    private var bytes: [UInt8]
    private var joiner = FrameJoiner(deviceType: .tun, joinsTCP: true, joinsUDP: false)

    init() {
        var header = OffloadHeader()
        header.needsChecksum = true
        header.segmentation = .tcp4
        header.headerBytes = UInt16(Self.headerBytes)
        header.segmentBytes = UInt16(Self.payloadBytes)
        header.checksumStart = 20
        header.checksumOffset = 16
        self.header = header
        whole = Self.wholeFrame()
        bytes = [UInt8](repeating: 0, count: Self.wholes * Self.stride)
    }

    var measurements: [Measurement] {
        let reference = SodiumReference.name(.chacha20)
        let count = Self.wholes * Self.frames
        return [
            Measurement("split 64 KiB, each frame", reference: reference, count: count) { [self] in
                fill()
            } work: { [self] in
                Self.split(&bytes, header)
            },
            Measurement("join 64 KiB, each frame", reference: reference, count: count) { [self] in
                fill()
                Self.split(&bytes, header)
            } work: { [self] in
                Self.join(&bytes, with: &joiner)
            },
        ]
    }

    private static func split(_ array: inout [UInt8], _ header: OffloadHeader) {
        var bytes = array.mutableSpan
        for number in 0..<wholes {
            let start = number * stride
            let frames = FrameSplitter.split(
                &bytes, frame: start..<start + wholeBytes, header: header, gap: gap, deviceType: .tun)
            precondition(frames?.count == Self.frames, "the frame must be split")
        }
    }

    private static func join(_ array: inout [UInt8], with joiner: inout FrameJoiner) {
        var bytes = array.mutableSpan
        for number in 0..<wholes {
            joiner.removeAll()
            for index in 0..<frames {
                let start = number * stride + index * (SodiumReference.messageBytes + gap)
                joiner.append(start..<start + SodiumReference.messageBytes, in: &bytes)
            }
            joiner.finish(&bytes)
            precondition(joiner.groupCount == 1, "the packets must be joined")
        }
    }

    /// Writes the frames as they are before they are split.
    private func fill() {
        for number in 0..<Self.wholes {
            let start = number * Self.stride
            bytes.replaceSubrange(start..<start + whole.count, with: whole)
        }
    }

    /// A frame with the checksum of IP, which is right for the whole, and that of TCP left to whoever splits it.
    private static func wholeFrame() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: wholeBytes)
        var numbers = Seed(8, 6, 4, 2).numbers(for: "payload")
        for index in headerBytes..<wholeBytes { bytes[index] = UInt8(truncatingIfNeeded: numbers.next()) }
        let network: [UInt8] = [
            0x45, 0, UInt8(wholeBytes >> 8), UInt8(wholeBytes & 0xff), 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1,
            10, 0,
            0, 2,
        ]
        // Ports, numbers, 32 bytes of header, ACK and PSH, a window, no checksum yet; two paddings and the timestamps.
        let transport: [UInt8] = [
            0x14, 0x51, 0xc0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 0x80, 0x18, 8, 0, 0, 0, 0, 0, 1, 1, 8, 10, 1, 1, 1, 1, 2, 2, 2,
            2,
        ]
        bytes.replaceSubrange(0..<headerBytes, with: network + transport)
        return bytes
    }
}
