import VPNNode
import VPNProtocol

/// Sends what a batch holds, over the socket that each destination needs.
struct Transmitter: ~Copyable {
    private var ipv4 = SendQueue()
    private var ipv6 = SendQueue()
    /// What the system did not take since this was last emptied.
    var failures: [SendFailure] = []

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
                var start = transmit.range.lowerBound
                while start < transmit.range.upperBound {
                    let end = min(start + transmit.segmentBytes, transmit.range.upperBound)
                    let packet = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                    for index in transmit.destinations {
                        unsafe append(packet, to: destinations[index], over: sockets, counters: &counters)
                    }
                    start = end
                }
            }
            flush(.ipv4, over: sockets, counters: &counters)
            flush(.ipv6, over: sockets, counters: &counters)
        }
    }

    @unsafe private mutating func append(
        _ packet: UnsafeRawBufferPointer, to destination: Endpoint, over sockets: borrowing DatagramSockets,
        counters: inout IOCounters
    ) {
        switch destination.family {
        case .ipv4:
            unsafe ipv4.append(packet, to: destination)
            if ipv4.isFull { flush(.ipv4, over: sockets, counters: &counters) }
        case .ipv6:
            unsafe ipv6.append(packet, to: destination)
            if ipv6.isFull { flush(.ipv6, over: sockets, counters: &counters) }
        }
    }

    private mutating func flush(
        _ family: AddressFamily, over sockets: borrowing DatagramSockets, counters: inout IOCounters
    ) {
        let socket = sockets.number(family)
        switch family {
        case .ipv4: ipv4.flush(to: socket, failures: &failures, counters: &counters)
        case .ipv6: ipv6.flush(to: socket, failures: &failures, counters: &counters)
        }
    }
}
