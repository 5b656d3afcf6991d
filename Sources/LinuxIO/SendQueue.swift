import CLinux
import Glibc
import VPNProtocol

/// A datagram that the system did not take.
struct SendFailure {
    let destination: Endpoint
    let code: Int32
}

/// Datagrams for one socket that go out with as few calls as possible.
///
/// Holds pointers to the bytes, not the bytes: whoever appends keeps them in place until the queue is flushed.
@safe struct SendQueue: ~Copyable {
    static let capacity = 128
    /// How long a full socket is waited for, once a flush: the device queues meanwhile, and its senders slow down.
    private static let patienceMilliseconds: Int32 = 2

    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_in6>
    private let messages: UnsafeMutablePointer<clinux_message>
    private let destinations: UnsafeMutablePointer<Endpoint>
    private var count = 0

    init() {
        // All four are as long as the capacity and live as long as this queue.
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe vectors.initialize(repeating: iovec(), count: Self.capacity)
        unsafe names = .allocate(capacity: Self.capacity)
        unsafe names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        unsafe messages = .allocate(capacity: Self.capacity)
        unsafe destinations = .allocate(capacity: Self.capacity)
        unsafe destinations.initialize(
            repeating: Endpoint(IPAddress(bits: 0), port: 0), count: Self.capacity)
        for slot in 0..<Self.capacity {
            var message = unsafe clinux_message()
            unsafe message.header.msg_iov = vectors + slot
            unsafe message.header.msg_iovlen = 1
            unsafe message.header.msg_name = UnsafeMutableRawPointer(names + slot)
            unsafe (messages + slot).initialize(to: message)
        }
    }

    deinit {
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe messages.deallocate()
        unsafe destinations.deallocate()
    }

    var isFull: Bool { count == Self.capacity }

    /// Appends a datagram, which there must be room for.
    ///
    /// - Parameter bytes: stay where they are until ``flush(to:failures:counters:)``.
    @unsafe mutating func append(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) {
        precondition(!isFull)
        unsafe vectors[count].iov_base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        unsafe vectors[count].iov_len = bytes.count
        unsafe messages[count].header.msg_namelen = destination.write(to: names + count)
        unsafe destinations[count] = destination
        count += 1
    }

    /// Sends all that was appended. A datagram that the system does not take stops no other.
    ///
    /// - Parameter socket: nil where this machine has no socket of the family, so that all of them fail.
    mutating func flush(to socket: Int32?, failures: inout [SendFailure], counters: inout IOCounters) {
        defer { count = 0 }
        guard let socket else {
            for slot in 0..<count { fail(slot, EAFNOSUPPORT, &failures, &counters) }
            return
        }
        var next = 0
        var waited = false
        var retried = -1
        while next < count {
            let sent = unsafe clinux_send(socket, messages + next, UInt32(count - next))
            if sent > 0 {
                for slot in next..<next + Int(sent) { unsafe counters.bytesSent &+= UInt64(vectors[slot].iov_len) }
                counters.datagramsSent &+= UInt64(sent)
                next += Int(sent)
                continue
            }
            // The error is that of the first datagram; those behind it were not tried.
            let code = sent == 0 ? EAGAIN : errno
            if code == EINTR { continue }
            if code == EAGAIN, !waited {
                waited = true
                var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
                unsafe poll(&entry, 1, Self.patienceMilliseconds)
                continue
            }
            // An answer of ICMP to an earlier datagram is told at the next send, which is not to blame.
            if code == ECONNREFUSED, retried != next {
                retried = next
                counters.receiveErrors &+= 1
                continue
            }
            fail(next, code, &failures, &counters)
            next += 1
        }
    }

    private func fail(_ slot: Int, _ code: Int32, _ failures: inout [SendFailure], _ counters: inout IOCounters) {
        counters.sendErrors &+= 1
        unsafe failures.append(SendFailure(destination: destinations[slot], code: code))
    }
}
