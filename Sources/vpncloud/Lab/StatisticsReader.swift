import VPNLab
import VPNNode
import VPNProtocol

extension StatisticsPicture {
    /// Reads what ``StatisticsText`` writes, or another program in its form; nil for anything else.
    init?(_ bytes: [UInt8]) {
        guard let root = try? YAMLNode.parse(bytes), let id = root["node"]?.text.flatMap(NodeID.init(text:)) else {
            return nil
        }
        self.init(id: id)
        for peer in root["peers"]?.items ?? [] {
            guard let id = peer["id"]?.text.flatMap(NodeID.init(text:)) else { continue }
            let addresses = peer["addresses"]?.items.compactMap { $0.text.flatMap { Endpoint($0) } } ?? []
            peers.append(
                Peer(
                    id: id, address: addresses.first?.address, addresses: addresses.count,
                    claims: peer["subnets"]?.items.count ?? 0))
        }
        for station in root["table"]?.items ?? [] {
            guard let address = station["address"]?.text else { continue }
            stations[address] = station["peer"]?.text.flatMap(NodeID.init(text:))
        }
        for reason in DropReason.allCases {
            drops[reason] = root["drops"]?[reason.name.snakeCase]?.number.map(Self.count)
        }
        for table in BoundedTable.allCases {
            evictions[table] = root["evictions"]?[table.name.snakeCase]?.number.map(Self.count)
        }
    }

    /// A number that a program says, within bounds that leave room for sums of many of them.
    private static func count(_ number: Int) -> UInt64 { UInt64(min(max(0, number), 1 << 48)) }
}
