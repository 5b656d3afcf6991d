package import VPNProtocol

/// What was found in a capture, in numbers.
package struct OpeningCounts: Hashable, Sendable {
    /// The packets that were read.
    package private(set) var packets: UInt64 = 0
    /// How many of these held several datagrams.
    package private(set) var runs: UInt64 = 0
    private var openedByType = [UInt64](repeating: 0, count: MessageType.allCases.count)
    private var refusals = [UInt64](repeating: 0, count: Refusal.allCases.count)

    /// Nothing yet.
    package init() {}

    /// Counts a packet that was read.
    package mutating func countPacket() { packets += 1 }
    /// Counts a packet that turned out to hold several datagrams.
    package mutating func countRun() { runs += 1 }

    /// Counts what came of a datagram, or of a packet without one.
    package mutating func count(_ outcome: Finding.Outcome) {
        switch outcome {
        case .opened(let packet, _): openedByType[Int(packet.type.rawValue)] += 1
        case .refused(let reason): refusals[reason.rawValue] += 1
        }
    }

    /// The messages of a type.
    package func opened(_ type: MessageType) -> UInt64 { openedByType[Int(type.rawValue)] }
    /// All messages.
    package var opened: UInt64 { openedByType.reduce(0, +) }
    /// What was refused for a reason.
    package func refused(_ reason: Refusal) -> UInt64 { refusals[reason.rawValue] }
    /// Whether all packets of the protocol were opened.
    package var isComplete: Bool { Refusal.allCases.allSatisfy { !$0.isOfProtocol || refused($0) == 0 } }
}
