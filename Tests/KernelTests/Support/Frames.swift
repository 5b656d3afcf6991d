import CNamespaces
import Glibc

/// A MAC address.
struct MACAddress: Hashable, CustomStringConvertible {
    let value: UInt64
    init(_ value: UInt64) { self.value = value & 0xffff_ffff_ffff }

    var bytes: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: value >> (40 - 8 * UInt64($0))) } }
    var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}

/// An Ethernet frame for experiments, recognisable by its text.
struct TestFrame: Hashable {
    /// The type that IEEE sets aside for experiments, which no kernel answers.
    static let experimental: UInt16 = 0x88b5

    var to: MACAddress
    var from: MACAddress
    /// The tags' contents (priority and VLAN number), the outer one first.
    var tags: [UInt16] = []
    /// The type, or the length of an 802.3 frame.
    var type = Self.experimental
    var text: String

    var bytes: [UInt8] {
        var bytes = to.bytes + from.bytes
        for tag in tags { bytes += UInt16(0x8100).bigEndianBytes + tag.bigEndianBytes }
        bytes += type.bigEndianBytes + Array(text.utf8)
        return bytes + [UInt8](repeating: 0, count: max(0, 60 - bytes.count))
    }
}

extension UInt16 {
    fileprivate var bigEndianBytes: [UInt8] { [UInt8(self >> 8), UInt8(truncatingIfNeeded: self)] }
}

/// A frame that came in.
struct ReceivedFrame {
    let bytes: [UInt8]
    /// The content of the outermost tag.
    let tag: UInt16?

    func contains(_ text: String) -> Bool { String(decoding: bytes, as: UTF8.self).contains(text) }
}

/// A raw socket on a device in a namespace: it sends whole frames through the device and keeps all that come in.
final class PacketSocket {
    private let descriptor: Int32
    private(set) var frames: [ReceivedFrame] = []

    init(_ namespace: Namespace, device: String = Node.device) throws {
        // The strings live for the call.
        descriptor = unsafe packet_socket_in_namespace(namespace.path, device)
        guard descriptor >= 0 else {
            throw LabError("no packet socket on \(device) in \(namespace.name): \(errorText(-descriptor))")
        }
    }

    deinit { close(descriptor) }

    func send(_ frame: TestFrame) throws {
        let bytes = frame.bytes
        // The array lives for the call.
        let sent = unsafe packet_send(descriptor, bytes, bytes.count)
        guard sent == bytes.count else { throw LabError("the frame was not sent: \(errorText(Int32(-sent)))") }
    }

    /// Takes in what has arrived.
    func collect() throws {
        var buffer = [UInt8](repeating: 0, count: 2048)
        while true {
            var tag: Int32 = -1
            // Buffer and tag are locals that outlive the call.
            let count = unsafe packet_receive(descriptor, &buffer, buffer.count, &tag)
            if count == 0 { return }
            guard count > 0 else { throw LabError("receiving a frame: \(errorText(Int32(-count)))") }
            frames.append(ReceivedFrame(bytes: Array(buffer[..<count]), tag: tag < 0 ? nil : UInt16(tag)))
        }
    }

    /// How many frames with this text have arrived.
    func count(_ text: String) throws -> Int {
        try collect()
        return frames.count { $0.contains(text) }
    }
}

/// A UDP socket in a namespace that sends any bytes to one place.
final class FloodSocket {
    private let descriptor: Int32
    private var address = sockaddr_in()

    init(_ namespace: Namespace, to host: String, port: UInt16) throws {
        // The string lives for the call.
        descriptor = unsafe datagram_socket_in_namespace(namespace.path, 0)
        guard descriptor >= 0 else { throw LabError("no socket in \(namespace.name): \(errorText(-descriptor))") }
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = unsafe inet_addr(host)
    }

    deinit { close(descriptor) }

    /// Sends one datagram. One that the system refuses is lost, like any other.
    func send(_ bytes: [UInt8]) {
        // Both pointers are to values that live for the call.
        _ = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe sendto(descriptor, bytes, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
