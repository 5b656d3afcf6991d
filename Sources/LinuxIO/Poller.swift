import CLinux
import Glibc

/// Waits for any of several descriptors (epoll, level triggered).
@safe struct Poller: ~Copyable {
    /// What can wake the loop.
    enum Source: UInt64 {
        case device, ipv4, ipv6, timer, signals, mailbox, stop
    }

    /// A source that has something to say.
    struct Wake {
        let source: Source
        /// There is something to read.
        let isReadable: Bool
        /// There is an error to be asked for.
        let hasError: Bool
    }

    private static let capacity = 8
    private let descriptor: Descriptor
    private let events: UnsafeMutablePointer<epoll_event>

    init() throws(SystemError) {
        descriptor = try Descriptor(epoll_create1(Int32(EPOLL_CLOEXEC)), orThrow: "cannot make an epoll instance")
        // As long as the capacity, and alive as long as this poller.
        unsafe events = .allocate(capacity: Self.capacity)
        unsafe events.initialize(repeating: epoll_event(), count: Self.capacity)
    }

    deinit { unsafe events.deallocate() }

    /// Begins to wait for a descriptor.
    func add(_ number: Int32, as source: Source) throws(SystemError) {
        var event = unsafe epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: source.rawValue))
        guard unsafe epoll_ctl(descriptor.number, EPOLL_CTL_ADD, number, &event) == 0 || errno == EEXIST else {
            throw SystemError.last("cannot wait for a descriptor (\(source))")
        }
    }

    /// Waits for a descriptor no more.
    func remove(_ number: Int32) {
        var event = unsafe epoll_event()
        unsafe _ = epoll_ctl(descriptor.number, EPOLL_CTL_DEL, number, &event)
    }

    /// Waits until something happens, and returns how much. A signal to the thread is no end of it.
    func wait() throws(SystemError) -> Int {
        while true {
            let count = unsafe epoll_wait(descriptor.number, events, Int32(Self.capacity), -1)
            if count >= 0 { return Int(count) }
            guard errno == EINTR else { throw SystemError.last("cannot wait for packets") }
        }
    }

    /// What happened, by its place in what ``wait()`` counted.
    func wake(_ index: Int) -> Wake? {
        precondition(index < Self.capacity)
        let event = unsafe events[index]
        guard let source = unsafe Source(rawValue: event.data.u64) else { return nil }
        let bits = unsafe event.events
        return Wake(
            source: source, isReadable: bits & EPOLLIN.rawValue != 0,
            hasError: bits & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0)
    }
}
