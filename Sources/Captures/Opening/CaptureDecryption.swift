package import VPNNode
import VPNProtocol

/// Writes what is in a capture to captures that programs without a key can read: the packets without encryption, and the
/// frames that they carry.
package struct CaptureDecryption {
    /// Where what goes.
    package struct Outputs: Sendable {
        /// The path for the packets; nil for nowhere.
        package var outer: String?
        /// The path for the frames; nil for nowhere.
        package var inner: String?
        /// The kind of device that the frames are of; nil for what they look like.
        package var deviceType: DeviceType?
        /// Whether packets that are not opened are in the outer capture as well, as they are.
        package var keepsOther = false

        /// Nowhere.
        package init() {}
    }

    /// What was found.
    package private(set) var counts = OpeningCounts()
    /// How many packets were written to the outer capture.
    package private(set) var packetsWritten: UInt64 = 0
    /// How many frames were written to the inner capture.
    package private(set) var framesWritten: UInt64 = 0
    /// How many frames are in no capture, since they cannot be of a device of the kind.
    package private(set) var framesOfOtherKind: UInt64 = 0
    /// What the device of the frames is, once that is known.
    package private(set) var deviceType: DeviceType?
    /// What went wrong first. Nothing is written after that.
    package private(set) var failure: CaptureError?

    /// Where the packets come from.
    private var opener: CaptureOpener
    private let outputs: Outputs
    private var outer: CaptureFile?
    private var inner: CaptureFile?

    /// Makes the file for packets, and that for frames if the kind of device is known.
    package init(_ packets: PacketOpener, _ link: LinkType, _ outputs: Outputs) throws(CaptureError) {
        opener = CaptureOpener(packets, link)
        self.outputs = outputs
        outer = try outputs.outer.map { path throws(CaptureError) in try CaptureFile(emptying: path, link) }
        if let type = outputs.deviceType { try openInner(type) }
    }

    /// Whether what went wrong is that whoever reads an output wants no more.
    package var isUnread: Bool { outer?.isUnread == true || inner?.isUnread == true }

    /// The networks that packets were opened of, in words.
    package var networks: [String] { opener.packets.opened }

    /// Takes a captured packet.
    package mutating func take(_ packet: Span<UInt8>, wireBytes: Int, at time: Instant) {
        counts.countPacket()
        opener.begin(packet, wireBytes: wireBytes)
        var datagrams = 0
        while failure == nil, let finding = opener.next(in: packet) {
            counts.count(finding.outcome)
            datagrams += 1
            do throws(CaptureError) {
                switch finding.outcome {
                case .opened(let opened, let plain):
                    try writeOuter(packet, finding.place, plain, at: time)
                    if opened.type == .data { try writeInner(opened.message, at: time) }
                case .refused:
                    guard outputs.keepsOther else { break }
                    if finding.isSingle {
                        try outer?.append(packet, wireBytes: wireBytes, nanoseconds: time.nanoseconds)
                        packetsWritten += outer == nil ? 0 : 1
                    } else {
                        try writeOuter(packet, finding.place, finding.payload, at: time)
                    }
                }
            } catch {
                failure = error
            }
        }
        if datagrams > 1 { counts.countRun() }
    }

    /// Writes what waits.
    package mutating func flush() {
        do throws(CaptureError) {
            try outer?.flush()
            try inner?.flush()
        } catch {
            failure = failure ?? error
        }
    }

    /// Writes what waits and closes the files. Throws what went wrong first, then or before.
    package mutating func finish() throws(CaptureError) {
        do throws(CaptureError) {
            // A capture without packets is one as well.
            if outputs.inner != nil, inner == nil, failure == nil { try openInner(.tap) }
        } catch {
            failure = error
        }
        for file in [inner, outer] {
            do { try file?.close() } catch { failure = failure ?? error }
        }
        if let failure { throw failure }
    }

    private mutating func writeOuter(
        _ packet: Span<UInt8>, _ place: DatagramPlace?, _ payload: Range<Int>, at time: Instant
    ) throws(CaptureError) {
        guard let outer, let place else { return }
        var bytes = opener.bytes.mutableSpan
        let whole = place.writeHeaders(of: packet, before: payload, in: &bytes)
        try outer.append(bytes.span.extracting(whole), nanoseconds: time.nanoseconds)
        packetsWritten += 1
    }

    private mutating func writeInner(_ message: Range<Int>, at time: Instant) throws(CaptureError) {
        guard outputs.inner != nil else { return }
        if inner == nil { try openInner(deviceType ?? kind(ofFrame: message)) }
        if try append(frame: message, at: time) { framesWritten += 1 } else { framesOfOtherKind += 1 }
    }

    /// Writes a frame, unless it cannot be one of the device.
    private func append(frame message: Range<Int>, at time: Instant) throws(CaptureError) -> Bool {
        let frame = opener.bytes.span.extracting(message)
        guard let inner, let deviceType, InnerFrame.mayBe(deviceType, frame),
            // A whole IP packet is none of the Ethernet that the other frames were taken for.
            deviceType == .tun || outputs.deviceType != nil || InnerFrame.deviceType(of: frame) != .tun
        else { return false }
        try inner.append(frame, nanoseconds: time.nanoseconds)
        return true
    }

    /// What a frame is taken for: whatever is no IP packet from its first byte to its last is of no TUN device.
    private func kind(ofFrame message: Range<Int>) -> DeviceType {
        InnerFrame.deviceType(of: opener.bytes.span.extracting(message)) == .tun ? .tun : .tap
    }

    private mutating func openInner(_ type: DeviceType) throws(CaptureError) {
        guard let path = outputs.inner else { return }
        deviceType = type
        inner = try CaptureFile(emptying: path, type == .tun ? .raw : .ethernet)
    }
}
