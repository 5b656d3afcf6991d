import Glibc
import VPNProtocol

@testable import VPNLinuxIO

/// Two sockets, of which the left one mostly sends to the right one.
final class DatagramLink {
    struct Received {
        let bytes: [UInt8]
        let source: Endpoint
    }

    private let left: DatagramSockets
    private let right: DatagramSockets
    private let family: AddressFamily
    private var queue = SendQueue(sendsRuns: true)
    private var arena = ReceiveArena()
    private var failures: [SendFailure] = []
    var counters = IOCounters()
    let source: Endpoint
    let destination: Endpoint

    /// A link over the loopback device.
    convenience init(_ family: AddressFamily) throws {
        let address = family == .ipv4 ? IPAddress(127, 0, 0, 1) : IPAddress(bits: 1)
        self.init(
            try DatagramSockets(port: 0), at: address, try DatagramSockets(port: 0), at: address)
    }

    /// A link between two addresses.
    init(
        _ left: consuming DatagramSockets, at leftAddress: IPAddress, _ right: consuming DatagramSockets,
        at rightAddress: IPAddress
    ) {
        source = Endpoint(leftAddress, port: left.port)
        destination = Endpoint(rightAddress, port: right.port)
        family = source.family
        self.left = left
        self.right = right
    }

    func send(_ datagrams: [([UInt8], Endpoint)]) -> [SendFailure] { send(datagrams, from: left.number(family)) }
    func sendBack(_ datagrams: [([UInt8], Endpoint)]) -> [SendFailure] { send(datagrams, from: right.number(family)) }
    func receive(count: Int) throws -> [Received] { try receive(count: count, at: right.number(family)) }
    func receiveBack(count: Int) throws -> [Received] { try receive(count: count, at: left.number(family)) }

    private func send(_ datagrams: [([UInt8], Endpoint)], from socket: Int32?) -> [SendFailure] {
        failures = []
        let all = datagrams.flatMap(\.0)
        // The queue is flushed before the bytes can go.
        unsafe all.withUnsafeBytes { all in
            var start = 0
            for (bytes, destination) in datagrams {
                let end = start + bytes.count
                unsafe queue.append(
                    UnsafeRawBufferPointer(rebasing: all[start..<end]), segmentBytes: bytes.count, to: destination)
                start = end
            }
            queue.flush(to: socket, failures: &failures, counters: &counters)
        }
        return failures
    }

    func sendCopies(_ count: Int, of packet: [UInt8]) {
        // The queue is flushed before the bytes can go.
        unsafe packet.withUnsafeBytes { packet in
            for _ in 0..<count { unsafe queue.append(packet, segmentBytes: packet.count, to: destination) }
            queue.flush(to: left.number(family), failures: &failures, counters: &counters)
        }
    }

    func countReceived() -> Int {
        guard let socket = right.number(family), case .messages(let count, _) = arena.receive(from: socket) else {
            return 0
        }
        var usable = 0
        for slot in 0..<count {
            let datagrams = arena.datagrams(slot)
            guard arena.takeSource(slot) == source else { continue }
            for datagram in datagrams where datagram.count == 1400 { usable += 1 }
        }
        return usable
    }

    private func receive(count: Int, at socket: Int32?) throws -> [Received] {
        guard let socket else { throw TestFailure("no socket") }
        var all: [Received] = []
        try eventually("\(count) datagrams") {
            guard case .messages(let filled, _) = arena.receive(from: socket) else { return all.count >= count }
            for slot in 0..<filled {
                let datagrams = arena.datagrams(slot)
                guard let source = arena.takeSource(slot) else { throw TestFailure("a datagram without a source") }
                for datagram in datagrams { all.append(Received(bytes: arena.copy(datagram), source: source)) }
            }
            return all.count >= count
        }
        return all
    }
}

extension ReceiveArena {
    fileprivate mutating func copy(_ datagram: Range<Int>) -> [UInt8] {
        let span = bytes
        var copy: [UInt8] = []
        for index in datagram { copy.append(span[index]) }
        return copy
    }
}
