public import VPNNode
import VPNProtocol

/// Observations as bytes, the same everywhere and for ever: what trace hashes are made of.
///
/// Numbers stand with their lowest byte first. Each observation begins with its kind and time; whatever has no fixed length
/// begins with its length. So no two sequences of observations are the same bytes. The numbers given to cases here are
/// never used again for others: stored hashes depend on them.
public struct TraceRecord: Sendable {
    /// What was appended.
    public private(set) var bytes: [UInt8] = []

    /// An empty record.
    public init() {}

    /// Forgets what was appended, and keeps the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// Appends an observation.
    public mutating func append(_ observation: Observation, at now: Instant) {
        switch observation {
        case .started(let node):
            begin(0, now, node.number)
            append(text: node.name)
            append(node.endpoints)
        case .ended(let node, let cause):
            begin(1, now, node.number)
            append(cause.traceNumber)
        case .moved(let node):
            begin(2, now, node.number)
            append(node.endpoints)
        case .frameSent(let frame, let node):
            begin(3, now, node.number)
            append(bytes: frame)
        case .frameDelivered(let frame, let node, let datagram):
            begin(4, now, node.number)
            append(datagram.id)
            append(bytes: frame)
        case .sent(let datagram, let node):
            begin(5, now, node.number)
            append(datagram)
        case .arrived(let datagram, let node):
            begin(6, now, node.number)
            append(datagram)
        case .dropped(let datagram, let loss, let place):
            begin(7, now, datagram.sender ?? -1)
            append(loss)
            append(place)
            append(datagram)
        case .event(let event, let node):
            begin(8, now, node.number)
            append(event)
        case .crossed(let crossing):
            begin(9, now, crossing.datagram.sender ?? -1)
            append(crossing)
        case .changed(let change):
            begin(10, now, -1)
            append(change)
        case .suspended(let node): begin(11, now, node.number)
        case .resumed(let node): begin(12, now, node.number)
        case .injected(let datagram):
            begin(13, now, -1)
            append(datagram)
        }
    }

    private mutating func begin(_ kind: UInt8, _ now: Instant, _ node: Int) {
        bytes.append(kind)
        append(now.nanoseconds)
        append(number: node)
    }

    private mutating func append(_ datagram: VirtualDatagram) {
        append(datagram.id)
        append(datagram.sent.nanoseconds)
        append(datagram.source)
        append(datagram.destination)
        append(bytes: datagram.bytes)
    }

    /// The bytes are those that went in, or told with the arrival where the link changed them.
    private mutating func append(_ crossing: LinkCrossing) {
        append(crossing.link)
        append(crossing.datagram.id)
        append(crossing.datagram.source)
        append(crossing.datagram.destination)
        append(number: crossing.length)
        append(crossing.arrival, of: crossing.datagram)
        append(UInt8(crossing.again == nil ? 0 : 1))
        if let again = crossing.again { append(again, of: crossing.datagram) }
    }

    private mutating func append(_ arrival: LinkArrival, of datagram: VirtualDatagram) {
        append(arrival.time.nanoseconds)
        let isChanged = arrival.bytes != datagram.bytes
        append(UInt8(isChanged ? 1 : 0))
        if isChanged { append(bytes: arrival.bytes) }
    }

    private mutating func append(_ endpoints: [Endpoint]) {
        append(number: endpoints.count)
        for endpoint in endpoints { append(endpoint) }
    }
}

extension TraceRecord {
    /// Appends a number with its lowest byte first.
    mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        for shift in 0..<Number.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: number >> Number(8 * shift))) }
    }

    /// Appends an `Int` as 64 bits, whatever it has here.
    mutating func append(number: Int) { append(Int64(number)) }

    /// Appends an endpoint in 22 bytes.
    mutating func append(_ endpoint: Endpoint) {
        append(endpoint.address.bits)
        append(endpoint.scope)
        append(endpoint.port)
    }

    /// Appends the length of some bytes, and the bytes.
    mutating func append(bytes more: [UInt8]) {
        append(number: more.count)
        bytes.append(contentsOf: more)
    }

    /// Appends the length of a text in UTF-8, and the text.
    mutating func append(text: String) {
        append(number: text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }
}
