package import VPNNode
import VPNProtocol

/// Sees what a replayed node exchanges with its device and its network as packets that other programs can read.
///
/// Messages are shown as packets that are not encrypted (method 0), with the time of day that they had. The address of the node
/// itself is in no recording, so that it is the unspecified one.
package struct ReplayCapture {
    private let head: RecordingHead
    private static let node = "node"

    /// A capture of the node that a recording begins with.
    package init(_ head: RecordingHead) { self.head = head }

    /// The packet of an observation; nil where it is about none, or about one that no wire could carry.
    package func packet(of observation: ReplayObservation, at time: Instant) -> CapturedPacket? {
        let time = head.timeOfDay(at: time)
        return switch observation {
        case .taken(let frame), .delivered(let frame):
            CapturedPacket(.inner(node: Self.node, head.configuration.deviceType), at: time, frame)
        case .received(let type, let message, let source):
            datagram(from: source, to: own(source), packet(type, message), at: time)
        case .sent(let type, let message, let destination):
            datagram(from: own(destination), to: destination, packet(type, message), at: time)
        case .unopened(let bytes, let source): datagram(from: source, to: own(source), bytes, at: time)
        case .unauthentic, .event: nil
        }
    }

    private func own(_ other: Endpoint) -> Endpoint {
        Endpoint(other.address.isIPv4 ? IPAddress(0, 0, 0, 0) : IPAddress(bits: 0), port: head.configuration.port)
    }

    private func packet(_ type: MessageType, _ message: [UInt8]) -> [UInt8] {
        var packet = [UInt8](repeating: 0, count: PacketHeader.byteCount)
        var head = packet.mutableSpan
        PacketHeader(magic: self.head.configuration.seal.magic, method: .none, type: type).write(to: &head)
        return packet + message
    }

    private func datagram(
        from source: Endpoint, to destination: Endpoint, _ payload: [UInt8], at time: Instant
    ) -> CapturedPacket? {
        UDPFrame(from: source, to: destination, payload: payload).map { frame in
            CapturedPacket(.outer(node: Self.node), at: time, frame.bytes)
        }
    }
}
