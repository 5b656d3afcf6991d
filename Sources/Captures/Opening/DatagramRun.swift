import VPNNode
import VPNProtocol

/// Several datagrams that a capture shows as one.
///
/// A kernel hands a run of datagrams of one length, of which the last may be shorter, to its devices in one piece
/// (UDP_SEGMENT, UDP_GRO), and a capture on such a device sees the piece, without a word of the length of its parts.
enum DatagramRun {
    /// The longest payload of a single datagram on a usual network: an MTU of 1500 less the headers of IPv4 and UDP.
    static let usualPayload = 1472

    /// The length of the datagrams of a run; nil where it is a single one.
    ///
    /// What follows the first one begins with the same magic, method and reserved bytes, and so does what follows that, to
    /// the end. In a message without encryption that may happen to a frame which holds packets of this protocol; such a
    /// frame says how long it is.
    static func datagramBytes(_ payload: Span<UInt8>) -> Int? {
        guard let header = WireHeader(payload), let method = header.method else { return nil }
        let least = PacketHeader.byteCount + method.headBytes + method.tailBytes
        if method == .none, header.type == .data {
            let frame = payload.extracting(least..<payload.count)
            if InnerFrame.deviceType(of: frame) == .tun || isWholeEthernetFrame(frame) { return nil }
        }
        let magic = header.magic.bits
        var length = least
        while payload.count - length >= least {
            if payload.big(UInt32.self, at: length) == magic, isRun(payload, of: length, header) { return length }
            length += 1
        }
        return nil
    }

    private static func isRun(_ payload: Span<UInt8>, of length: Int, _ first: WireHeader) -> Bool {
        var start = length
        while start < payload.count {
            guard let header = WireHeader(payload.extracting(start..<payload.count)), header.isAlike(first),
                header.type != nil
            else { return false }
            start += length
        }
        return true
    }

    /// Whether an IP packet fills an Ethernet frame, but for the padding up to the least length of 60 bytes.
    private static func isWholeEthernetFrame(_ frame: Span<UInt8>) -> Bool {
        guard let type = EthernetType(frame: frame), InnerFrame.deviceType(of: frame) == .tap else { return false }
        guard type.number != EthernetType.arp, let ip = IPHeader(frame, at: type.payload) else {
            return frame.count <= 60
        }
        return max(ip.end, 60) >= frame.count
    }
}
