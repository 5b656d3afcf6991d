import VPNNode
import VPNProtocol

/// What makes frames belong to one flow: the Ethernet header with its tags, addresses, ports and protocol.
struct FlowKey {
    /// The Ethernet header, in overlapping words; zeros where there is none.
    var link: (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// Source and destination; only the first word for IPv4.
    var addresses: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// Ports, protocol, version of IP and the length of the Ethernet header.
    var rest: UInt64 = 0

    @inline(__always) func equals(_ other: Self) -> Bool {
        // Without branches; flows mostly differ in what is compared first, or not at all.
        let addresses =
            (self.addresses.0 ^ other.addresses.0) | (self.addresses.1 ^ other.addresses.1)
            | (self.addresses.2 ^ other.addresses.2) | (self.addresses.3 ^ other.addresses.3)
        let link = (self.link.0 ^ other.link.0) | (self.link.1 ^ other.link.1) | (self.link.2 ^ other.link.2)
        return addresses | link | (rest ^ other.rest) == 0
    }
}

/// A frame as one segment of a TCP or UDP flow.
struct FlowSegment {
    /// What a frame is to the flows.
    enum Kind {
        /// Neither TCP nor UDP.
        case unrelated
        /// Could be part of any flow: a fragment, or a packet with options or extension headers.
        case unclear
        /// A segment of a flow.
        case segment
    }

    private(set) var key = FlowKey()
    private(set) var isUDP = false
    private(set) var isIPv6 = false
    /// Whether the frame is such that others may be joined to it, or it to others; see ``FrameJoiner``.
    private(set) var isJoinable = false
    /// Whether PSH is set, so that nothing may follow in the same frame.
    private(set) var isPushed = false
    /// Whether IPv4 forbids fragments, so that the identification means nothing (RFC 6864, 4.1).
    private(set) var isAtomic = false
    /// From the start of the frame.
    private(set) var networkOffset = 0
    private(set) var transportOffset = 0
    private(set) var headerBytes = 0
    private(set) var payloadBytes = 0
    /// All of the IP header that must be equal in all segments, and is not in the key.
    private(set) var network: UInt64 = 0
    /// All of the TCP header, less its options, that must be equal in all segments, and is not in the key.
    private(set) var transport: UInt64 = 0
    private(set) var identification: UInt16 = 0
    private(set) var sequence: UInt32 = 0

    init() {}

    /// Reads the headers of a frame within `bytes`. Only where the result is ``Kind/segment`` the values mean something.
    @inline(__always) mutating func read(
        _ bytes: Span<UInt8>, _ frame: Range<Int>, _ deviceType: DeviceType
    ) -> Kind {
        guard let packet = PacketStart(bytes, frame, deviceType) else { return .unrelated }
        isIPv6 = packet.isIPv6
        networkOffset = packet.offset
        let start = frame.lowerBound + packet.offset
        let kind = isIPv6 ? readIPv6(bytes, at: start) : readIPv4(bytes, at: start)
        guard kind == .segment else { return kind }
        let transport = frame.lowerBound + transportOffset
        guard transport + 8 <= frame.upperBound else { return .unclear }
        readLink(bytes, frame)
        let packetBytes =
            isIPv6 ? 40 + Int(bytes.big(UInt16.self, at: start + 4)) : Int(bytes.big(UInt16.self, at: start + 2))
        // What is behind the packet would be lost.
        let isWhole = packetBytes == frame.upperBound - start
        isJoinable = false
        isPushed = false
        key.rest =
            UInt64(bytes.native(UInt32.self, at: transport)) << 32 | UInt64(networkOffset) << 16 | (isIPv6 ? 2 : 0)
            | (isUDP ? 1 : 0)
        if isUDP { readUDP(bytes, frame, isWhole) } else { readTCP(bytes, frame, isWhole) }
        return .segment
    }

    @inline(__always) private mutating func readLink(_ bytes: Span<UInt8>, _ frame: Range<Int>) {
        guard networkOffset > 0 else { return }
        let end = frame.lowerBound + networkOffset
        key.link = (
            bytes.native(UInt64.self, at: frame.lowerBound), bytes.native(UInt64.self, at: frame.lowerBound + 6),
            bytes.native(UInt64.self, at: end - 8)
        )
    }

    @inline(__always) private mutating func readIPv4(_ bytes: Span<UInt8>, at start: Int) -> Kind {
        let fragment = bytes.big(UInt16.self, at: start + 6)
        guard let kind = kind(ofProtocol: bytes[start + 9]) else { return .unrelated }
        // No options, no fragment, no reserved bit.
        guard kind == .segment, bytes[start] == 0x45, fragment & 0xbfff == 0 else { return .unclear }
        transportOffset = networkOffset + 20
        isAtomic = fragment & 0x4000 != 0
        identification = bytes.big(UInt16.self, at: start + 4)
        // Type of service, time to live, and whether fragments are forbidden.
        network = UInt64(bytes[start + 1]) | UInt64(bytes[start + 8]) << 8 | UInt64(fragment) << 16
        key.addresses = (bytes.native(UInt64.self, at: start + 12), 0, 0, 0)
        return .segment
    }

