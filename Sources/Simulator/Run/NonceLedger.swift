import VPNNode
import VPNProtocol

/// Which nonces were used with which key, as ranges: a node counts upwards from a random start.
struct NonceLedger {
    /// What one incarnation of a node used.
    private struct Span {
        let group: Int
        let node: Int
        var first: UInt128
        /// How many nonces after the first one were used or passed over.
        var length: UInt128 = 0
        var lastPacket: [UInt8]
    }

    private static let modulus: UInt128 = 1 << 96
    private var spans: [Span] = []
    /// The index of the running incarnation's span.
    private var current: [Int?]
    /// Whether packets come in the order in which they were sealed. A system sends those of several sockets in another one.
    private let isOrdered: Bool
    /// Without that order, the last packets of each node by their nonces.
    private var recent: [AgedTable<NonceKey, [UInt8]>]
    private static let recentPackets = 1024

    init(nodes: Int, isOrdered: Bool = true) {
        current = Array(repeating: nil, count: nodes)
        self.isOrdered = isOrdered
        recent = isOrdered ? [] : (0..<nodes).map { _ in AgedTable(capacity: Self.recentPackets) }
    }

    /// Notes that a node starts anew, with other nonces.
    mutating func start(_ node: Int) {
        current[node] = nil
        if !isOrdered { recent[node] = AgedTable(capacity: Self.recentPackets) }
    }

    /// Notes a sealed packet. Returns whether its nonce is new, or it is the very packet that had it before, to another
    /// receiver.
    mutating func use(_ packet: [UInt8], by node: Int, group: Int) -> Bool {
        let start = PacketHeader.byteCount
        guard packet.count >= start + Nonce.byteCount else { return true }
        let nonce = packet[start..<start + Nonce.byteCount].reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        guard let index = current[node] else {
            current[node] = spans.count
            spans.append(Span(group: group, node: node, first: nonce, lastPacket: packet))
            if !isOrdered { recent[node].put(NonceKey(nonce: nonce), packet, at: .zero) }
            return true
        }
        if !isOrdered { return use(packet, nonce, by: node, span: index) }
        let distance = (nonce + Self.modulus - spans[index].first) % Self.modulus
        if distance == spans[index].length { return spans[index].lastPacket == packet }
        // Half of all nonces lie behind any one of them; a count that goes that far has gone backwards.
        guard distance > spans[index].length, distance < Self.modulus / 2 else { return false }
        spans[index].length = distance
        spans[index].lastPacket = packet
        return true
    }

    private mutating func use(_ packet: [UInt8], _ nonce: UInt128, by node: Int, span index: Int) -> Bool {
        let key = NonceKey(nonce: nonce)
        if let known = recent[node][key] { return known.value == packet }
        let ahead = (nonce + Self.modulus - spans[index].first) % Self.modulus
        if ahead < Self.modulus / 2 {
            // Nothing comes so late that others that many nonces after it have been seen.
            if ahead + UInt128(Self.recentPackets) < spans[index].length { return false }
            spans[index].length = max(spans[index].length, ahead)
        } else {
            // It was sealed before the first that was seen.
            spans[index].length += Self.modulus - ahead
            spans[index].first = nonce
        }
        recent[node].put(key, packet, at: .zero)
        return true
    }

    /// Two incarnations, by the numbers of their nodes, that used the same nonces with one key; nil where none did.
    func overlap() -> (Int, Int)? {
        let sorted = spans.indices.sorted {
            (spans[$0].group, spans[$0].first, $0) < (spans[$1].group, spans[$1].first, $1)
        }
        for (left, right) in zip(sorted, sorted.dropFirst()) where spans[left].group == spans[right].group {
            if spans[right].first - spans[left].first <= spans[left].length {
                return (spans[left].node, spans[right].node)
            }
        }
        // The last of a group may reach around the end to the first one.
        for last in sorted where spans[last].first + spans[last].length >= Self.modulus {
            let end = spans[last].first + spans[last].length - Self.modulus
            for other in sorted where other != last && spans[other].group == spans[last].group {
                if spans[other].first <= end { return (spans[last].node, spans[other].node) }
            }
        }
        return nil
    }
}

private struct NonceKey: TableKey {
    let nonce: UInt128
}
