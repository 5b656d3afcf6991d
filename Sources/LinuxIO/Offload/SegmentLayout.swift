import VPNNode

/// How a frame that the kernel left whole is cut: where its headers are, and how many segments it makes.
struct SegmentLayout {
    let isIPv6: Bool
    let isUDP: Bool
    /// Where the IP header is, from the start of the frame.
    let networkOffset: Int
    /// Where the TCP or UDP header is.
    let transportOffset: Int
    /// The length of all headers, which each segment gets a copy of.
    let headerBytes: Int
    /// Bytes of payload of each segment but the last.
    let segmentBytes: Int
    /// Bytes of payload of the last segment.
    let lastBytes: Int
    let count: Int

    /// The most segments. The kernel cuts TCP to segments of at least 48 bytes (TCP_MIN_MSS is 88 with 40 of options), of
    /// which so many fit 65,535 bytes.
    static let maximumCount = 1366

    /// Whether something stands between the IP header and that of TCP or UDP: options or extension headers.
    var hasNetworkOptions: Bool { transportOffset - networkOffset != (isIPv6 ? 40 : 20) }

    /// Reads the headers of a frame; nil where they and what the kernel says of them do not fit together.
    ///
    /// - Parameter frame: within `bytes`.
    init?(_ header: OffloadHeader, _ bytes: Span<UInt8>, _ frame: Range<Int>, _ deviceType: DeviceType) {
        // What is to be segmented needs a checksum as well (Virtual I/O Device 1.2, 5.1.6.2).
        guard header.needsChecksum, header.segmentBytes > 0, let packet = PacketStart(bytes, frame, deviceType) else {
            return nil
        }
        switch header.segmentation {
        case .none: return nil
        case .tcp4: guard !packet.isIPv6 else { return nil }
        case .tcp6: guard packet.isIPv6 else { return nil }
        case .udp: break
        }
        isIPv6 = packet.isIPv6
        isUDP = header.segmentation == .udp
        networkOffset = packet.offset
        transportOffset = Int(header.checksumStart)
        segmentBytes = Int(header.segmentBytes)

        let start = frame.lowerBound
        guard Int(header.checksumOffset) == (isUDP ? HeaderField.udpChecksum : HeaderField.tcpChecksum),
            frame.count >= transportOffset + (isUDP ? 8 : 20),
            Self.hasNetworkHeader(
                bytes, start + networkOffset, isIPv6, isUDP, byteCount: transportOffset - networkOffset)
        else { return nil }

        // The kernel's own length of the headers is only a hint.
        let transportBytes = isUDP ? 8 : Int(bytes[start + transportOffset + 12] >> 4) * 4
        headerBytes = transportOffset + transportBytes
        guard transportBytes >= (isUDP ? 8 : 20), frame.count >= headerBytes else { return nil }

        let payloadBytes = frame.count - headerBytes
        count = max(1, (payloadBytes + segmentBytes - 1) / segmentBytes)
        lastBytes = payloadBytes - (count - 1) * segmentBytes
        // The length fields of IP and UDP have 16 bits.
        guard count <= Self.maximumCount,
            headerBytes - networkOffset + (count > 1 ? segmentBytes : lastBytes) <= Int(UInt16.max)
        else { return nil }
    }

    /// Whether the IP header ends where that of TCP or UDP begins. Extension headers of IPv6 are not followed.
    private static func hasNetworkHeader(
        _ bytes: Span<UInt8>, _ start: Int, _ isIPv6: Bool, _ isUDP: Bool, byteCount: Int
    ) -> Bool {
        let protocolNumber = isUDP ? HeaderField.udp : HeaderField.tcp
        if isIPv6 { return byteCount > 40 || byteCount == 40 && bytes[start + 6] == protocolNumber }
        let headerBytes = Int(bytes[start] & 0xf) * 4
        return byteCount >= 20 && byteCount == headerBytes && bytes[start + 9] == protocolNumber
    }

    /// The bytes of all segments, with a gap after each.
    func spreadBytes(gap: Int) -> Int {
        (count - 1) * (headerBytes + segmentBytes + gap) + headerBytes + lastBytes + gap
    }
}
