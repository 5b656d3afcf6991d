public import VPNNode
import VPNProtocol

/// Why a link did not bring a datagram to its other end.
public enum LinkLoss: String, Hashable, Sendable, CaseIterable {
    /// It was lost on the way.
    case lost
    /// Too much was waiting already.
    case queueFull = "queue full"
    /// It is longer than the MTU.
    case tooLong = "too long"
}

/// A datagram at the other end of a link.
public struct LinkArrival: Hashable, Sendable {
    /// When it is there.
    public let time: Instant
    /// Its bytes, which the link may have changed.
    public let bytes: [UInt8]

    /// An arrival from its parts.
    public init(time: Instant, bytes: [UInt8]) {
        self.time = time
        self.bytes = bytes
    }
}

/// What a link made of a datagram.
public enum Crossing: Hashable, Sendable {
    /// It arrives, and perhaps a second time.
    case arrives(LinkArrival, again: LinkArrival?)
    /// It does not.
    case lost(LinkLoss)
}

/// One direction of a link: a model, and what it depends on of what was sent before.
///
/// Losses, delays and damage are drawn from streams of their own: which datagrams are lost does not change with the
/// jitter.
public struct Link: Sendable {
    /// Where a packet has its message type.
    private static let typeOffset = PacketHeader.byteCount - 1

    /// What the link does, from the next datagram on.
    public var model: LinkModel
    /// How many datagrams were sent into it.
    public private(set) var datagrams = 0

    private var losses: RandomNumbers
    private var delays: RandomNumbers
    private var faults: RandomNumbers
    private var isBad = false
    /// How many datagrams of each message type were sent into it.
    private var messages = InlineArray<4, Int>(repeating: 0)
    /// When what was taken so far has left, where there is a rate.
    private var busyUntil = Instant.zero
    /// The last arrival, which none may precede where the link keeps the order.
    private var lastArrival = Instant.zero

    /// A link on which nothing was sent yet.
    public init(_ model: LinkModel, seed: Seed) {
        self.model = model
        losses = seed.numbers(for: "loss")
        delays = seed.numbers(for: "delay")
        faults = seed.numbers(for: "fault")
    }

    /// Sends a datagram. Times must not go backwards.
    ///
    /// - Parameter headerBytes: what the packet is longer than its payload: 28 with IPv4 and UDP, 48 with IPv6.
    public mutating func send(_ bytes: [UInt8], headerBytes: Int = 28, at now: Instant) -> Crossing {
        var bytes = bytes
        switch carry(&bytes, headerBytes: headerBytes, at: now) {
        case .arrives(let time, let again): return .arrives(LinkArrival(time: time, bytes: bytes), again: again)
        case .lost(let loss): return .lost(loss)
        }
    }

    /// What becomes of bytes that are changed where they are.
    enum Carriage {
        case arrives(Instant, again: LinkArrival?)
        case lost(LinkLoss)
    }

    /// Sends a datagram, whose bytes become those that arrive.
    mutating func carry(_ bytes: inout [UInt8], headerBytes: Int, at now: Instant) -> Carriage {
        datagrams += 1
        let type = bytes.count > Self.typeOffset ? MessageType(rawValue: bytes[Self.typeOffset]) : nil
        if let type { messages[Int(type.rawValue)] += 1 }
        // Drawn first, so that it does not depend on the rest of the model.
        let isLost = drawLoss(type)
        let length = bytes.count + headerBytes
        if let mtu = model.mtu, length > mtu { return .lost(.tooLong) }
        guard let departure = depart(length, at: now) else { return .lost(.queueFull) }
        if isLost { return .lost(.lost) }
        guard happens(model.duplication) else {
            let time = arrival(leaving: departure)
            damage(&bytes)
            return .arrives(time, again: nil)
        }
        var copy = bytes
        let time = arrival(leaving: departure)
        damage(&bytes)
        let secondTime = arrival(leaving: departure)
        damage(&copy)
        return .arrives(time, again: LinkArrival(time: secondTime, bytes: copy))
    }

    private mutating func drawLoss(_ type: MessageType?) -> Bool {
        switch model.loss {
        case .independent(let probability): return losses.draw(probability)
        case .bursts(let toBad, let toGood, let lossInGood, let lossInBad):
            let isLost = losses.draw(isBad ? lossInBad : lossInGood)
            if losses.draw(isBad ? toGood : toBad) { isBad.toggle() }
            return isLost
        case .numbered(let numbers): return numbers.contains(datagrams)
        case .messages(let lost, let numbers):
            return type == lost && (numbers.isEmpty || numbers.contains(messages[Int(lost.rawValue)]))
        }
    }

    /// When the last bit of a packet leaves; nil where it finds no room to wait. A link that is idle takes any packet.
    private mutating func depart(_ byteCount: Int, at now: Instant) -> Instant? {
        guard let rate = model.rate else { return now }
        guard rate > 0 else { return nil }
        let second: UInt128 = 1_000_000_000
        if busyUntil > now {
            let bits = UInt128((busyUntil.nanoseconds - now.nanoseconds)) * UInt128(rate) / second
            guard bits / 8 + UInt128(byteCount) <= UInt128(max(model.queueBytes, 0)) else { return nil }
        }
        let time = (UInt128(byteCount) * 8 * second + UInt128(rate) - 1) / UInt128(rate)
        busyUntil = max(busyUntil, now) + .nanoseconds(Int64(clamping: time))
        return busyUntil
    }

    private mutating func arrival(leaving departure: Instant) -> Instant {
        let delay = model.heldLatency + (model.jitter?.draw(&delays) ?? .zero)
        var time = max(departure + delay, departure)
        if !(model.jitter?.mayReorder ?? false) { time = max(time, lastArrival) }
        lastArrival = max(lastArrival, time)
        return time
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        if happens(model.corruption), !bytes.isEmpty {
            let bit = faults.next(below: 8 * bytes.count)
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        if happens(model.truncation), !bytes.isEmpty {
            bytes.removeLast(bytes.count - faults.next(below: bytes.count))
        }
    }

    private mutating func happens(_ probability: Probability) -> Bool { faults.draw(probability) }
}

extension LinkModel {
    /// The shortest time on the way: nothing that is sent arrives earlier.
    public var shortestDelay: Duration { max(.zero, heldLatency - (jitter?.mostEarly ?? .zero)) }

    /// The latency, at most thirty years, so that no sum of it is beyond what a `Duration` can say in seconds.
    var heldLatency: Duration { min(max(latency, .zero), .seconds(1_000_000_000)) }
}

extension RandomNumbers {
    /// Whether something of this probability happens. What never happens draws no number.
    mutating func draw(_ probability: Probability) -> Bool {
        probability.millionths > 0 && next(below: 1_000_000) < probability.millionths
    }
}
