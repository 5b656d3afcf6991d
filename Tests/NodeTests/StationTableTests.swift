import Testing
import VPNProtocol

@testable import VPNNode

@Suite("The table of a switch")
struct StationTableTests {
    private static let first = PeerReference(slot: 1, generation: 0)
    private static let second = PeerReference(slot: 2, generation: 0)

    private func station(_ number: UInt64, vlan: UInt16 = 0) -> StationAddress {
        StationAddress(vlan: vlan, mac: 0x0200_0000_0000 | number)
    }

    private func at(_ seconds: Double) -> Instant { .zero + .seconds(seconds) }

    /// Learns, and says what changed.
    private func learn(
        _ table: inout StationTable, _ station: StationAddress, _ peer: PeerReference, _ seconds: Double,
        isPeer: Bool = true
    ) -> String {
        switch table.learn(station, at: peer, now: at(seconds), isPeer: { _ in isPeer }) {
        case .none: "none"
        case .moved: "moved"
        case .learned(nil): "learned"
        case .learned(let evicted?): "learned for \(evicted)"
        }
    }

    @Test("knows a station from when it is seen until it was not seen for the timeout")
    func timeout() {
        var table = StationTable(capacity: 10, timeout: .seconds(300), key: placeKey)
        #expect(table.peer(of: station(1), at: .zero) == nil)
        #expect(table.nextDeadline == nil)
        let change = learn(&table, station(1), Self.first, 5)
        #expect(change == "learned")
        #expect(table.peer(of: station(1), at: at(304.999)) == Self.first)
        #expect(table.peer(of: station(1), at: at(305)) == nil)
        #expect(table.nextDeadline == at(305))
        let early = table.expireOne(at: at(304.999))
        #expect(early == nil)
        let expired = [table.expireOne(at: at(305)), table.expireOne(at: at(305))]
        #expect(expired == [station(1), nil])
        #expect(table.count == 0)
    }

    @Test("keeps a station for the timeout after it was last seen, however often")
    func refresh() {
        var table = StationTable(capacity: 10, timeout: .seconds(300), key: placeKey)
        let changes = stride(from: 0, through: 1000, by: 100).map { learn(&table, station(1), Self.first, $0) }
        #expect(changes == ["learned"] + [String](repeating: "none", count: 10))
        #expect(table.peer(of: station(1), at: at(1299)) == Self.first)
        #expect(table.nextDeadline == at(1300))
    }

    @Test("does not move a station that was seen elsewhere less than 10 s ago")
    func protection() {
        var table = StationTable(capacity: 10, timeout: .seconds(300), key: placeKey)
        var changes = [learn(&table, station(1), Self.first, 0)]
        changes.append(learn(&table, station(1), Self.second, 9.999))
        #expect(table.peer(of: station(1), at: at(9.999)) == Self.first)
        changes.append(learn(&table, station(1), Self.second, 10))
        #expect(table.peer(of: station(1), at: at(10)) == Self.second)
        changes.append(learn(&table, station(1), Self.first, 10))
        #expect(changes == ["learned", "none", "moved", "none"])
        #expect(table.peer(of: station(1), at: at(10)) == Self.second)
    }

    @Test("a refused move does not keep the old entry alive")
    func refusedMove() {
        var table = StationTable(capacity: 10, timeout: .seconds(300), key: placeKey)
        let changes = [learn(&table, station(1), Self.first, 0), learn(&table, station(1), Self.second, 5)]
        #expect(changes == ["learned", "none"])
        #expect(table.peer(of: station(1), at: at(300)) == nil)
    }

    @Test("moves a station at once where its peer is gone, or its entry has run out")
    func noProtection() {
        var table = StationTable(capacity: 10, timeout: .seconds(5), key: placeKey)
        var changes = [learn(&table, station(1), Self.first, 0)]
        changes.append(learn(&table, station(1), Self.second, 1, isPeer: false))
        #expect(table.peer(of: station(1), at: at(1)) == Self.second)
        changes.append(learn(&table, station(1), Self.first, 6))
        #expect(changes == ["learned", "learned", "learned"])
        #expect(table.peer(of: station(1), at: at(6)) == Self.first)
    }

    @Test("at its bound forgets the station that was not seen for longest")
    func eviction() {
        var table = StationTable(capacity: 3, timeout: .seconds(300), key: placeKey)
        var changes = (1...3).map { learn(&table, station(UInt64($0)), Self.first, Double($0)) }
        changes.append(learn(&table, station(1), Self.first, 4))
        changes.append(learn(&table, station(4), Self.first, 5))
        #expect(changes == ["learned", "learned", "learned", "none", "learned for 02:00:00:00:00:02"])
        #expect(table.count == 3)
        #expect(table.peer(of: station(1), at: at(5)) == Self.first)
        #expect(table.peer(of: station(2), at: at(5)) == nil)
    }

    @Test("never learns a group")
    func groups() {
        var table = StationTable(capacity: 3, timeout: .seconds(300), key: placeKey)
        for mac in [0xffff_ffff_ffff, 0x0100_5e00_0001, 0] as [UInt64] {
            let change = learn(&table, StationAddress(vlan: 0, mac: mac), Self.first, 0)
            #expect(change == "none")
        }
        #expect(table.count == 0)
    }

    @Test("keeps one MAC address in two VLANs apart")
    func vlans() {
        var table = StationTable(capacity: 3, timeout: .seconds(300), key: placeKey)
        let changes = [
            learn(&table, station(1, vlan: 10), Self.first, 0), learn(&table, station(1, vlan: 20), Self.second, 0),
        ]
        #expect(changes == ["learned", "learned"])
        #expect(table.peer(of: station(1, vlan: 10), at: at(1)) == Self.first)
        #expect(table.peer(of: station(1, vlan: 20), at: at(1)) == Self.second)
        #expect(table.peer(of: station(1), at: at(1)) == nil)
    }
}
