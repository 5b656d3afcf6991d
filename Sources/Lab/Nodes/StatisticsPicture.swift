package import VPNNode
package import VPNProtocol
import VPNSimulator

/// What a node wrote of itself into its statistics file.
package struct StatisticsPicture: Sendable {
    /// A peer of it.
    package struct Peer: Sendable {
        package let id: NodeID
        /// Where it is sent to.
        package let address: IPAddress?
        /// How many addresses it has.
        package let addresses: Int
        /// How many subnets it claims.
        package let claims: Int

        package init(id: NodeID, address: IPAddress?, addresses: Int, claims: Int) {
            (self.id, self.address, self.addresses, self.claims) = (id, address, addresses, claims)
        }
    }

    package let id: NodeID
    package var peers: [Peer] = []
    /// The peer of each learned station, by the station's text.
    package var stations: [String: NodeID] = [:]
    package var drops: [DropReason: UInt64] = [:]
    package var evictions: [BoundedTable: UInt64] = [:]

    package init(id: NodeID) { self.id = id }
}

/// A process as the judges see it.
final class NodeView: JudgedNode {
    let id: NodeID
    var picture: StatisticsPicture?

    init(id: NodeID) { self.id = id }

    func address(ofPeer id: NodeID) -> IPAddress? { picture?.peers.first { $0.id == id }?.address }

    func peer(withStation station: StationAddress) -> NodeID? { picture?.stations["\(station)"] }

    func count(of table: BoundedTable) -> Int {
        guard let picture else { return 0 }
        return switch table {
        case .peers: picture.peers.count
        case .stations: picture.stations.count
        case .claims: picture.peers.reduce(0) { $0 + $1.claims }
        default: 0
        }
    }

    func evictions(from table: BoundedTable) -> UInt64 { picture?.evictions[table] ?? 0 }

    /// Not known outside of a process.
    var heldBytes: Int { 0 }

    /// Not known either.
    var tableSizes: [TableSize] { [] }
}
