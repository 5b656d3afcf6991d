import VPNNode

/// The seconds of a time in nanoseconds, with one digit, or with three where there are few.
func tenths(_ nanoseconds: UInt64) -> String {
    let milliseconds = nanoseconds / 1_000_000
    if milliseconds < 1000 { return "0." + WallClock.digits(Int(milliseconds), 3) }
    return "\(milliseconds / 1000).\(milliseconds / 100 % 10)"
}

/// A number with its digits in groups of three.
func grouped(_ number: some BinaryInteger) -> String {
    var digits = Array(String(number))
    var place = digits.count - 3
    while place > 0 {
        digits.insert(",", at: place)
        place -= 3
    }
    return String(digits)
}

/// The seconds of a duration with three digits behind the point: `0.125 s`.
func thousandths(_ duration: Duration) -> String {
    let milliseconds = duration.nanoseconds / 1_000_000
    return "\(milliseconds / 1000).\(WallClock.digits(Int(milliseconds % 1000), 3)) s"
}

/// A text with blanks behind it, up to a width.
func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}
