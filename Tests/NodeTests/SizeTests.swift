import Testing
import VPNProtocol

@testable import VPNNode

private let later = Instant.zero + .seconds(3)

/// A node that so many others have joined, whose second lists are out.
func nodeWithPeers(
    _ count: Int, _ settings: NodeConfiguration = configuration(), subnets: (Int) -> [Subnet] = { _ in [] }
) throws -> NodeEngine {
    var engine = try NodeEngine(settings, seed: seed(1), startingAt: .zero)
    var batch = OutputBatch(for: settings.seal, capacity: 8192)
    for number in 0..<count {
        let message = initial(.request, id: UInt128(1 + number), subnets: subnets(number))
        let nonce = UInt128(1 + number) << 64
        receive(packet(.initial, message, nonce: nonce, seal: settings.seal), from: endpoint(number), &engine, &batch)
    }
    engine.advance(to: later, into: &batch)
    return engine
}

/// Gives a packet to a node, and forgets what comes out.
private func receive(
    _ packet: [UInt8], from source: Endpoint, _ engine: inout NodeEngine, _ batch: inout OutputBatch
) {
    var bytes = packet
    var span = bytes.mutableSpan
    _ = engine.receive(&span, from: source, at: .zero + .seconds(1), into: &batch)
    batch.reset()
}

@Suite("The sizes of a node's tables")
struct SizeTests {
    @Test("tell how many peers there are, and who is one")
    func peers() throws {
        let engine = try nodeWithPeers(5)
        let asked = [NodeID(bits: 1), NodeID(bits: 5), NodeID(bits: 6), engine.id]
        var found: [Bool] = []
        for id in asked { found.append(engine.isPeer(id)) }
        #expect(engine.peerCount == 5)
        #expect(found == [true, true, false, false])
    }

    @Test("name every bounded table once, with its bound, empty at first")
    func bounds() throws {
        let settings = configuration {
            $0.limits.peers = 1
            $0.limits.addressesPerPeer = 2
            $0.limits.stations = 3
            $0.limits.claims = 4
            $0.limits.pendingContacts = 5
            $0.limits.ownAddresses = 6
            $0.limits.departedNodes = 7
        }
        let engine = try NodeEngine(settings, seed: seed(1), startingAt: .zero)
        let sizes = engine.tableSizes
        #expect(sizes.map(\.table) == BoundedTable.allCases)
        #expect(sizes.map(\.bound) == [1, 2, 3, 4, 5, 6, 7])
        #expect(sizes.allSatisfy { $0.count == 0 })
    }

    @Test("count the entries of each table")
    func counts() throws {
        let settings = configuration(device: .tap) { $0.limits.peers = 3 }
        var engine = try nodeWithPeers(4, settings) { [subnet("10.0.\($0).0/24"), subnet("10.1.\($0).0/24")] }
        var batch = OutputBatch(for: settings.seal, capacity: 8192)
        let nonce = (UInt128(4) << 64) + 1
        receive(packet(.data, ethernet(to: 2, from: 4), nonce: nonce), from: endpoint(3), &engine, &batch)
        receive(packet(.peers, list([endpoint(77)]), nonce: nonce + 1), from: endpoint(3), &engine, &batch)
        receive(
            packet(.initial, initial(.request, id: 4), nonce: nonce + 2), from: endpoint(99), &engine, &batch)
        // In the order of the cases: peers, addresses, stations, claims, contacts, own addresses, nodes that left.
        #expect(engine.tableSizes.map(\.count) == [3, 2, 1, 6, 1, 0, 1])
    }

    @Test("hold more bytes with more peers")
    func heldBytes() throws {
        let (few, many) = (try nodeWithPeers(10).heldBytes, try nodeWithPeers(500).heldBytes)
        #expect(few > 0)
        #expect(many > few + 490 * 64)
    }

    @Test("fill a list with different peers where not all fit, and others the next time")
    func fullLists() throws {
        var engine = try nodeWithPeers(500)
        let (first, second) = (engine.fullList().ipv4, engine.fullList().ipv4)
        // What fits 1400 bytes beside two counts: 233 entries of 6 bytes.
        #expect(first.count == 233 && Set(first).count == 233)
        #expect(second.count == 233 && Set(second).count == 233)
        #expect(Set(first) != Set(second))
    }
}