    @inline(__always) private mutating func readIPv6(_ bytes: Span<UInt8>, at start: Int) -> Kind {
        guard let kind = kind(ofProtocol: bytes[start + 6]) else { return .unrelated }
        guard kind == .segment else { return kind }
        transportOffset = networkOffset + 40
        isAtomic = false
        identification = 0
        // Version, traffic class, flow label, and hop limit.
        network = UInt64(bytes.native(UInt32.self, at: start)) | UInt64(bytes[start + 7]) << 32
        key.addresses = (
            bytes.native(UInt64.self, at: start + 8), bytes.native(UInt64.self, at: start + 16),
            bytes.native(UInt64.self, at: start + 24), bytes.native(UInt64.self, at: start + 32)
        )
        return .segment
    }

    /// What a protocol number says; nil for what is no part of a flow.
    @inline(__always) private mutating func kind(ofProtocol number: UInt8) -> Kind? {
        isUDP = number == HeaderField.udp
        if isUDP || number == HeaderField.tcp { return .segment }
        // The extension headers that TCP or UDP can stand behind (RFC 8200, 4; RFC 4302).
        let isExtension = number == 0 || number == 43 || number == 44 || number == 51 || number == 60 || number == 135
        return isIPv6 && isExtension ? .unclear : nil
    }

    @inline(__always) private mutating func readTCP(_ bytes: Span<UInt8>, _ frame: Range<Int>, _ isWhole: Bool) {
        let start = frame.lowerBound + transportOffset
        guard frame.upperBound - start >= 20 else { return }
        let optionsAndFlags = bytes.big(UInt16.self, at: start + 12)
        let transportBytes = Int(optionsAndFlags >> 12) * 4
        headerBytes = transportOffset + transportBytes
        payloadBytes = frame.count - headerBytes
        isPushed = optionsAndFlags & UInt16(HeaderField.psh) != 0
        let isPlain = optionsAndFlags & 0x0fff & ~UInt16(HeaderField.psh) == UInt16(HeaderField.ack)
        // The urgent pointer means nothing without URG, and is zero.
        let isUrgent = bytes.native(UInt16.self, at: start + 18) != 0
        isJoinable = isWhole && isPlain && !isUrgent && transportBytes >= 20 && payloadBytes > 0
        sequence = bytes.big(UInt32.self, at: start + 4)
        // The acknowledgement, the length of the header and the window. Linux joins no segments whose windows differ
        // (net/ipv4/tcp_offload.c, tcp_gro_receive: the word of the flags is compared, which has the window in it).
        transport =
            UInt64(bytes.native(UInt32.self, at: start + 8)) << 32
            | UInt64(bytes.big(UInt16.self, at: start + 14)) << 16 | UInt64(optionsAndFlags & 0xf000)
    }

    @inline(__always) private mutating func readUDP(_ bytes: Span<UInt8>, _ frame: Range<Int>, _ isWhole: Bool) {
        let start = frame.lowerBound + transportOffset
        headerBytes = transportOffset + 8
        payloadBytes = frame.count - headerBytes
        sequence = 0
        transport = 0
        isJoinable =
            isWhole && payloadBytes > 0 && Int(bytes.big(UInt16.self, at: start + 4)) == frame.upperBound - start
            && bytes.native(UInt16.self, at: start + 6) != 0
    }
}

extension FlowSegment {
    /// Whether a segment has the headers of its flow's first one, is no longer, and begins where it should.
    @inline(__always) func follows(_ first: FlowSegment, sequence next: UInt32) -> Bool {
        network == first.network && transport == first.transport && sequence == next
            && payloadBytes <= first.payloadBytes
    }

    /// Reads a frame of TCP of which all is as in this segment but what numbers it, its length and PSH; nil where anything
    /// else differs. Compares the headers as they stand, which is faster than to read them.
    ///
    /// - Parameters:
    ///   - first: where this segment is, which may be joined to others.
    ///   - next: the sequence number that the frame must have.
    @inline(__always) func successor(
        _ bytes: Span<UInt8>, _ frame: Range<Int>, of first: Range<Int>, sequence next: UInt32
    ) -> FlowSegment? {
        let payloadBytes = frame.count - headerBytes
        guard !isUDP, payloadBytes > 0, payloadBytes <= self.payloadBytes else { return nil }
        let (here, there) = (frame.lowerBound + transportOffset, first.lowerBound + transportOffset)
        // The length of the header, the flags and the window.
        let flags = bytes.big(UInt32.self, at: here + 12)
        let psh = UInt32(HeaderField.psh) << 16
        var differences = (flags ^ bytes.big(UInt32.self, at: there + 12)) & ~psh
        differences |= bytes.big(UInt32.self, at: here + 4) ^ next
        differences |= bytes.native(UInt32.self, at: here) ^ bytes.native(UInt32.self, at: there)
        differences |= bytes.native(UInt32.self, at: here + 8) ^ bytes.native(UInt32.self, at: there + 8)
        differences |= UInt32(bytes.native(UInt16.self, at: here + 18) ^ bytes.native(UInt16.self, at: there + 18))
        guard differences == 0, hasOptions(of: first, bytes, frame) else { return nil }
        let (network, firstNetwork) = (frame.lowerBound + networkOffset, first.lowerBound + networkOffset)
        guard hasNetworkHeader(bytes, at: network, as: firstNetwork, byteCount: frame.upperBound - network),
            bytes.isEqual(frame.lowerBound..<network, first.lowerBound)
        else { return nil }
        var segment = self
        segment.payloadBytes = payloadBytes
        segment.isPushed = flags & psh != 0
        segment.sequence = next
        segment.identification = isIPv6 ? 0 : bytes.big(UInt16.self, at: network + 4)
        return segment
    }

