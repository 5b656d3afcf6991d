import CLinux
import Glibc
import VPNProtocol

/// Room for a batch of messages from a socket, filled by one call. A message is one datagram, or several of one source and
/// size that the kernel hands over behind each other (UDP_GRO).
@safe struct ReceiveArena: ~Copyable {
    /// Messages a batch.
    static let capacity = 16
    /// More bytes than a UDP datagram has (65527 over IPv6), so that none is cut.
    static let slotBytes = 65_536
    /// The bytes that one call should bring: about as many as the caches next to the processor hold beside all else. What
    /// was brought is then still there when it is opened and written.
    private static let wantedBytes = 96 << 10
    /// From slot to slot. Not a power of two, so that the beginnings of the slots, which is all that is mostly used,
    /// do not share the same few lines of the processor's caches.
    private static let stride = slotBytes + 25 * 64

    private let memory: UnsafeMutablePointer<UInt8>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_in6>
    private let controls: UnsafeMutableRawPointer
    private let messages: UnsafeMutablePointer<clinux_message>
    /// How many messages the next call takes: as many as are to be expected to have ``wantedBytes``.
    private var wanted = capacity

    init() {
        // All five are as long as the capacity, are set here once, and live as long as this arena. The pages of the first
        // are there once something is received into them.
        guard let zeroes = unsafe calloc(Self.capacity, Self.stride) else { fatalError("no memory for datagrams") }
        unsafe memory = zeroes.bindMemory(to: UInt8.self, capacity: Self.capacity * Self.stride)
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe names = .allocate(capacity: Self.capacity)
        unsafe names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        unsafe controls = .allocate(
            byteCount: Self.capacity * Int(CLINUX_SEGMENT_SIZE_BYTES), alignment: MemoryLayout<Int>.alignment)
        unsafe messages = .allocate(capacity: Self.capacity)
        for slot in 0..<Self.capacity {
            unsafe (vectors + slot).initialize(
                to: iovec(iov_base: memory + slot * Self.stride, iov_len: Self.slotBytes))
            var message = unsafe clinux_message()
            unsafe message.header.msg_iov = vectors + slot
            unsafe message.header.msg_iovlen = 1
            unsafe message.header.msg_name = UnsafeMutableRawPointer(names + slot)
            unsafe message.header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
            unsafe message.header.msg_control = controls + slot * Int(CLINUX_SEGMENT_SIZE_BYTES)
            unsafe message.header.msg_controllen = Int(CLINUX_SEGMENT_SIZE_BYTES)
            unsafe (messages + slot).initialize(to: message)
        }
    }

    deinit {
        unsafe free(memory)
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe controls.deallocate()
        unsafe messages.deallocate()
    }

    /// What a call brought.
    enum Outcome {
        /// So many messages; where there are no more than these, `isLast`.
        case messages(Int, isLast: Bool)
        /// An error code; `EAGAIN` where none waits.
        case failed(Int32)
    }

    /// Takes waiting messages from a socket, as many as there are and fit.
    mutating func receive(from socket: Int32) -> Outcome {
        while true {
            let count = unsafe Int(clinux_receive(socket, messages, UInt32(wanted)))
            if count > 0 {
                let isLast = count < wanted
                var bytes = 0
                for slot in 0..<count { unsafe bytes += Int(messages[slot].byte_count) }
                wanted = max(1, min(Self.capacity, Self.wantedBytes * count / max(1, bytes)))
                return .messages(count, isLast: isLast)
            }
            if count == 0 { return .failed(EAGAIN) }
            if errno != EINTR { return .failed(errno) }
        }
    }

    /// Where the message in a slot came from; nil where the kernel did not say, or the message was cut.
    /// Makes the slot ready for the next batch: ``datagrams(_:)`` comes before.
    mutating func takeSource(_ slot: Int) -> Endpoint? {
        precondition(slot < Self.capacity)
        let byteCount = unsafe messages[slot].header.msg_namelen
        let cut = unsafe messages[slot].header.msg_flags & Int32(MSG_TRUNC) != 0
        unsafe messages[slot].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
        unsafe messages[slot].header.msg_controllen = Int(CLINUX_SEGMENT_SIZE_BYTES)
        return cut ? nil : unsafe Endpoint(names + slot, byteCount: byteCount)
    }

    /// Where the datagrams of the message in a slot are in ``bytes``.
    mutating func datagrams(_ slot: Int) -> Datagrams {
        precondition(slot < Self.capacity)
        let start = slot * Self.stride
        let count = unsafe min(Int(messages[slot].byte_count), Self.slotBytes)
        let size = unsafe Int(clinux_read_segment_size(&messages[slot].header))
        return Datagrams(rest: start..<start + count, size: size > 0 ? size : max(1, count), isEmpty: count == 0)
    }

    /// The datagrams of a message one after another: of one size, of which the last may fall short.
    struct Datagrams: Sequence, IteratorProtocol {
        fileprivate var rest: Range<Int>
        fileprivate let size: Int
        /// A datagram without a byte is one, too.
        fileprivate var isEmpty: Bool

        mutating func next() -> Range<Int>? {
            guard !rest.isEmpty else {
                defer { isEmpty = false }
                return isEmpty ? rest : nil
            }
            let end = Swift.min(rest.lowerBound + size, rest.upperBound)
            defer { rest = end..<rest.upperBound }
            return rest.lowerBound..<end
        }
    }

    /// The bytes of all slots.
    var bytes: MutableSpan<UInt8> {
        @_lifetime(&self) mutating get {
            // As long as it was allocated. It belongs to this arena and to no other span meanwhile.
            let span = unsafe MutableSpan(_unsafeStart: memory, count: Self.capacity * Self.stride)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }
}
