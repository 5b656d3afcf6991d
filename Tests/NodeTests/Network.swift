import VPNNode
import VPNProtocol
import VPNSimulator

/// The key of every encrypted network of the tests; derived keys have tests of their own.
let testKey = SecretKey([UInt8](repeating: 0x5a, count: 32).span)

/// A network with ChaCha20.
let encrypted: PacketSeal = {
    do { return try PacketSeal(magic: .standard, method: .chacha20, key: testKey) } catch { fatalError("\(error)") }
}()

/// A network without a key.
let plain = PacketSeal(unencrypted: .standard)

/// An address out of the documentation range 198.51.100.0/24, or beyond it for numbers over 255.
func endpoint(_ number: Int, port: UInt16 = 3210) -> Endpoint {
    Endpoint(IPAddress(198, 51, UInt8(100 + number / 256), UInt8(number % 256)), port: port)
}

/// An address out of the documentation range 2001:db8::/32.
func endpoint6(_ number: Int, port: UInt16 = 3210) -> Endpoint {
    Endpoint(IPAddress(bits: 0x2001_0db8 << 96 | UInt128(number)), port: port)
}

/// A configuration of a TUN router, or what the closure makes of it.
func configuration(
    _ seal: PacketSeal = encrypted, device: DeviceType = .tun, change: (inout NodeConfiguration) -> Void = { _ in }
) -> NodeConfiguration {
    var configuration = NodeConfiguration(seal: seal)
    configuration.deviceType = device
    change(&configuration)
    return configuration
}

/// The peer name of an endpoint.
func peerName(_ endpoint: Endpoint) -> PeerName {
    guard let name = PeerName(endpoint.description) else { preconditionFailure("\(endpoint) is a name") }
    return name
}

/// A subnet that is known to be right.
func subnet(_ text: String) -> Subnet {
    do { return try Subnet(parsing: text) } catch { preconditionFailure("\(text) \(error)") }
}

/// A seed of its own for each number.
func seed(_ number: Int) -> Seed { Seed(UInt64(number), 7, 7, 7) }

/// Where tables place what they hold.
let placeKey = HashKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)

/// An Ethernet frame.
func ethernet(to destination: UInt64, from source: UInt64, tag: UInt16? = nil, type: UInt16 = 0x88b5) -> [UInt8] {
    var frame: [UInt8] = []
    for mac in [destination, source] { frame += (0..<6).map { UInt8(truncatingIfNeeded: mac >> (40 - 8 * $0)) } }
    if let tag { frame += [0x81, 0x00, UInt8(tag >> 8), UInt8(truncatingIfNeeded: tag)] }
    return frame + [UInt8(type >> 8), UInt8(truncatingIfNeeded: type)] + [UInt8](repeating: 0xda, count: 46)
}

/// An IPv4 packet, its header checksum left out.
func ipv4(from source: IPAddress, to destination: IPAddress, byteCount: Int = 84) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: byteCount)
    packet[0] = 0x45
    packet[2] = UInt8(byteCount >> 8)
    packet[3] = UInt8(truncatingIfNeeded: byteCount)
    packet[8] = 64
    packet[9] = 1
    for (offset, address) in [(12, source), (16, destination)] {
        for index in 0..<4 {
            packet[offset + index] = UInt8(truncatingIfNeeded: address.bits >> UInt128(24 - 8 * index))
        }
    }
    return packet
}

/// Seals a message as a node would.
func packet(_ type: MessageType, _ message: [UInt8], nonce: UInt128 = 1, seal: PacketSeal = encrypted) -> [UInt8] {
    let zeros = [UInt8](repeating: 0, count: seal.headBytes)
    var bytes = zeros + message + [UInt8](repeating: 0, count: seal.tailBytes)
    let range = seal.headBytes..<seal.headBytes + message.count
    var span = bytes.mutableSpan
    seal.seal(&span, message: range, type: type, nonce: Nonce(bits: nonce))
    return bytes
}

/// Opens a packet; nil where it cannot be opened.
func open(_ packet: [UInt8], seal: PacketSeal = encrypted) -> (type: MessageType, message: [UInt8], nonce: Nonce?)? {
    var bytes = packet
    var span = bytes.mutableSpan
    guard let opened = try? seal.open(&span) else { return nil }
    return (opened.type, Array(bytes[opened.message]), opened.nonce)
}

/// The bytes of an Init.
func initial(
    _ stage: InitMessage.Stage, id: UInt128, subnets: [Subnet] = [], trailing: [UInt8] = []
) -> [UInt8] {
    let message = InitMessage(stage: stage, nodeID: NodeID(bits: id), subnets: subnets, trailing: trailing)
    var bytes = [UInt8](repeating: 0, count: message.byteCount)
    var writer = ByteWriter(bytes.mutableSpan)
    message.encode(into: &writer)
    return bytes
}

/// The bytes of a list.
func list(_ endpoints: [Endpoint]) -> [UInt8] {
    let message = PeerListMessage(
        ipv4: endpoints.filter(\.address.isIPv4), ipv6: endpoints.filter { !$0.address.isIPv4 })
    var bytes = [UInt8](repeating: 0, count: message.byteCount)
    var writer = ByteWriter(bytes.mutableSpan)
    message.encode(into: &writer)
    return bytes
}

extension VirtualNode {
    /// How often a datagram or frame was dropped for a reason.
    func dropped(_ reason: DropReason) -> UInt64 { engine.statistics().counters.dropped(reason) }

    /// What the node knows of a peer.
    func knowledge(of other: VirtualNode) -> PeerStatistics? {
        engine.statistics().peers.first { $0.id == other.id }
    }

    /// Whether every other node is a peer, and nobody else.
    func isConnected(to others: [VirtualNode]) -> Bool { peers == others.map(\.id).sorted() }
}
