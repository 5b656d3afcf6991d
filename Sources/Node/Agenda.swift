import HeapModule
import VPNProtocol

/// What is to be done later, the earliest first; of several at one instant the one that was noted first.
///
/// Nothing is taken off the agenda when it becomes void; whoever gets it when it is due looks whether it still holds.
/// That makes hearing from a peer cheap.
struct Agenda: Sendable {
    enum Item: Hashable, Sendable {
        /// See whether a peer was silent for too long.
        case checkPeer(PeerReference)
        /// Send a peer that has just joined a second list, in case the first was lost.
        case secondList(PeerReference)
        /// Send an Init to an address from a list.
        case contact(Endpoint)
    }

    private struct Entry: Comparable, Sendable {
        let due: Instant
        let number: UInt64
        let item: Item

        static func < (left: Self, right: Self) -> Bool { (left.due, left.number) < (right.due, right.number) }
        static func == (left: Self, right: Self) -> Bool { left.number == right.number }
    }

    private var heap = Heap<Entry>()
    private var number: UInt64 = 0

    var nextDeadline: Instant? { heap.min?.due }

    mutating func note(_ item: Item, due: Instant) {
        heap.insert(Entry(due: due, number: number, item: item))
        number += 1
    }

    var count: Int { heap.count }
    /// About the bytes it has room for.
    var heldBytes: Int { heap.unordered.heldBytes }

    /// Drops every item that does not satisfy `isCurrent`.
    mutating func keep(where isCurrent: (Item) -> Bool) {
        heap = Heap(heap.unordered.filter { isCurrent($0.item) })
    }

    /// Takes the next item that is due.
    mutating func next(at now: Instant) -> Item? {
        guard let first = heap.min, first.due <= now else { return nil }
        return heap.removeMin().item
    }
}
