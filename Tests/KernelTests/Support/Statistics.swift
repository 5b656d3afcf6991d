/// What a test asks of a statistics file.
struct Statistics {
    let document: SimpleYAML

    init(_ document: SimpleYAML) { self.document = document }

    /// What the node says of one peer.
    struct Peer {
        let addresses: [String]
        let sentPackets: Int
        let receivedPackets: Int
        let failedSends: Int
    }

    var peers: [Peer] {
        (document["peers"]?.items ?? []).map { peer in
            Peer(
                addresses: (peer["addresses"]?.items ?? []).compactMap(\.text),
                sentPackets: peer["sent"]?["packets"]?.number ?? -1,
                receivedPackets: peer["received"]?["packets"]?.number ?? -1,
                failedSends: peer["failed_sends"]?.number ?? -1)
        }
    }

    /// The peer at a host's address, whatever its port.
    func peer(at host: Host) -> Peer? {
        peers.first { peer in
            peer.addresses.contains { $0.hasPrefix("\(host.ipv4):") || $0.hasPrefix("[\(host.ipv6)]:") }
        }
    }

    /// How often something was dropped for a reason.
    func drops(_ reason: String) -> Int { document["drops"]?[reason]?.number ?? 0 }
}
