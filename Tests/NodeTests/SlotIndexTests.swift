import Testing
import VPNProtocol

@testable import VPNNode

@Suite("An index of slots")
struct SlotIndexTests {
    /// A table as its users are: slots with keys, found by a hash that is as bad as it likes.
    private struct Table {
        var keys: [Int] = []
        var index = SlotIndex()
        let spread: UInt64

        func hash(_ key: Int) -> UInt64 { UInt64(key) % spread &* 0x9e37_79b9_7f4a_7c15 >> 7 }
        func find(_ key: Int) -> Int? { index.slot(hash: hash(key)) { keys[$0] == key } }

        mutating func insert(_ key: Int, _ slot: Int) {
            keys[slot] = key
            let table = self
            index.insert(slot, hash: hash(key)) { table.hash(table.keys[$0]) }
        }

        mutating func remove(_ key: Int, _ slot: Int) {
            let table = self
            index.remove(slot, hash: hash(key)) { table.hash(table.keys[$0]) }
        }
    }

    @Test(
        "finds what is in it and nothing else, through any operations and with any hash",
        arguments: [1, 2, 5, 1 << 40] as [UInt64])
    func model(spread: UInt64) {
        var numbers = seed(Int(spread % 1000)).numbers(for: "operations")
        var table = Table(keys: [Int](repeating: -1, count: 64), spread: spread)
        var model: [Int: Int] = [:]
        var free = Array(0..<64)
        for _ in 0..<4_000 {
            let key = numbers.next(below: 100)
            if let slot = model[key] {
                table.remove(key, slot)
                model[key] = nil
                free.append(slot)
            } else if !free.isEmpty {
                let slot = free.remove(at: numbers.next(below: free.count))
                table.insert(key, slot)
                model[key] = slot
            }
            #expect(table.index.count == model.count)
            for key in 0..<100 { #expect(table.find(key) == model[key]) }
        }
    }

    @Test("holds at most 11 bytes for each entry, save where it is small")
    func bytes() {
        var index = SlotIndex()
        for slot in 0..<768 { index.insert(slot, hash: UInt64(slot) &* 0x9e37_79b9_7f4a_7c15) { UInt64($0) } }
        #expect(index.heldBytes < 768 * 6 + 64)
    }
}

@Suite("The hash of keys")
struct HashKeyTests {
    /// The expected values are those of an implementation in Python, whose integers are as long as they must be.
    @Test(
        "is the same on every machine",
        arguments: [
            (0, 0, 0, 0xb98b_0887_c87e_3e1d),
            (0x1716_1514_1312_1110, 0x1f1e_1d1c_1b1a_1918, 0, 0xa72d_3e26_df5f_7120),
            (0, 0xffff_0a00_0001, 3210, 0x7886_3b23_7d77_c182),
            (.max, .max, .max, 0x9623_8827_cc45_22e8),
        ] as [(UInt64, UInt64, UInt64, UInt64)])
    func vectors(one: UInt64, two: UInt64, rest: UInt64, expected: UInt64) {
        #expect(placeKey.hash(one, two, rest: rest) == expected)
    }

    @Test("depends on every part of an id and of an endpoint, and on the key")
    func parts() {
        let other = HashKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0909)
        let ids = [1, 2, 1 << 64, 1 << 127].map { NodeID(bits: $0) }
        let linkLocal = IPAddress(bits: 0xfe80 << 112 | 1)
        let endpoints = [
            endpoint(1), endpoint(2), endpoint6(1), endpoint(1, port: 1), Endpoint(linkLocal, port: 3210),
            Endpoint(linkLocal, port: 3210, scope: 1), Endpoint(linkLocal, port: 3210, scope: 1 << 31),
        ]
        let hashes =
            ids.flatMap { [$0.hash(under: placeKey), $0.hash(under: other)] }
            + endpoints.flatMap { [$0.hash(under: placeKey), $0.hash(under: other)] }
        #expect(Set(hashes).count == hashes.count)
    }

    @Test("spreads node ids and addresses in a row: no search is long")
    func spread() {
        var index = SlotIndex()
        var longest = 0
        for slot in 0..<12_000 {
            index.insert(slot, hash: endpoint(slot).hash(under: placeKey)) { endpoint($0).hash(under: placeKey) }
        }
        for slot in 0..<12_000 {
            var steps = 0
            let found = index.slot(hash: endpoint(slot).hash(under: placeKey)) {
                steps += 1
                return $0 == slot
            }
            #expect(found == slot)
            longest = max(longest, steps)
        }
        // At a load of 0.73 a search of good hashes takes 2.4 steps on average; the longest of 12,000 some dozens.
        #expect(longest < 120)
    }
}