    /// Whether the IP header of a packet of `byteCount` bytes is as another one but for what differs between segments.
    @inline(__always) private func hasNetworkHeader(
        _ bytes: Span<UInt8>, at here: Int, as there: Int, byteCount: Int
    ) -> Bool {
        if isIPv6 {
            // All but the length.
            return bytes.big(UInt16.self, at: here + 4) == UInt16(truncatingIfNeeded: byteCount - 40)
                && bytes.native(UInt32.self, at: here) == bytes.native(UInt32.self, at: there)
                && bytes.isEqual(here + 6..<here + 40, there + 6)
        }
        // All but length, identification and checksum.
        let start = bytes.native(UInt16.self, at: here) ^ bytes.native(UInt16.self, at: there)
        let middle = bytes.native(UInt32.self, at: here + 6) ^ bytes.native(UInt32.self, at: there + 6)
        let addresses = bytes.native(UInt64.self, at: here + 12) ^ bytes.native(UInt64.self, at: there + 12)
        return UInt64(start) | UInt64(middle) | addresses == 0
            && bytes.big(UInt16.self, at: here + 2) == UInt16(truncatingIfNeeded: byteCount)
    }

    /// Whether the identification of IPv4 is the next one, or stays the same where it means nothing.
    ///
    /// - Parameters:
    ///   - count: the segments so far.
    ///   - step: what it grew by from the first to the second; nil where this is the second.
    @inline(__always) func isNumbered(after first: FlowSegment, count: Int, step: UInt16?) -> Bool {
        if isIPv6 { return true }
        let difference = identification &- first.identification
        guard let step else { return difference == 1 || difference == 0 && isAtomic }
        return difference == (step == 0 ? 0 : UInt16(truncatingIfNeeded: count))
    }

    /// Whether a segment has the TCP options of another one, with headers as long.
    @inline(__always) func hasOptions(of first: Range<Int>, _ bytes: Span<UInt8>, _ frame: Range<Int>) -> Bool {
        for offset in stride(from: transportOffset + 20, to: headerBytes, by: 4) {
            let word = bytes.native(UInt32.self, at: frame.lowerBound + offset)
            if word != bytes.native(UInt32.self, at: first.lowerBound + offset) { return false }
        }
        return true
    }

    /// Whether the checksums of the frame are right: that of its IPv4 header, and that of TCP or UDP.
    ///
    /// - Parameter frame: the one that was read.
    func hasRightChecksums(_ bytes: Span<UInt8>, _ frame: Range<Int>) -> Bool {
        let network = frame.lowerBound + networkOffset
        let transport = frame.lowerBound + transportOffset
        if !isIPv6 {
            // The header has no options, and five words.
            let sum =
                InternetChecksum.halves(bytes.native(UInt64.self, at: network))
                &+ InternetChecksum.halves(bytes.native(UInt64.self, at: network + 8))
                &+ UInt64(bytes.native(UInt32.self, at: network + 16))
            guard InternetChecksum.folded(sum) == .max else { return false }
        }
        let addresses =
            InternetChecksum.halves(key.addresses.0) &+ InternetChecksum.halves(key.addresses.1)
            &+ InternetChecksum.halves(key.addresses.2) &+ InternetChecksum.halves(key.addresses.3)
        let sum =
            addresses &+ InternetChecksum.part(UInt16(isUDP ? HeaderField.udp : HeaderField.tcp))
            &+ InternetChecksum.part(UInt32(truncatingIfNeeded: frame.upperBound - transport))
            &+ InternetChecksum.sum(bytes, transport..<frame.upperBound)
        return InternetChecksum.folded(sum) == .max
    }
}

extension Span<UInt8> {
    /// Whether a range, of no byte or at least eight, holds the bytes of the range of its length that begins at `other`.
    @inline(__always) fileprivate func isEqual(_ range: Range<Int>, _ other: Int) -> Bool {
        guard !range.isEmpty else { return true }
        let last = range.count - 8
        var differences = native(UInt64.self, at: range.lowerBound + last) ^ native(UInt64.self, at: other + last)
        for offset in stride(from: 0, to: last, by: 8) {
            differences |= native(UInt64.self, at: range.lowerBound + offset) ^ native(UInt64.self, at: other + offset)
        }
        return differences == 0
    }
}
