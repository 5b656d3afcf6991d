public import VPNNode

/// Something that an emulated network did and that its model does not allow.
public struct NetworkViolation: Hashable, Sendable {
    /// What kind of law it broke.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A node sent that did not run, slept, or has another address.
        case sentByAbsentNode = "a node sent that was not there"
        /// A link took, a node got, or a place lost what had not come there, or more copies than there were.
        case unknownCopy = "a datagram came that had not been sent"
        /// A datagram came to an end without a word.
        case vanished = "a datagram vanished"
        /// An arrival before the latency, the least jitter and the rate allow.
        case tooEarly = "a datagram arrived too early"
        /// An arrival after the latency, the most jitter and the queue explain.
        case tooLate = "a datagram arrived too late"
        /// A datagram overtook another where the link keeps the order.
        case overtook = "a datagram overtook another"
        /// A packet longer than the MTU.
        case overMTU = "a link took a packet longer than its MTU"
        /// More bytes waiting than the queue holds.
        case overQueue = "a link took a packet for which its queue had no room"
        /// A second arrival where none are doubled.
        case doubled = "a link doubled a datagram"
        /// Bytes that no fault of the link explains.
        case bytesChanged = "the bytes of a datagram changed"
        /// An arrival between nodes that were cut off from each other.
        case crossedPartition = "a datagram crossed a partition"
        /// An arrival at a node that did not run, slept, or has another address.
        case absentReceiver = "a datagram arrived at a node that was not there"
        /// A loss that the model does not allow.
        case unexplainedLoss = "a datagram was lost without cause"
        /// A datagram got through that the model loses.
        case survived = "a datagram got through that is to be lost"
        /// A NAT let in through a mapping that does not exist, has ended or is somebody else's.
        case noMapping = "a NAT let in what it has no mapping for"
        /// A NAT let in what its filtering keeps out.
        case filtered = "a NAT let in what it is to filter"
        /// A translation to other addresses or ports than the NAT's model says.
        case wrongTranslation = "a datagram was translated wrongly"
        /// A NAT sent back inside what it is not to.
        case hairpinned = "a NAT sent back inside"
        /// A firewall let in what answers nothing.
        case passedFirewall = "a firewall let in what answers nothing"
        /// A node gave its device a frame that no datagram had just brought.
        case frameFromNowhere = "a frame came from nowhere"
        /// More or fewer losses, doubles or damaged datagrams than chance explains.
        case improbable = "chance does not explain a rate"
    }

    /// What kind of law was broken.
    public let kind: Kind
    /// When it was seen.
    public let time: Instant
    /// The number of the datagram; nil where it is about many.
    public let datagram: UInt64?
    /// Where; nil where it belongs to no place.
    public let place: NetworkPlace?
    /// What was seen and what was allowed, for people.
    public let detail: String

    /// It in one line.
    public var text: String {
        let subject = datagram.map { " (datagram \($0))" } ?? ""
        return "\(kind.rawValue)\(subject)\(detail.isEmpty ? "" : ": \(detail)")"
    }
}

/// The first violations that were found, and how many there were in all.
struct ViolationList {
    let limit: Int
    private(set) var first: [NetworkViolation] = []
    private(set) var count: UInt64 = 0

    init(limit: Int) { self.limit = max(limit, 1) }

    mutating func append(
        _ kind: NetworkViolation.Kind, at now: Instant, datagram: UInt64? = nil, place: NetworkPlace? = nil,
        _ detail: @autoclosure () -> String = ""
    ) {
        count += 1
        guard first.count < limit else { return }
        first.append(NetworkViolation(kind: kind, time: now, datagram: datagram, place: place, detail: detail()))
    }
}
