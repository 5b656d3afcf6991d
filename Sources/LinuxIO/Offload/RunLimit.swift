import Glibc

/// Which runs of datagrams a socket takes (UDP_SEGMENT), learned from what it refused.
struct RunLimit: Hashable {
    /// Runs that are sent one by one before a size that was refused is tried again: some ways change.
    static let pause = 4096

    /// Whether the socket takes runs at all.
    private(set) var isSupported: Bool
    /// The longest datagrams of which it may take a run. It takes none of datagrams that do not fit the link's MTU, while it
    /// cuts single ones of that length into fragments.
    private(set) var largest = Int.max
    /// The error code of the last refusal.
    private(set) var refusal: Int32?
    private var avoided = 0

    init(isSupported: Bool) { self.isSupported = isSupported }

    /// Whether to send a run of such datagrams.
    mutating func allows(segmentBytes: Int) -> Bool {
        guard isSupported else { return false }
        if segmentBytes <= largest { return true }
        avoided += 1
        if avoided >= Self.pause {
            avoided = 0
            largest = Int.max
        }
        return false
    }

    /// Learns from an error of a run. Returns whether its datagrams may pass one by one.
    mutating func note(_ code: Int32, segmentBytes: Int) -> Bool {
        switch code {
        case EINVAL, EMSGSIZE: largest = min(largest, segmentBytes - 1)
        // A device that cannot make the checksums of the datagrams (udp_send_skb in net/ipv4/udp.c), or a kernel without.
        case EIO, EOPNOTSUPP, ENOPROTOOPT: isSupported = false
        default: return false
        }
        refusal = code
        return true
    }
}
