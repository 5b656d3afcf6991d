import CLinux
import Glibc
import VPNProtocol

/// Room for a batch of datagrams of any length, filled by one call.
@safe struct ReceiveArena: ~Copyable {
    /// Datagrams a batch.
    static let capacity = 32
    /// More bytes than a UDP datagram has (65527 over IPv6), so that none is cut.
    static let slotBytes = 65_536
    /// From slot to slot. Not a power of two, so that the beginnings of the slots, which is all that is mostly used,
    /// do not share the same few lines of the processor's caches.
    private static let stride = slotBytes + 25 * 64

    private let memory: UnsafeMutablePointer<UInt8>
    private let vectors: UnsafeMutablePointer<iovec>
    private let names: UnsafeMutablePointer<sockaddr_in6>
    private let messages: UnsafeMutablePointer<clinux_message>

    init() {
        // All four are as long as the capacity, are set here once, and live as long as this arena.
        unsafe memory = .allocate(capacity: Self.capacity * Self.stride)
        unsafe memory.initialize(repeating: 0, count: Self.capacity * Self.stride)
        unsafe vectors = .allocate(capacity: Self.capacity)
        unsafe names = .allocate(capacity: Self.capacity)
        unsafe names.initialize(repeating: sockaddr_in6(), count: Self.capacity)
        unsafe messages = .allocate(capacity: Self.capacity)
        for slot in 0..<Self.capacity {
            unsafe (vectors + slot).initialize(
                to: iovec(iov_base: memory + slot * Self.stride, iov_len: Self.slotBytes))
            var message = unsafe clinux_message()
            unsafe message.header.msg_iov = vectors + slot
            unsafe message.header.msg_iovlen = 1
            unsafe message.header.msg_name = UnsafeMutableRawPointer(names + slot)
            unsafe message.header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
            unsafe (messages + slot).initialize(to: message)
        }
    }

    deinit {
        unsafe memory.deallocate()
        unsafe vectors.deallocate()
        unsafe names.deallocate()
        unsafe messages.deallocate()
    }

    /// Takes waiting datagrams from a socket, as many as there are and fit. Returns how many, or an error code
    /// (`EAGAIN` where none waits).
    mutating func receive(from socket: Int32) -> TunnelDevice.Result<Int> {
        while true {
            let count = unsafe clinux_receive(socket, messages, UInt32(Self.capacity))
            if count >= 0 { return .done(Int(count)) }
            if errno != EINTR { return .failed(errno) }
        }
    }

    /// Where the datagram in a slot came from; nil where the kernel did not say, or the datagram was cut.
    /// Makes the slot ready for the next batch.
    mutating func takeSource(_ slot: Int) -> Endpoint? {
        precondition(slot < Self.capacity)
        let byteCount = unsafe messages[slot].header.msg_namelen
        let cut = unsafe messages[slot].header.msg_flags & Int32(MSG_TRUNC) != 0
        unsafe messages[slot].header.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return cut ? nil : unsafe Endpoint(names + slot, byteCount: byteCount)
    }

    /// The bytes of the datagram in a slot.
    @_lifetime(&self) mutating func datagram(_ slot: Int) -> MutableSpan<UInt8> {
        precondition(slot < Self.capacity)
        // The kernel filled so many bytes of the slot, which belongs to this arena and to no other span meanwhile.
        let count = unsafe min(Int(messages[slot].byte_count), Self.slotBytes)
        let span = unsafe MutableSpan(_unsafeStart: memory + slot * Self.stride, count: count)
        return unsafe _overrideLifetime(span, mutating: &self)
    }
}
