import VPNNode
import VPNProtocol

/// Sends what a batch holds, over the socket that each destination needs.
struct Transmitter: ~Copyable {
    private var ipv4: SendQueue
    private var ipv6: SendQueue
    /// What the system did not take since this was last emptied.
    var failures: [SendFailure] = []

    init(sendsRuns: Bool) {
        ipv4 = SendQueue(sendsRuns: sendsRuns)
        ipv6 = SendQueue(sendsRuns: sendsRuns)
    }

    /// Which runs the sockets still take.
    func runs(_ family: AddressFamily) -> RunLimit { family == .ipv4 ? ipv4.runs : ipv6.runs }

    /// Sends every packet of a batch, from one of its transmits on, to every destination. All of them are sealed.
    mutating func send(
        _ batch: borrowing OutputBatch, from first: Int, over sockets: borrowing DatagramSockets,
        counters: inout IOCounters
    ) {
        let transmits = batch.transmits
        guard first < transmits.count else { return }
        let destinations = batch.destinations
        // The queues point into these bytes, and are empty again before this is over.
        unsafe batch.bytes.withUnsafeBytes { bytes in
            for transmit in transmits[first...] {
                if transmit.type != .data {
                    counters.controlMessagesSent &+= UInt64(transmit.destinations.count)
                }
                let packets = unsafe UnsafeRawBufferPointer(rebasing: bytes[transmit.range])
                for index in transmit.destinations {
                    unsafe append(
                        packets, of: transmit.segmentBytes, to: destinations[index], over: sockets, counters: &counters)
                }
            }
            ipv4.flush(to: sockets.number(.ipv4), failures: &failures, counters: &counters)
            ipv6.flush(to: sockets.number(.ipv6), failures: &failures, counters: &counters)
        }
    }

    @unsafe private mutating func append(
        _ packets: UnsafeRawBufferPointer, of segmentBytes: Int, to destination: Endpoint,
        over sockets: borrowing DatagramSockets, counters: inout IOCounters
    ) {
        let socket = sockets.number(destination.family)
        switch destination.family {
        case .ipv4:
            unsafe Self.append(
                packets, of: segmentBytes, to: destination, queue: &ipv4, socket, &failures, counters: &counters)
        case .ipv6:
            unsafe Self.append(
                packets, of: segmentBytes, to: destination, queue: &ipv6, socket, &failures, counters: &counters)
        }
    }

    @unsafe private static func append(
        _ packets: UnsafeRawBufferPointer, of segmentBytes: Int, to destination: Endpoint,
        queue: inout SendQueue, _ socket: Int32?, _ failures: inout [SendFailure], counters: inout IOCounters
    ) {
        let whole = packets.count <= segmentBytes || queue.allowsRun(of: segmentBytes)
        var start = 0
        while start < packets.count {
            let end = whole ? packets.count : min(start + segmentBytes, packets.count)
            if queue.isFull { queue.flush(to: socket, failures: &failures, counters: &counters) }
            unsafe queue.append(
                UnsafeRawBufferPointer(rebasing: packets[start..<end]), segmentBytes: segmentBytes, to: destination)
            start = end
        }
    }
}
