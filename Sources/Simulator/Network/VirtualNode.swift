public import VPNNode
public import VPNProtocol

/// An event with its time.
public struct TimedEvent: Hashable, Sendable {
    /// When it happened.
    public let time: Instant
    /// What happened.
    public let event: Event
}

/// A node in a ``VirtualNetwork``: an engine, its addresses, and what it did.
public final class VirtualNode {
    /// A name for people.
    public let name: String
    /// How many nodes were started before it in its network. No two nodes share it, not even two of one name.
    public let number: Int
    /// What it was told.
    public let configuration: NodeConfiguration
    /// Where it can be reached.
    public internal(set) var endpoints: [Endpoint]
    /// The engine itself.
    public internal(set) var engine: NodeEngine
    /// The frames that were delivered to its device, in order.
    public internal(set) var delivered: [[UInt8]] = []
    /// What happened in it, in order.
    public internal(set) var events: [TimedEvent] = []
    /// What it asked of its router, in order.
    public internal(set) var portMappings: [PortMappingRequest] = []

    var batch: OutputBatch
    var plannedDeadline: Instant?
    var isRunning = true

    init(
        name: String, number: Int, configuration: NodeConfiguration, endpoints: [Endpoint],
        engine: consuming NodeEngine, batch: consuming OutputBatch
    ) {
        self.name = name
        self.number = number
        self.configuration = configuration
        self.endpoints = endpoints
        self.engine = engine
        self.batch = batch
    }

    /// The id of its engine.
    public var id: NodeID { engine.id }

    /// The ids of its peers.
    public var peers: [NodeID] { engine.statistics().peers.map(\.id) }

    /// The sealed packets of the batch as datagrams, one for each receiver.
    func takeDatagrams(at now: Instant) -> [VirtualDatagram] {
        var datagrams: [VirtualDatagram] = []
        for transmit in batch.transmits {
            for segment in transmit.segments {
                var bytes: [UInt8] = []
                for index in segment { bytes.append(batch.bytes[index]) }
                for destination in batch.destinations[transmit.destinations] {
                    guard let source = source(towards: destination) else { continue }
                    datagrams.append(
                        VirtualDatagram(
                            sent: now, sender: number, source: source, destination: destination, bytes: bytes))
                }
            }
        }
        return datagrams
    }

    /// What a datagram is sent from: to an own address from that address, as systems do, else from the first of the family.
    private func source(towards destination: Endpoint) -> Endpoint? {
        if endpoints.contains(destination) { return destination }
        return endpoints.first { $0.address.isIPv4 == destination.address.isIPv4 }
    }
}
