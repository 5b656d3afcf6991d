public import VPNNode
package import VPNProtocol

/// What a captured packet belongs to.
public enum CaptureStream: Hashable, Sendable {
    /// The frames of a node's device.
    case inner(node: String, DeviceType)
    /// A node's UDP traffic.
    case outer(node: String)
    /// The datagrams of all nodes that did not arrive.
    case dropped
}

/// A packet for a capture file.
public struct CapturedPacket: Hashable, Sendable {
    /// What it belongs to.
    public let stream: CaptureStream
    /// When it was seen, in virtual time.
    public let time: Instant
    /// An Ethernet frame, or of a TUN device an IP packet.
    public let bytes: [UInt8]

    /// A packet from its parts.
    public init(_ stream: CaptureStream, at time: Instant, _ bytes: [UInt8]) {
        self.stream = stream
        self.time = time
        self.bytes = bytes
    }
}

/// Sees the traffic of a network as packets that other programs can read.
///
/// A datagram is shown as the node sends or gets it, opened: its header says that it is not encrypted (method 0), nonce and
/// tag are left out. One that the node's key does not open is shown as it is.
public final class NetworkCapture: NetworkObserver {
    private let write: (CapturedPacket) -> Void
    /// By the number of the node.
    private var seals: [Int: PacketSeal] = [:]
    /// The datagrams that are longer than a wire could carry and so are in no capture.
    public private(set) var oversized: UInt64 = 0

    /// A capture that gives each packet to `write`, in order of time.
    public init(_ write: @escaping (CapturedPacket) -> Void) { self.write = write }

    /// Takes the packets out of one observation.
    public func observe(_ observation: Observation, at now: Instant) {
        switch observation {
        case .started(let node): seals[node.number] = node.configuration.seal
        case .frameSent(let frame, let node), .frameDelivered(let frame, let node, _):
            write(CapturedPacket(.inner(node: node.name, node.configuration.deviceType), at: now, frame))
        case .sent(let datagram, let node), .arrived(let datagram, let node):
            capture(datagram, in: .outer(node: node.name), at: now, seal: node.configuration.seal)
        case .dropped(let datagram, _, _):
            capture(datagram, in: .dropped, at: now, seal: datagram.sender.flatMap { seals[$0] })
        case .ended, .moved, .suspended, .resumed, .injected, .crossed, .event, .changed: break
        }
    }

    private func capture(_ datagram: VirtualDatagram, in stream: CaptureStream, at now: Instant, seal: PacketSeal?) {
        let payload = seal?.readable(datagram.bytes) ?? datagram.bytes
        guard let frame = UDPFrame(from: datagram.source, to: datagram.destination, payload: payload) else {
            oversized += 1
            return
        }
        write(CapturedPacket(stream, at: now, frame.bytes))
    }
}

extension PacketSeal {
    /// The same packet without encryption; nil where this seal does not open it.
    package func readable(_ packet: [UInt8]) -> [UInt8]? {
        guard method != .none else { return packet }
        var bytes = packet
        var span = bytes.mutableSpan
        let plain: Range<Int>
        do { plain = try unseal(&span).plain } catch { return nil }
        return Array(bytes[plain])
    }
}
