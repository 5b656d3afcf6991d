package import VPNNode
package import VPNProtocol

/// What judges ask of a node that runs: of an engine in the simulator, or of a process by what it writes of itself.
package protocol JudgedNode: AnyObject {
    /// Its id.
    var id: NodeID { get }
    /// Where it sends what is for a peer; nil where that is none.
    func address(ofPeer id: NodeID) -> IPAddress?
    /// The peer at which it has learned that a station is; nil for one that it does not know.
    func peer(withStation station: StationAddress) -> NodeID?
    /// How many entries a table of it has.
    func count(of table: BoundedTable) -> Int
    /// How many entries a table of it has given up at its bound.
    func evictions(from table: BoundedTable) -> UInt64
    /// The bytes that its tables hold.
    var heldBytes: Int { get }
    /// How full its tables are, where that is known.
    var tableSizes: [TableSize] { get }
}

extension VirtualNode: JudgedNode {
    package func address(ofPeer id: NodeID) -> IPAddress? {
        engine.statistics().peers.first { $0.id == id }?.addresses.first?.address
    }

    package func peer(withStation station: StationAddress) -> NodeID? {
        engine.statistics().stations.first { $0.address == station }?.peer
    }

    package func count(of table: BoundedTable) -> Int { engine.tableSizes.first { $0.table == table }?.count ?? 0 }

    package func evictions(from table: BoundedTable) -> UInt64 {
        engine.statistics().counters.evictions(from: table)
    }

    package var heldBytes: Int { engine.heldBytes }

    package var tableSizes: [TableSize] { engine.tableSizes }
}
