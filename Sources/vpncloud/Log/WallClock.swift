import Glibc

/// The time of day, as log lines and the statistics file show it.
enum WallClock {
    /// The local time with its distance from UTC, as in `2026-03-01T12:00:00.123+01:00`.
    static func now() -> String {
        var time = timespec()
        // Both calls fill the values they are given.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return text(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    /// The text of a time given in seconds since 1970.
    static func text(seconds: Int, milliseconds: Int) -> String {
        var moment = seconds
        // `tm` holds a pointer to the zone's name, which is not looked at.
        var parts = unsafe tm()
        unsafe localtime_r(&moment, &parts)
        let offset = unsafe Int(parts.tm_gmtoff) / 60
        let (date, clock) = unsafe (Self.date(parts), Self.clock(parts))
        let zone =
            offset == 0 ? "Z" : "\(offset < 0 ? "-" : "+")\(digits(abs(offset) / 60, 2)):\(digits(abs(offset) % 60, 2))"
        return "\(date)T\(clock).\(digits(milliseconds, 3))\(zone)"
    }

    /// The local time of day of a time given in seconds since 1970, as in `12:00:00`.
    static func clock(seconds: Int) -> String {
        var moment = seconds
        // As above.
        var parts = unsafe tm()
        unsafe localtime_r(&moment, &parts)
        return unsafe clock(parts)
    }

    /// Date and time in UTC of a time given in seconds since 1970, as in `2026-03-01T11:00:00`.
    static func universal(seconds: Int) -> String {
        var moment = seconds
        // As above.
        var parts = unsafe tm()
        unsafe gmtime_r(&moment, &parts)
        return unsafe "\(date(parts))T\(clock(parts))"
    }

    private static func date(_ parts: tm) -> String {
        let (year, month, day) = unsafe (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday))
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))"
    }

    private static func clock(_ parts: tm) -> String {
        let (hour, minute, second) = unsafe (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
        return "\(digits(hour, 2)):\(digits(minute, 2)):\(digits(second, 2))"
    }

    /// A number with leading zeros.
    static func digits(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}

/// Nanoseconds of a clock that never goes back.
func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    // The call fills the value it is given.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
