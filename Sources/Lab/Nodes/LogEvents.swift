import VPNNode
import VPNProtocol

/// What this program's log tells of peers.
enum LogEvent: Hashable {
    /// The node runs, under this id.
    case started(NodeID)
    /// A peer, by the first digits of its id, joined or is gone.
    case joined(String, Endpoint)
    case lost(String, Endpoint, PeerLoss)

    /// Reads `… INFO peer 0a1b2c3d at 192.0.2.1:3210 joined`; nil for any other line.
    init?(_ line: String) {
        if let place = line.firstRange(of: " node "), line.contains(" runs on "),
            let id = NodeID(text: line[place.upperBound...].prefix { $0 != " " })
        {
            self = .started(id)
            return
        }
        guard let place = line.firstRange(of: " peer ") else { return nil }
        let words = line[place.upperBound...].split(separator: " ")
        guard words.count >= 4, words[0].count == 8, words[1] == "at", let endpoint = Endpoint(words[2]) else {
            return nil
        }
        let id = String(words[0])
        if words[3].hasPrefix("joined") {
            self = .joined(id, endpoint)
        } else if line.contains(" is gone: ") {
            let loss = PeerLoss.allCases.first { line.hasSuffix($0.explanation) } ?? .timedOut
            self = .lost(id, endpoint, loss)
        } else {
            return nil
        }
    }
}

extension NodeID {
    /// An id from its 32 hexadecimal digits.
    package init?(text: some StringProtocol) {
        guard text.count == 32, let bits = UInt128(text, radix: 16) else { return nil }
        self.init(bits: bits)
    }
}
