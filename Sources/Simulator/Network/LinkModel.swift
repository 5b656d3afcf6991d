public import VPNProtocol

/// A probability in parts of a million, since decisions are made with integers.
public struct Probability: Hashable, Sendable {
    /// Parts of a million, from 0 to 1,000,000.
    public let millionths: Int

    /// A probability from its parts of a million, held within 0 to 1,000,000.
    public init(millionths: Int) { self.millionths = min(max(millionths, 0), 1_000_000) }

    /// What never happens.
    public static let never = Self(millionths: 0)
}

/// How the delay of a link varies.
public struct Jitter: Hashable, Sendable {
    /// The shape of the variation.
    public enum Distribution: String, Sendable, CaseIterable {
        /// Any delay up to the amount, each as likely.
        case uniform
        /// Bell-shaped, the amount being the standard deviation, cut off at three of them.
        case normal
        /// Mostly short with a long tail (Pareto with shape 3), the amount being its mean.
        case pareto
    }

    /// How the delay is spread.
    public var distribution: Distribution
    /// How much it is spread, beyond the latency.
    public var amount: Duration
    /// Whether a datagram may overtake an earlier one.
    public var mayReorder: Bool

    /// Jitter from its parts.
    public init(_ distribution: Distribution = .uniform, amount: Duration, mayReorder: Bool = false) {
        self.distribution = distribution
        self.amount = amount
        self.mayReorder = mayReorder
    }
}

/// How a link loses datagrams.
public enum Loss: Hashable, Sendable {
    /// Each with the same probability, whatever became of others.
    case independent(Probability)
    /// In bursts (Gilbert-Elliott): a good and a bad state, how likely each turns into the other with a datagram,
    /// and how likely a datagram is lost in each.
    case bursts(toBad: Probability, toGood: Probability, lossInGood: Probability, lossInBad: Probability)
    /// The datagrams with these numbers, counted from 1.
    case numbered([Int])
    /// The datagrams of one type with these numbers, counted from 1 for each type; with no numbers all of the type. It is
    /// read from the header, which is not encrypted.
    case messages(MessageType, numbered: [Int])
}

/// What a link does with datagrams in one direction.
public struct LinkModel: Hashable, Sendable {
    /// The time on the way.
    public var latency: Duration = .milliseconds(1)
    /// How that varies; nil for not at all.
    public var jitter: Jitter?
    /// What is lost.
    public var loss: Loss = .independent(.never)
    /// How likely a datagram arrives twice.
    public var duplication: Probability = .never
    /// How likely one bit of a datagram changes.
    public var corruption: Probability = .never
    /// How likely the end of a datagram is cut off.
    public var truncation: Probability = .never
    /// Bits a second, UDP payload and 28 bytes of headers; nil for no limit.
    public var rate: Int?
    /// The bytes that wait where there is a rate; what comes beyond is dropped.
    public var queueBytes = 256 * 1024
    /// The longest IP packet; nil for any.
    public var mtu: Int?
    /// Whether the sender of a packet that is too long is told so (ICMP "fragmentation needed", or "packet too big").
    public var reportsTooLong = false

    /// A link with a millisecond of latency and no fault.
    public init() {}
}
