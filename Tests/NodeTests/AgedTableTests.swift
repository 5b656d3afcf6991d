import Testing
import VPNProtocol

@testable import VPNNode

/// A key with the standard library's hash.
private struct Number: TableKey, ExpressibleByIntegerLiteral {
    let value: Int
    init(integerLiteral value: Int) { self.value = value }
}

@Suite("An aged table")
struct AgedTableTests {
    /// What a table should be: a list with the oldest entry first, and no thought of speed.
    private struct Model {
        var entries: [(key: Int, value: Int, time: Instant)] = []
        let capacity: Int

        mutating func put(_ key: Int, _ value: Int, at now: Instant) -> Int? {
            var evicted: Int?
            if let index = entries.firstIndex(where: { $0.key == key }) {
                entries.remove(at: index)
            } else if entries.count == capacity {
                evicted = entries.removeFirst().key
            }
            entries.append((key, value, now))
            return evicted
        }

        mutating func remove(_ key: Int) -> Int? {
            guard let index = entries.firstIndex(where: { $0.key == key }) else { return nil }
            return entries.remove(at: index).value
        }

        mutating func removeOldest(notAfter limit: Instant) -> Int? {
            guard let first = entries.first, first.time <= limit else { return nil }
            return entries.removeFirst().key
        }
    }

    @Test("does what a plain list does, through any operations", arguments: [1, 2, 3, 7, 40])
    func model(capacity: Int) {
        var numbers = seed(capacity).numbers(for: "operations")
        var table = AgedTable<Number, Int>(capacity: capacity)
        var model = Model(capacity: capacity)
        var now = Instant.zero
        for step in 0..<5_000 {
            now = now + .seconds(numbers.next(below: 3))
            let number = numbers.next(below: 2 * capacity + 1)
            let key = Number(integerLiteral: number)
            switch numbers.next(below: 8) {
            case 0: expectEqual(table.remove(key)?.value, model.remove(number), step)
            case 1:
                let limit = now - .seconds(numbers.next(below: 20))
                expectEqual(table.removeOldest(notAfter: limit)?.key.value, model.removeOldest(notAfter: limit), step)
            case 2:
                expectEqual(
                    table.removeOldest()?.key.value, model.entries.isEmpty ? nil : model.entries.removeFirst().key, step
                )
            default: expectEqual(table.put(key, step, at: now)?.key.value, model.put(number, step, at: now), step)
            }
            var entries: [String] = []
            table.forEach { entries.append("\($0.key.value) \($0.value) \($0.time.nanoseconds)") }
            #expect(entries == model.entries.map { "\($0.key) \($0.value) \($0.time.nanoseconds)" })
            #expect(table.count == model.entries.count)
            #expect(table.isFull == (model.entries.count == capacity))
            #expect(table.oldest?.key.value == model.entries.first?.key)
            #expect(table[key]?.value == model.entries.first { $0.key == number }?.value)
        }
    }

    private func expectEqual(_ found: Int?, _ expected: Int?, _ step: Int) {
        #expect(found == expected, "in step \(step)")
    }

    @Test("at its bound gives up the entry that was touched least recently")
    func eviction() {
        var table = AgedTable<Number, Int>(capacity: 2)
        table.put(1, 1, at: .zero)
        table.put(2, 2, at: .zero)
        table.put(1, 3, at: .zero)
        let evicted = table.put(3, 4, at: .zero)
        #expect(evicted?.key.value == 2)
        #expect(table[1]?.value == 3)
        #expect(table[2] == nil)
        #expect(table.count == 2)
    }
}
