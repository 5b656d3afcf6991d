import VPNCaptures

/// How far a capture is read, on a terminal, where that takes its time.
struct CaptureProgress {
    /// The clock is looked at once for so many packets. A power of two.
    private static let step: UInt64 = 4096
    /// A capture that is read sooner needs no bar. In nanoseconds.
    private static let patience: UInt64 = 500_000_000

    private let reader: CaptureReader
    private let isWanted: Bool
    private let start = monotonicNanoseconds()
    private var line = ProgressLine()
    private var packets: UInt64 = 0

    /// - Parameter isWanted: whether there may be a bar, as where nothing else goes to a terminal.
    init(_ reader: CaptureReader, isWanted: Bool) {
        self.reader = reader
        self.isWanted = isWanted
    }

    /// Notes a packet.
    mutating func countPacket() {
        packets += 1
        guard packets & (Self.step - 1) == 0, isWanted, let whole = reader.byteCount,
            monotonicNanoseconds() - start >= Self.patience
        else { return }
        let (reader, packets) = (reader, packets)
        line.show(Int(clamping: reader.position / max(whole / 1000, 1))) {
            "\(reader.name.withoutControlCharacters), \(grouped(packets)) packets"
        }
    }

    /// Takes the bar away.
    mutating func clear() { line.clear() }
}
