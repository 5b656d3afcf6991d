// The file that sees whole packets.
import CLinux
import Glibc

/// A socket that sees the packets of a device, and sends some.
final class PacketSocket {
    /// A packet that went by.
    struct Packet {
        let bytes: [UInt8]
        /// Whether this machine sent it on the device.
        let isOutgoing: Bool
    }

    let descriptor: Int32
    private let hasLinkLayer: Bool
    private var buffer = [UInt8](repeating: 0, count: 1 << 17)

    /// A socket for a device; nil where there is no such device yet.
    ///
    /// - Parameter hasLinkLayer: whether packets begin with an Ethernet header.
    init?(_ network: String, _ device: String, hasLinkLayer: Bool) throws(LabError) {
        descriptor = unsafe clinux_packet_socket(network, device)
        self.hasLinkLayer = hasLinkLayer
        guard descriptor >= 0 else {
            if errno == ENODEV || errno == ENXIO { return nil }
            throw LabError("cannot open a socket for the packets of '\(device)'", code: errno)
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The next packet, with the VLAN tag that it had; nil where there is none.
    func receive() -> Packet? {
        var packet = clinux_packet()
        // At most as many bytes as the buffer has.
        let count = unsafe clinux_packet_receive(descriptor, &buffer, buffer.count, &packet)
        guard count > 0 else { return nil }
        var bytes = Array(buffer[..<min(count, buffer.count)])
        if packet.tag >= 0, hasLinkLayer, bytes.count >= 14 {
            let tag = UInt16(truncatingIfNeeded: packet.tag)
            bytes.insert(contentsOf: [0x81, 0, UInt8(tag >> 8), UInt8(truncatingIfNeeded: tag)], at: 12)
        }
        return Packet(bytes: bytes, isOutgoing: packet.is_outgoing != 0)
    }

    /// How many packets found no room since the last call: the kernel counts them.
    func missed() -> Int { max(0, Int(clinux_packet_missed(descriptor))) }

    /// Sends a packet. Returns whether the device took it.
    func send(_ bytes: [UInt8]) -> Bool {
        // Only bytes of the array are read.
        unsafe clinux_packet_send(descriptor, bytes, bytes.count, hasLinkLayer ? 1 : 0) == bytes.count
    }
}
