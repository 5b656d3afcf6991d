public import VPNProtocol

/// How full one of a node's bounded tables is.
public struct TableSize: Hashable, Sendable {
    /// The table.
    public let table: BoundedTable
    /// How many entries it has; of ``BoundedTable/addresses``, as many as the peer with the most of them.
    public let count: Int
    /// How many it may have (see ``Limits``).
    public let bound: Int
}

extension NodeEngine {
    /// How many peers the node has.
    public var peerCount: Int { peers.count }

    /// Whether a node is a peer of this one.
    public func isPeer(_ id: NodeID) -> Bool { peers.slot(of: id) != nil }

    /// The size of every bounded table, in the order of ``BoundedTable/allCases``. Looks at each peer once.
    public var tableSizes: [TableSize] {
        let limits = configuration.limits
        return BoundedTable.allCases.map { table in
            let (count, bound) =
                switch table {
                case .peers: (peers.count, limits.peers)
                case .addresses: (peers.mostAddresses, limits.addressesPerPeer)
                case .stations: (stations.count, limits.stations)
                case .claims: (claims.count, limits.claims)
                case .contacts: (contacts.count, limits.pendingContacts)
                case .ownAddresses: (ownAddresses.count, limits.ownAddresses)
                case .departedNodes: (departed.count, limits.departedNodes)
                }
            return TableSize(table: table, count: count, bound: bound)
        }
    }

    /// About how many bytes the node's tables hold: what they have room for, not only what is in them.
    ///
    /// An estimate to set expectations of memory on: it leaves out what the allocator adds to each piece, what the
    /// configuration holds, and the few bytes of a node that is empty.
    public var heldBytes: Int {
        peers.heldBytes + agenda.heldBytes + stations.heldBytes + claims.heldBytes + contacts.heldBytes
            + ownAddresses.heldBytes + departed.heldBytes + answeredStrangers.heldBytes + answeredRequests.heldBytes
    }
}
