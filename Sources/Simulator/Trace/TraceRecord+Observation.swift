public import VPNNode
import VPNProtocol

// Each observation begins with its kind and time.
extension TraceRecord {
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
        append(kind)
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
