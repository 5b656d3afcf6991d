import VPNProtocol

/// What stands before each frame on a device with IFF_VNET_HDR: what is left to be done to the frame.
///
/// `struct virtio_net_hdr` (linux/virtio_net.h) in the order of this machine, as TUN/TAP devices use it unless told otherwise.
package struct OffloadHeader: Hashable, Sendable {
    static let byteCount = 10

    /// What a frame that is longer than a packet consists of (VIRTIO_NET_HDR_GSO_*).
    package enum Segmentation: UInt8, Sendable {
        case none = 0
        case tcp4 = 1
        case tcp6 = 4
        /// UDP datagrams of one size (VIRTIO_NET_HDR_GSO_UDP_L4), over either version of IP.
        case udp = 5
    }

    /// Whether the checksum field holds only the sum of the pseudo header (VIRTIO_NET_HDR_F_NEEDS_CSUM).
    package var needsChecksum = false
    package var segmentation = Segmentation.none
    /// Whether the first of the segments has CWR set (VIRTIO_NET_HDR_GSO_ECN).
    var isECN = false
    /// The length of all headers. The kernel says it as a hint, and it is often wrong.
    package var headerBytes: UInt16 = 0
    /// Bytes of payload of each segment but the last.
    package var segmentBytes: UInt16 = 0
    /// Where the bytes begin that the checksum is over: the TCP or UDP header, from the start of the frame.
    package var checksumStart: UInt16 = 0
    /// Where the checksum field is, from ``checksumStart`` on.
    package var checksumOffset: UInt16 = 0

    private static let needsChecksumFlag: UInt8 = 1
    private static let ecnFlag: UInt8 = 0x80

    package init() {}

    /// Reads the header; nil where it is too short, or has a segmentation that is not known.
    init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= Self.byteCount, let segmentation = Segmentation(rawValue: bytes[1] & ~Self.ecnFlag) else {
            return nil
        }
        // The other flags say that the checksum was verified already, or are of no use here.
        needsChecksum = bytes[0] & Self.needsChecksumFlag != 0
        self.segmentation = segmentation
        isECN = bytes[1] & Self.ecnFlag != 0
        headerBytes = bytes.native(UInt16.self, at: 2)
        segmentBytes = bytes.native(UInt16.self, at: 4)
        checksumStart = bytes.native(UInt16.self, at: 6)
        checksumOffset = bytes.native(UInt16.self, at: 8)
    }

    /// Writes the ``byteCount`` bytes of the header.
    func write(to bytes: inout MutableSpan<UInt8>, at offset: Int) {
        bytes[offset] = needsChecksum ? Self.needsChecksumFlag : 0
        bytes[offset + 1] = segmentation.rawValue | (isECN ? Self.ecnFlag : 0)
        bytes.setNative(headerBytes, at: offset + 2)
        bytes.setNative(segmentBytes, at: offset + 4)
        bytes.setNative(checksumStart, at: offset + 6)
        bytes.setNative(checksumOffset, at: offset + 8)
    }
}
