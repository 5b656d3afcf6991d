import Testing
import VPNProtocol

@testable import VPNNode

@Suite("The table of peers")
struct PeerTableTests {
    private func id(_ number: Int) -> NodeID { NodeID(bits: UInt128(number)) }

    @Test("finds a peer by its id, its addresses and its reference, until it is removed")
    func find() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        let reference = table.reference(to: slot)
        let evicted = table.moveAddress(of: slot, to: endpoint(2), limit: 8)
        #expect(evicted == nil)
        #expect(table.slot(of: id(1)) == slot)
        #expect(table.slot(at: endpoint(1)) == slot)
        #expect(table.slot(at: endpoint(2)) == slot)
        #expect(table.slot(of: reference) == slot)
        #expect(table.peers[slot].address == endpoint(2))
        table.remove(slot)
        #expect(table.slot(of: id(1)) == nil)
        #expect(table.slot(at: endpoint(1)) == nil)
        #expect(table.slot(at: endpoint(2)) == nil)
        #expect(table.slot(of: reference) == nil)
        #expect(table.isEmpty)
    }

    @Test("finds the sender of a packet among peers that come, move and leave after the one before")
    func sender() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        let other = table.insert(id(2), at: endpoint(2), mark: nil, now: .zero)
        var found = [table.sender(at: endpoint(1)), table.sender(at: endpoint(1)), table.sender(at: endpoint(2))]
        #expect(found == [slot, slot, other])
        _ = table.moveAddress(of: other, to: endpoint(3), limit: 8)
        // The old address still belongs to the peer, and the new one does as well.
        found = [table.sender(at: endpoint(2)), table.sender(at: endpoint(3)), table.sender(at: endpoint(2))]
        #expect(found == [other, other, other])
        table.removeAlternative(endpoint(2), from: other)
        found = [table.sender(at: endpoint(2)), table.sender(at: endpoint(3))]
        #expect(found == [nil, other])
        table.remove(other)
        found = [table.sender(at: endpoint(3)), table.sender(at: endpoint(1))]
        #expect(found == [nil, slot])
        table.remove(slot)
        let next = table.insert(id(3), at: endpoint(4), mark: nil, now: .zero)
        found = [table.sender(at: endpoint(1)), table.sender(at: endpoint(4))]
        #expect(found == [nil, next])
    }

    @Test("does not take a slot's next peer for the last one")
    func generations() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let first = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        let old = table.reference(to: first)
        table.countFailedSend(to: first)
        table.remove(first)
        let second = table.insert(id(2), at: endpoint(1), mark: nil, now: .zero)
        #expect(second == first)
        #expect(table.slot(of: old) == nil)
        #expect(table.slot(of: table.reference(to: second)) == second)
        #expect(table.failedSends(of: second) == 0)
    }

    @Test("tells of a list, in its order, which of its addresses are no peer's, in use or not")
    func strangers() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        #expect(table.strangers(among: [endpoint(1), endpoint(1)]) == [endpoint(1), endpoint(1)])
        for number in 0..<200 { _ = table.insert(id(number), at: endpoint(2 * number), mark: nil, now: .zero) }
        if let slot = table.slot(of: id(7)) { _ = table.moveAddress(of: slot, to: endpoint(1), limit: 8) }
        let odd = (1..<200).map { endpoint(2 * $0 + 1) }
        #expect(table.strangers(among: (0..<400).map { endpoint($0) }) == odd)
    }

    @Test("keeps a bounded number of addresses, once each, and forgets the one not used for longest")
    func addresses() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        var evicted: [Endpoint] = []
        for number in [2, 1, 3, 1, 4, 5] {
            if let gone = table.moveAddress(of: slot, to: endpoint(number), limit: 3) { evicted.append(gone) }
        }
        #expect(table.peers[slot].address == endpoint(5))
        #expect(table.alternatives(of: slot) == [endpoint(1), endpoint(4)])
        #expect(evicted == [endpoint(2), endpoint(3)])
        #expect(table.slot(at: endpoint(2)) == nil)
        #expect(table.slot(at: endpoint(1)) == slot)
        table.removeAlternative(endpoint(1), from: slot)
        #expect(table.slot(at: endpoint(1)) == nil)
        #expect(table.alternatives(of: slot) == [endpoint(4)])
    }

    @Test("with one address a peer has the one in use and no other")
    func oneAddress() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        let evicted = table.moveAddress(of: slot, to: endpoint(2), limit: 1)
        #expect(evicted == endpoint(1))
        #expect(table.alternatives(of: slot).isEmpty)
        #expect(table.slot(at: endpoint(1)) == nil)
    }

    @Test("calls a message fresh that comes after all others of the peer; any message refreshes the peer")
    func freshness() {
        var table = PeerTable(isEncrypted: true, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: Nonce(bits: 100), now: .zero)
        var fresh: [Bool] = []
        for (second, nonce) in [101, 101, 100, 5, 103, 102, 104, 1 << 90].enumerated() as EnumeratedSequence<[UInt128]>
        {
            fresh.append(table.hear(slot, nonce: Nonce(bits: nonce), at: .zero + .seconds(second)))
            #expect(table.peers[slot].heard == .zero + .seconds(second))
        }
        #expect(fresh == [true, false, false, false, true, false, true, false])
        #expect(table.mark(of: slot) == Nonce(bits: 104))
    }

    @Test("calls every message fresh without encryption")
    func freshWithoutEncryption() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        let fresh = (0..<3).map { _ in table.hear(slot, nonce: nil, at: .zero) }
        #expect(fresh == [true, true, true])
    }

    @Test("knows who was silent longest, the first of several")
    func silence() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        #expect(table.mostSilent == nil)
        let slots = (1...3).map { table.insert(id($0), at: endpoint($0), mark: nil, now: .zero) }
        #expect(table.mostSilent == slots[0])
        _ = table.hear(slots[0], nonce: nil, at: .zero + .seconds(1))
        #expect(table.mostSilent == slots[1])
    }

    @Test("counts traffic beyond 32 bits")
    func traffic() {
        var table = PeerTable(isEncrypted: false, key: placeKey)
        let slot = table.insert(id(1), at: endpoint(1), mark: nil, now: .zero)
        for _ in 0..<70_000 { table.countReceived(from: slot, bytes: 65_507) }
        table.countSent(to: slot, bytes: 100)
        #expect(table.received(from: slot).packets == 70_000)
        #expect(table.received(from: slot).bytes == 70_000 * 65_507)
        #expect(table.sent(to: slot).bytes == 100)
        var count = TrafficCount(packets: .max, bytes: .max)
        let carry = count.count(2, packets: 1)
        #expect(carry == TrafficCount(packets: 1, bytes: 1))
        #expect(count == TrafficCount(packets: 0, bytes: 1))
    }

    @Test("stays whole through any insertions, moves and removals", arguments: 0..<8)
    func randomOperations(row: Int) {
        var numbers = seed(row).numbers(for: "operations")
        var table = PeerTable(isEncrypted: false, key: placeKey)
        var model: [NodeID: [Endpoint]] = [:]
        for _ in 0..<2_000 {
            let (number, place) = (id(numbers.next(below: 20)), endpoint(numbers.next(below: 60)))
            let holder = model.first { $0.value.contains(place) }?.key
            switch (table.slot(of: number), numbers.next(below: 3)) {
            case (nil, _) where holder == nil:
                _ = table.insert(number, at: place, mark: nil, now: .zero)
                model[number] = [place]
            case (let slot?, 0):
                table.remove(slot)
                model[number] = nil
            case (let slot?, _) where holder == nil || holder == number:
                let gone = table.moveAddress(of: slot, to: place, limit: 4)
                let known = model[number] ?? []
                if known.last != place { model[number] = known.filter { $0 != place && $0 != gone } + [place] }
            default: continue
            }
            #expect(Set(table.slots.map { table.peers[$0].id }) == Set(model.keys))
            #expect(table.slots.count == model.count)
            for (id, addresses) in model {
                guard let slot = table.slot(of: id) else { continue }
                #expect(table.alternatives(of: slot) + [table.peers[slot].address] == addresses)
                #expect(addresses.count <= 4)
                for address in addresses { #expect(table.slot(at: address) == slot) }
            }
        }
        let known = Set(model.values.flatMap { $0 })
        for number in 0..<60 where !known.contains(endpoint(number)) {
            #expect(table.slot(at: endpoint(number)) == nil)
        }
    }
}
