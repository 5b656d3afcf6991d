import VPNNode
import VPNProtocol

/// What a link may do, computed from its model alone.
struct LinkLaw {
    let model: LinkModel

    /// Thirty years, which no latency exceeds.
    private static let longestLatency: Int128 = 1_000_000_000_000_000_000

    private var latency: Int128 { min(max(nanoseconds(model.latency), 0), Self.longestLatency) }
    private var spread: Int128 { min(max(nanoseconds(model.jitter?.amount ?? .zero), 0), 3_600_000_000_000) }

    /// The least and the most time between the last bit's departure and the arrival.
    var delays: ClosedRange<Int128> {
        switch model.jitter?.distribution {
        case nil: latency...latency
        case .uniform?: latency...latency + spread
        case .normal?: max(0, latency - 3 * spread)...latency + 3 * spread
        // The least of a Pareto distribution of shape 3 is two thirds of its mean; the tail is cut at a hundred means.
        case .pareto?: latency + spread * 2 / 3...latency + 100 * spread
        }
    }

    var mayReorder: Bool { model.jitter?.mayReorder ?? false }

    /// The time that a packet takes to leave, in whole nanoseconds, rounded up; nil where there is no limit.
    func sendingTime(_ byteCount: Int) -> Int128? {
        guard let rate = model.rate, rate > 0 else { return nil }
        return (Int128(byteCount) * 8_000_000_000 + Int128(rate) - 1) / Int128(rate)
    }

    /// Whether a loss on the way is possible for the datagram with this number, of its type the n-th, and whether it is certain.
    func loss(number: Int, type: UInt8?, numberOfType: Int) -> (isPossible: Bool, isCertain: Bool) {
        switch model.loss {
        case .independent(let probability): (probability.millionths > 0, probability.millionths == 1_000_000)
        case .bursts(_, _, let inGood, let inBad): (inGood.millionths > 0 || inBad.millionths > 0, false)
        case .numbered(let numbers): numbers.contains(number) ? (true, true) : (false, false)
        case .messages(let lost, let numbers):
            type == lost.rawValue && (numbers.isEmpty || numbers.contains(numberOfType)) ? (true, true) : (false, false)
        }
    }

    private func nanoseconds(_ duration: Duration) -> Int128 {
        Int128(duration.components.seconds) * 1_000_000_000 + Int128(duration.components.attoseconds / 1_000_000_000)
    }
}

/// What was seen of one link.
struct CheckedLink {
    /// How many datagrams were sent into it, and of each message type.
    var datagrams = 0
    var messages = InlineArray<4, Int>(repeating: 0)
    /// When what it took so far has left.
    var busyUntil: Int128 = 0
    var lastArrival = Instant.zero

    /// Counts a datagram; returns its type, and how many there were of that type.
    mutating func count(_ bytes: [UInt8]) -> (type: UInt8?, number: Int) {
        datagrams += 1
        // The eighth byte of the header is the type, of which there are four.
        guard bytes.count >= 8, bytes[7] < 4 else { return (nil, 0) }
        messages[Int(bytes[7])] += 1
        return (bytes[7], messages[Int(bytes[7])])
    }

    /// Whether there is room for a packet; an idle link always has.
    func hasRoom(_ byteCount: Int, _ law: LinkLaw, at now: Instant) -> Bool {
        guard let rate = law.model.rate else { return true }
        guard rate > 0 else { return false }
        let waiting = busyUntil - Int128(now.nanoseconds)
        guard waiting > 0 else { return true }
        return waiting * Int128(rate) / 8_000_000_000 + Int128(byteCount) <= Int128(max(law.model.queueBytes, 0))
    }

    /// Lets a packet leave, and says when its last bit does.
    mutating func depart(_ byteCount: Int, _ law: LinkLaw, at now: Instant) -> Int128 {
        guard let time = law.sendingTime(byteCount) else { return Int128(now.nanoseconds) }
        busyUntil = max(busyUntil, Int128(now.nanoseconds)) + time
        return busyUntil
    }
}

/// How bytes differ from those that were sent.
struct ByteChange {
    /// How many are missing at the end; negative where there are more.
    let missing: Int
    /// How many bits of the others are different.
    let bits: Int

    init(from before: [UInt8], to after: [UInt8]) {
        missing = before.count - after.count
        guard before != after else {
            bits = 0
            return
        }
        var count = 0
        for index in 0..<min(before.count, after.count) { count += (before[index] ^ after[index]).nonzeroBitCount }
        bits = count
    }

    /// Whether the faults of a link explain it.
    func isExplained(by model: LinkModel) -> Bool {
        missing >= 0 && (missing == 0 || model.truncation.millionths > 0)
            && (bits == 0 || (bits == 1 && model.corruption.millionths > 0))
    }
}
