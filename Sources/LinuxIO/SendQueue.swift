import CLinux
import Glibc
import VPNProtocol

/// A datagram that the system did not take.
struct SendFailure {
    let destination: Endpoint
    let code: Int32
}

/// Messages for one socket that go out with as few calls as possible: each a datagram, or several of one size to one
/// address (UDP_SEGMENT).
///
/// Holds pointers to the bytes, not the bytes: whoever appends keeps them in place until the queue is flushed.
@safe struct SendQueue: ~Copyable {
    static let capacity = 128
    /// How long a full socket is waited for, once a flush: the device queues meanwhile, and its senders slow down.
    private static let patienceMilliseconds: Int32 = 2

    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_in6>
    private let controls: UnsafeMutableRawPointer
    private let messages: UnsafeMutablePointer<clinux_message>
    private let entries: UnsafeMutablePointer<Entry>
    private var count = 0
    /// Which runs the system takes, as far as is known.
    private(set) var runs: RunLimit

    /// What is known of a message besides what the kernel is told.
    private struct Entry {
        var destination = Endpoint(IPAddress(bits: 0), port: 0)
        /// The bytes of each datagram but the last.
        var segmentBytes = 0
        /// How many datagrams.
        var segments = 1
    }

    init(sendsRuns: Bool) {
        runs = RunLimit(isSupported: sendsRuns)
        // All five are as long as the capacity and live as long as this queue.
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe vectors.initialize(repeating: iovec(), count: Self.capacity)
        unsafe names = .allocate(capacity: Self.capacity)
        unsafe names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        unsafe controls = .allocate(
            byteCount: Self.capacity * Int(CLINUX_SEGMENT_SIZE_BYTES), alignment: MemoryLayout<Int>.alignment)
        unsafe messages = .allocate(capacity: Self.capacity)
        unsafe entries = .allocate(capacity: Self.capacity)
        unsafe entries.initialize(repeating: Entry(), count: Self.capacity)
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
        unsafe controls.deallocate()
        unsafe messages.deallocate()
        unsafe entries.deallocate()
    }

    var isFull: Bool { count == Self.capacity }

    /// Whether several datagrams of this length may be appended as one message.
    mutating func allowsRun(of segmentBytes: Int) -> Bool { runs.allows(segmentBytes: segmentBytes) }

    /// Appends a datagram, or several, which there must be room for.
    ///
    /// - Parameters:
    ///   - bytes: stay where they are until ``flush(to:failures:counters:)``.
    ///   - segmentBytes: the length of each datagram but the last. Where `bytes` are longer, ``runs`` allows it.
    @unsafe mutating func append(_ bytes: UnsafeRawBufferPointer, segmentBytes: Int, to destination: Endpoint) {
        precondition(!isFull)
        unsafe vectors[count].iov_base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        unsafe vectors[count].iov_len = bytes.count
        unsafe messages[count].header.msg_namelen = destination.write(to: names + count)
        let isRun = bytes.count > segmentBytes
        unsafe entries[count] = Entry(
            destination: destination, segmentBytes: segmentBytes,
            segments: isRun ? (bytes.count + segmentBytes - 1) / segmentBytes : 1)
        if isRun {
            unsafe clinux_write_segment_size(
                &messages[count].header, controls + count * Int(CLINUX_SEGMENT_SIZE_BYTES), UInt16(segmentBytes))
        } else {
            unsafe messages[count].header.msg_control = nil
            unsafe messages[count].header.msg_controllen = 0
        }
        count += 1
    }

    /// Sends all that was appended. A message that the system does not take stops no other. Where it is a run that it does
    /// not take, its datagrams are sent one by one, and such runs are not tried again.
    ///
    /// - Parameter socket: nil where this machine has no socket of the family, so that all of them fail.
    mutating func flush(to socket: Int32?, failures: inout [SendFailure], counters: inout IOCounters) {
        defer { count = 0 }
        guard let socket else {
            for slot in 0..<count { fail(slot, EAFNOSUPPORT, &failures, &counters) }
            return
        }
        var next = 0
        var patience = Patience()
        while next < count {
            counters.sendCalls &+= 1
            let sent = unsafe Int(clinux_send(socket, messages + next, UInt32(count - next)))
            if sent > 0 {
                for slot in next..<next + sent { unsafe note(entries[slot], vectors[slot].iov_len, &counters) }
                next += sent
                patience.hasRetried = false
                continue
            }
            // The error is that of the first message; those behind it were not tried.
            let code = sent == 0 ? EAGAIN : errno
            if patience.suffices(for: code, of: socket, &counters) { continue }
            if unsafe entries[next].segments > 1, runs.note(code, segmentBytes: unsafe entries[next].segmentBytes) {
                sendApart(next, over: socket, &patience, &failures, &counters)
            } else {
                fail(next, code, &failures, &counters)
            }
            next += 1
        }
    }

    /// Sends the datagrams of a run one by one.
    private mutating func sendApart(
        _ slot: Int, over socket: Int32, _ patience: inout Patience, _ failures: inout [SendFailure],
        _ counters: inout IOCounters
    ) {
        unsafe messages[slot].header.msg_control = nil
        unsafe messages[slot].header.msg_controllen = 0
        let size = unsafe entries[slot].segmentBytes
        var (start, rest) = unsafe (vectors[slot].iov_base, vectors[slot].iov_len)
        unsafe entries[slot].segments = 1
        while rest > 0 {
            unsafe vectors[slot] = iovec(iov_base: start, iov_len: min(size, rest))
            counters.sendCalls &+= 1
            if unsafe clinux_send(socket, messages + slot, 1) == 1 {
                unsafe note(entries[slot], vectors[slot].iov_len, &counters)
                patience.hasRetried = false
            } else {
                let code = errno
                if patience.suffices(for: code, of: socket, &counters) { continue }
                fail(slot, code, &failures, &counters)
            }
            // Within the run, at the beginning of its next datagram, or at its end.
            unsafe start = start.map { unsafe $0 + min(size, rest) }
            rest -= min(size, rest)
        }
    }

    private func note(_ entry: Entry, _ bytes: Int, _ counters: inout IOCounters) {
        counters.bytesSent &+= UInt64(bytes)
        counters.datagramsSent &+= UInt64(entry.segments)
    }

    private func fail(_ slot: Int, _ code: Int32, _ failures: inout [SendFailure], _ counters: inout IOCounters) {
        let entry = unsafe entries[slot]
        counters.sendErrors &+= UInt64(entry.segments)
        for _ in 0..<entry.segments { failures.append(SendFailure(destination: entry.destination, code: code)) }
    }

    /// How much of a flush may be tried again.
    private struct Patience {
        private var hasWaited = false
        /// Whether the message at hand was tried again already.
        var hasRetried = false

        /// Whether the message that failed is to be sent again.
        mutating func suffices(for code: Int32, of socket: Int32, _ counters: inout IOCounters) -> Bool {
            switch code {
            case EINTR: return true
            case EAGAIN where !hasWaited:
                hasWaited = true
                var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
                unsafe poll(&entry, 1, SendQueue.patienceMilliseconds)
                return true
            case ECONNREFUSED where !hasRetried:
                // An answer of ICMP to an earlier datagram is told at the next send, which is not to blame.
                hasRetried = true
                counters.receiveErrors &+= 1
                return true
            default: return false
            }
        }
    }
}
