/// What is to be done later, the earliest first; of several at one instant the one that was noted first.
///
/// Nothing is taken off the agenda when it becomes void; whoever gets it when it is due looks whether it still holds.
/// That makes hearing from a peer cheap. A peer has one entry at a time.
struct Agenda: Sendable {
    enum Item: Hashable, Sendable {
        /// See whether a peer was silent for too long.
        case checkPeer(PeerReference)
        /// Send a peer that has just joined a second list, in case the first was lost; then note its first check.
        case secondList(PeerReference)
        /// Send an Init to an address from a list.
        case contact(ContactReference)
    }

    /// An item with its place, in 24 bytes.
    struct Entry: Sendable {
        let due: Instant
        /// The number of the entry, and in the low two bits which kind of item it is.
        private let word: UInt64
        private let slot: UInt32
        private let generation: UInt32

        fileprivate init(_ item: Item, due: Instant, number: UInt64) {
            self.due = due
            switch item {
            case .checkPeer(let peer): (word, slot, generation) = (number << 2, peer.slot, peer.generation)
            case .secondList(let peer): (word, slot, generation) = (number << 2 | 1, peer.slot, peer.generation)
            case .contact(let contact): (word, slot, generation) = (number << 2 | 2, contact.slot, contact.serial)
            }
        }

        fileprivate var number: UInt64 { word >> 2 }

        var item: Item {
            switch word & 3 {
            case 0: .checkPeer(PeerReference(slot: slot, generation: generation))
            case 1: .secondList(PeerReference(slot: slot, generation: generation))
            default: .contact(ContactReference(slot: slot, serial: generation))
            }
        }

        fileprivate func comes(before other: Self) -> Bool {
            due == other.due ? word < other.word : due < other.due
        }
    }

    /// A binary heap: no entry comes before the one at half its position.
    private var heap: [Entry] = []
    private var number: UInt64 = 0

    var nextDeadline: Instant? { heap.first?.due }
    var count: Int { heap.count }
    /// About the bytes it has room for.
    var heldBytes: Int { heap.heldBytes }

    mutating func note(_ item: Item, due: Instant) {
        push(Entry(item, due: due, number: number))
        number += 1
    }

    /// Notes that a peer has just joined. Its check, which follows, has its place before this entry from now on.
    mutating func noteJoin(of peer: PeerReference, secondList due: Instant) {
        push(Entry(.secondList(peer), due: due, number: number + 1))
        number += 2
    }

    /// Notes the first check of a peer in the place that was kept for it when it joined.
    mutating func noteFirstCheck(of peer: PeerReference, due: Instant, after secondList: Entry) {
        push(Entry(.checkPeer(peer), due: due, number: secondList.number - 1))
    }

    /// Takes the next item that is due.
    mutating func next(at now: Instant) -> Entry? {
        guard let first = heap.first, first.due <= now else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink(0)
        }
        releaseSpare()
        return first
    }

    /// Drops every item that does not satisfy `isCurrent`.
    mutating func keep(where isCurrent: (Item) -> Bool) {
        heap.removeAll { !isCurrent($0.item) }
        for position in (0..<heap.count / 2).reversed() { sink(position) }
        releaseSpare()
    }

    private mutating func push(_ entry: Entry) {
        heap.appendSparingly(entry)
        var position = heap.count - 1
        while position > 0, entry.comes(before: heap[(position - 1) / 2]) {
            heap[position] = heap[(position - 1) / 2]
            position = (position - 1) / 2
        }
        heap[position] = entry
    }

    private mutating func sink(_ start: Int) {
        let entry = heap[start]
        var position = start
        while 2 * position + 1 < heap.count {
            var child = 2 * position + 1
            if child + 1 < heap.count, heap[child + 1].comes(before: heap[child]) { child += 1 }
            guard heap[child].comes(before: entry) else { break }
            heap[position] = heap[child]
            position = child
        }
        heap[position] = entry
    }

    /// Gives room back once a quarter of it is unused: it was needed for contacts, which come in crowds and go.
    private mutating func releaseSpare() {
        guard heap.capacity - heap.count > heap.capacity / 4 + 32 else { return }
        var smaller: [Entry] = []
        smaller.reserveCapacity(heap.count + heap.count / 32 + 4)
        smaller.append(contentsOf: heap)
        heap = smaller
    }
}
