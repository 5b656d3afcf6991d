import HeapModule
import VPNNode

/// What is planned, by time; of several things at one instant the one that was planned first is first.
struct EventQueue<Occurrence>: ~Copyable {
    /// The heap moves these 16 bytes, while what is planned lies still.
    private struct Entry: Comparable {
        let time: Instant
        /// The number of the plan, and in the lowest bits where it is.
        let order: UInt64

        static func < (left: Self, right: Self) -> Bool {
            left.time == right.time ? left.order < right.order : left.time < right.time
        }
    }

    /// Room for 16 million things planned at once, and for a million million one after another.
    private static var slotBits: UInt64 { 24 }

    private var heap = Heap<Entry>()
    private var slots: [Occurrence?] = []
    private var freeSlots: [Int] = []
    private var number: UInt64 = 0

    /// The time of the first; nil where nothing is planned.
    var nextTime: Instant? { heap.min?.time }

    mutating func plan(_ occurrence: consuming Occurrence, at time: Instant) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot] = consume occurrence
        } else {
            slot = slots.count
            precondition(slot < 1 << Self.slotBits, "too much is planned at once")
            slots.append(consume occurrence)
        }
        heap.insert(Entry(time: time, order: number << Self.slotBits | UInt64(slot)))
        number += 1
    }

    /// Takes out the first; nil where nothing is planned.
    mutating func takeFirst() -> Occurrence? {
        guard let entry = heap.popMin() else { return nil }
        let slot = Int(entry.order & (1 << Self.slotBits - 1))
        freeSlots.append(slot)
        return slots[slot].take()
    }
}
