import CLinux
import Glibc
import VPNNode

/// The time since this clock was made. It goes on while the machine sleeps (`CLOCK_BOOTTIME`), so that peers
/// that were not heard meanwhile time out.
struct BootClock {
    private let start: UInt64

    init() { start = Self.read() }

    /// The time now.
    func now() -> Instant { Instant(nanoseconds: Self.read() - start) }

    private static func read() -> UInt64 {
        var time = timespec()
        // Cannot fail: the clock is there since Linux 2.6.39, and the pointer is good.
        unsafe _ = clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// A timer of this clock.
    func timer() throws(SystemError) -> Timer {
        Timer(
            descriptor: try Descriptor(
                timerfd_create(Int32(CLOCK_BOOTTIME), Int32(TFD_CLOEXEC | TFD_NONBLOCK)),
                orThrow: "cannot make a timer"),
            start: start)
    }

    /// Wakes the loop at one instant. Set anew only where the instant changes, which it rarely does.
    struct Timer: ~Copyable {
        let descriptor: Descriptor
        private let start: UInt64
        private var armed: Instant?

        fileprivate init(descriptor: consuming Descriptor, start: UInt64) {
            self.descriptor = descriptor
            self.start = start
        }

        /// Wakes at the instant, or never.
        mutating func arm(at instant: Instant?) {
            guard instant != armed else { return }
            armed = instant
            var setting = itimerspec()
            if let instant {
                // Zero would disarm; a point in the past wakes at once.
                let (sum, overflow) = start.addingReportingOverflow(instant.nanoseconds)
                let point = max(overflow ? UInt64(Int64.max) : min(sum, UInt64(Int64.max)), 1)
                setting.it_value.tv_sec = Int(point / 1_000_000_000)
                setting.it_value.tv_nsec = Int(point % 1_000_000_000)
            }
            unsafe _ = timerfd_settime(descriptor.number, Int32(TFD_TIMER_ABSTIME), &setting, nil)
        }

        /// Takes note that the timer woke the loop.
        mutating func fired() {
            descriptor.drain()
            armed = nil
        }
    }
}

/// The time of day, which may be set forwards and back: for what people compare with other clocks, and nothing else.
func nanosecondsSince1970() -> UInt64 {
    var time = timespec()
    // Cannot fail: every kernel has the clock, and the pointer is good.
    unsafe _ = clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
}
