import Testing
import VPNProtocol

@testable import VPNNode

@Suite("The table of claims")
struct ClaimTableTests {
    private func peer(_ number: UInt32) -> PeerReference { PeerReference(slot: number, generation: 0) }

    private func address(_ text: String) throws -> StationAddress {
        StationAddress(try #require(IPAddress(text)))
    }

    /// A table in which the peer with number n claims the n-th subnet.
    private func table(_ subnets: [String], capacity: Int = 1000) -> ClaimTable {
        var table = ClaimTable(capacity: capacity, key: placeKey)
        for (number, text) in subnets.enumerated() { _ = table.insert(subnet(text), of: peer(UInt32(number))) }
        return table
    }

    @Test(
        "gives the longest prefix, whatever the order of the claims",
        arguments: [
            ("10.1.2.3", 3), ("10.1.2.4", 2), ("10.1.3.1", 1), ("10.2.0.1", 0), ("11.0.0.1", 4),
            ("fd00:1::1", 6), ("fd01::1", 5),
        ] as [(String, UInt32)])
    func longestPrefix(text: String, expected: UInt32) throws {
        let subnets = [
            "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0", "::/0", "fd00:1::/32",
        ]
        #expect(try table(subnets).peer(of: address(text)) == peer(expected))
        var reversed = ClaimTable(capacity: 1000, key: placeKey)
        for (number, text) in subnets.enumerated().reversed() {
            _ = reversed.insert(subnet(text), of: peer(UInt32(number)))
        }
        #expect(try reversed.peer(of: address(text)) == peer(expected))
    }

    @Test("finds nothing where nothing is claimed")
    func nothing() throws {
        #expect(try table([]).peer(of: address("10.0.0.1")) == nil)
        #expect(try table(["10.0.0.0/8"]).peer(of: address("11.0.0.1")) == nil)
    }

    @Test("never crosses families: ::/0 catches no IPv4, 0.0.0.0/0 no IPv6, and neither a MAC address")
    func families() throws {
        let mac = StationAddress(vlan: 0, mac: 0x0200_0000_0001)
        #expect(try table(["::/0"]).peer(of: address("10.0.0.1")) == nil)
        #expect(try table(["0.0.0.0/0"]).peer(of: address("fd00::1")) == nil)
        #expect(table(["::/0", "0.0.0.0/0"]).peer(of: mac) == nil)
        #expect(try table(["0/00:00:00:00:00:00/0"]).peer(of: address("10.0.0.1")) == nil)
        #expect(try table(["0/00:00:00:00:00:00/0"]).peer(of: address("::")) == nil)
    }

    @Test(
        "knows a MAC address within its VLAN; without a VLAN it is that of untagged frames",
        arguments: [(0, 0), (10, 1), (20, nil), (30, 2)] as [(UInt16, UInt32?)])
    func macs(vlan: UInt16, expected: UInt32?) {
        let claims = table(["02:00:00:00:00:01/48", "10/02:00:00:00:00:01/64", "30/00:00:00:00:00:00/16"])
        let found = claims.peer(of: StationAddress(vlan: vlan, mac: 0x0200_0000_0001))
        #expect(found == expected.map(peer))
    }

    @Test("counts only the leading bits of a base address")
    func hostBits() throws {
        #expect(try table(["10.1.1.7/24"]).peer(of: address("10.1.1.200")) == peer(0))
    }

    @Test("of several peers with one claim the last wins, and the others come back when it leaves")
    func ties() throws {
        var claims = table(["10.0.0.0/8", "10.1.1.1/8", "10.0.0.0/8"])
        #expect(claims.count == 3)
        #expect(try claims.peer(of: address("10.1.1.1")) == peer(2))
        claims.remove(subnet("10.0.0.0/8"), of: peer(2))
        #expect(try claims.peer(of: address("10.1.1.1")) == peer(1))
        claims.remove(subnet("10.0.0.0/8"), of: peer(0))
        #expect(try claims.peer(of: address("10.1.1.1")) == peer(1))
        claims.remove(subnet("10.0.0.0/8"), of: peer(1))
        #expect(try claims.peer(of: address("10.1.1.1")) == nil)
        #expect(claims.count == 0)
    }

    @Test("a route follows claims that come and go between two frames to one destination")
    func route() throws {
        var claims = table(["10.0.0.0/8"])
        let target = try address("10.1.1.1")
        var routes = [claims.route(to: target), claims.route(to: target)]
        _ = claims.insert(subnet("10.1.0.0/16"), of: peer(1))
        routes.append(claims.route(to: target))
        claims.remove(subnet("10.1.0.0/16"), of: peer(1))
        routes.append(claims.route(to: target))
        routes.append(try claims.route(to: address("11.0.0.1")))
        claims.remove(subnet("10.0.0.0/8"), of: peer(0))
        routes.append(claims.route(to: target))
        #expect(routes == [peer(0), peer(0), peer(1), peer(0), nil, nil])
    }

    @Test("removes only what is there, and counts a claim that is repeated at once once")
    func repetition() throws {
        var claims = table(["10.0.0.0/8"])
        let isTaken = claims.insert(subnet("10.0.0.0/8"), of: peer(0))
        #expect(isTaken)
        #expect(claims.count == 1)
        claims.remove(subnet("10.0.0.0/9"), of: peer(0))
        claims.remove(subnet("10.0.0.0/8"), of: peer(1))
        #expect(try claims.peer(of: address("10.0.0.1")) == peer(0))
    }

    @Test("at its bound takes no more, until one goes")
    func bound() {
        var claims = table(["10.0.0.0/8", "11.0.0.0/8"], capacity: 2)
        let refused = claims.insert(subnet("12.0.0.0/8"), of: peer(2))
        claims.remove(subnet("10.0.0.0/8"), of: peer(0))
        let taken = claims.insert(subnet("12.0.0.0/8"), of: peer(2))
        #expect([refused, taken] == [false, true])
        #expect(claims.count == 2)
    }

    @Test("finds what a search through all claims finds", arguments: 0..<6)
    func model(row: Int) throws {
        var numbers = seed(row).numbers(for: "claims")
        var claims = ClaimTable(capacity: 10_000, key: placeKey)
        var list: [(subnet: Subnet, peer: PeerReference)] = []
        func randomBits() -> UInt128 { UInt128(numbers.next() & 0x0303_0303_0303_0303) << 64 }
        for _ in 0..<600 {
            if numbers.next(below: 3) == 0, !list.isEmpty {
                let gone = list.remove(at: numbers.next(below: list.count))
                claims.remove(gone.subnet, of: gone.peer)
            } else {
                let form = Subnet.Form.allCases[numbers.next(below: 4)]
                let length = UInt8(numbers.next(below: form.bitWidth + 1))
                let (base, holder) = (randomBits(), peer(UInt32(numbers.next(below: 5))))
                let subnet = try #require(Subnet(form, base: base, prefixLength: length))
                let isKnown = list.contains { $0.subnet.range == subnet.range && $0.peer == holder }
                if !isKnown {
                    list.append((subnet, holder))
                    _ = claims.insert(subnet, of: holder)
                }
            }
            let family = StationAddress.Family.allCases[numbers.next(below: 3)]
            let sought = StationAddress(family, bits: randomBits()).prefix(family.bitWidth)
            let matches = list.filter {
                $0.subnet.range.first.family == family
                    && sought.prefix($0.subnet.range.prefixLength) == $0.subnet.range.first
            }
            let longest = matches.map(\.subnet.range.prefixLength).max()
            #expect(claims.peer(of: sought) == matches.last { $0.subnet.range.prefixLength == longest }?.peer)
            #expect(claims.count == list.count)
        }
    }
}
