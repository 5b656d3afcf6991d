import VPNNode
import VPNProtocol

/// Which nodes understand each other: those with one magic, one method and one key.
struct KeyGroups {
    /// For each node the number of its group.
    let groupOf: [Int]

    init(_ roster: Roster) {
        var representatives: [PacketSeal] = []
        groupOf = roster.members.map { member in
            let seal = member.configuration.seal
            if let known = representatives.firstIndex(where: { $0.opens(packetsOf: seal) }) { return known }
            representatives.append(seal)
            return representatives.count - 1
        }
    }
}

extension PacketSeal {
    /// Whether what another seal seals can be opened with this one, found out by trying.
    func opens(packetsOf other: PacketSeal) -> Bool {
        let message = other.headBytes..<other.headBytes + 8
        var packet = [UInt8](repeating: 0, count: message.upperBound + other.tailBytes)
        var span = packet.mutableSpan
        other.seal(&span, message: message, type: .data, nonce: Nonce(bits: 0))
        do {
            _ = try open(&span)
            return true
        } catch {
            return false
        }
    }
}
