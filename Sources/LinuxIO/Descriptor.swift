import CLinux
import Glibc

/// An open file descriptor. Closed when its owner lets go.
struct Descriptor: ~Copyable, Sendable {
    /// The number that the system knows it by; negative for none.
    let number: Int32

    /// No descriptor. (An optional one cannot be looked into without being taken apart.)
    static var none: Descriptor { Descriptor() }

    private init() { number = -1 }

    /// Takes over the descriptor that a call has just returned, or its error.
    ///
    /// - Parameter operation: what failed, where the number is negative.
    init(_ number: Int32, orThrow operation: @autoclosure () -> String) throws(SystemError) {
        guard number >= 0 else {
            let code = errno
            throw SystemError(operation(), code: code)
        }
        self.number = number
    }

    deinit { if number >= 0 { close(number) } }

    /// A counter that wakes whoever waits for it.
    static func wakeUp() throws(SystemError) -> Descriptor {
        try Descriptor(
            eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)),
            orThrow: "cannot make an event descriptor")
    }

    /// Wakes whoever waits for this counter.
    func wake() {
        var one: UInt64 = 1
        // A counter at its limit wakes as well, so that the result does not matter.
        unsafe _ = write(number, &one, MemoryLayout<UInt64>.size)
    }

    /// Takes what a timer or counter has to tell, so that it wakes no more.
    func drain() {
        var count: UInt64 = 0
        unsafe _ = read(number, &count, MemoryLayout<UInt64>.size)
    }

    /// Waits until there is something to read or the time is over. Returns whether there is.
    func waitForInput(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, milliseconds) > 0
    }
}
