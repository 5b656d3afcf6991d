/// Finds the slots of a table by a key that they hold: open addressing with linear probing.
///
/// It holds four bytes for each of its places, of which at least a quarter is free, and neither keys nor hashes: those
/// are asked of the table. Where an entry stands depends on the hashes alone, which are keyed (see ``HashKey``), so that
/// nobody can choose keys that crowd together.
struct SlotIndex: Sendable {
    private static let free = UInt32.max
    /// A power of two of them, or none.
    private var places: [UInt32] = []
    private(set) var count = 0

    /// The bytes it has room for.
    var heldBytes: Int { places.heldBytes }

    /// The slot with a hash for which `isMatch` holds.
    @inline(__always)
    func slot(hash: UInt64, where isMatch: (Int) -> Bool) -> Int? {
        guard !places.isEmpty else { return nil }
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while places[place] != Self.free {
            let slot = Int(places[place])
            if isMatch(slot) { return slot }
            place = (place + 1) & mask
        }
        return nil
    }

    /// The slot that has this hash, if any has, most of the time; another, or none, where keys met in one place.
    @inline(__always)
    func guess(hash: UInt64) -> Int? {
        guard !places.isEmpty else { return nil }
        let slot = places[Int(truncatingIfNeeded: hash) & (places.count - 1)]
        return slot == Self.free ? nil : Int(slot)
    }

    /// Adds a slot that is not in it. `hashOf` tells the hash of any other slot in it.
    mutating func insert(_ slot: Int, hash: UInt64, hashOf: (Int) -> UInt64) {
        if 4 * (count + 1) > 3 * places.count { grow(hashOf) }
        put(UInt32(slot), hash: hash)
        count += 1
    }

    /// Takes a slot out that is in it. `hashOf` tells the hash of any other slot in it.
    mutating func remove(_ slot: Int, hash: UInt64, hashOf: (Int) -> UInt64) {
        let mask = places.count - 1
        var hole = Int(truncatingIfNeeded: hash) & mask
        while places[hole] != UInt32(slot) {
            precondition(places[hole] != Self.free, "a slot is taken out of where it is")
            hole = (hole + 1) & mask
        }
        // Whatever stands behind the hole and could have stood in it moves up, so that no search ends too early.
        var next = (hole + 1) & mask
        while places[next] != Self.free {
            let home = Int(truncatingIfNeeded: hashOf(Int(places[next]))) & mask
            if (next - home) & mask >= (next - hole) & mask {
                places[hole] = places[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        places[hole] = Self.free
        count -= 1
    }

    private mutating func grow(_ hashOf: (Int) -> UInt64) {
        let before = places
        places = [UInt32](repeating: Self.free, count: max(8, 2 * before.count))
        for slot in before where slot != Self.free { put(slot, hash: hashOf(Int(slot))) }
    }

    private mutating func put(_ slot: UInt32, hash: UInt64) {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while places[place] != Self.free { place = (place + 1) & mask }
        places[place] = slot
    }
}

extension Array {
    /// The bytes that it has room for, without those that its elements refer to.
    var heldBytes: Int { capacity * MemoryLayout<Element>.stride }

    /// Appends an element, and where there is no room makes room for a thirty-second more, not for twice as many:
    /// what is held for each peer counts more than the time of a few more copies.
    mutating func appendSparingly(_ element: Element) {
        if count == capacity { reserveCapacity(count + count / 32 + 4) }
        append(element)
    }
}
