import Glibc

/// A line at the bottom of a terminal that says how far something is. It does nothing where there is no terminal.
struct ProgressLine {
    private static let barWidth = 24
    /// So often the line changes at most, in nanoseconds.
    private static let pause: UInt64 = 100_000_000

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = monotonicNanoseconds()
    private var shown: UInt64 = 0
    private var isVisible = false

    /// Shows how far it is.
    ///
    /// - Parameters:
    ///   - done: how much of the whole, in thousandths.
    ///   - text: what there is to say besides.
    mutating func show(_ done: Int, _ text: () -> String) {
        guard isTerminal else { return }
        let now = monotonicNanoseconds()
        guard now >= shown + Self.pause else { return }
        shown = now
        let filled = min(max(done, 0), 1000) * Self.barWidth / 1000
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.barWidth - filled)
        let elapsed = now - start
        let left = done > 0 ? elapsed / UInt64(done) * UInt64(max(0, 1000 - done)) : 0
        let rest = elapsed > 1_000_000_000 && done > 0 ? ", \(left / 1_000_000_000 + 1) s left" : ""
        write("\r[\(bar)] \(done / 10)% \(text())\(rest)\u{1b}[K")
        isVisible = true
    }

    /// Takes the line away, so that other lines can be printed.
    mutating func clear() {
        guard isVisible else { return }
        write("\r\u{1b}[K")
        isVisible = false
    }

    private func write(_ text: String) {
        // A terminal that is gone needs no progress.
        try? writeAll(Array(text.utf8), to: STDERR_FILENO)
    }
}
