/// Finds the slots of a table by a key that they hold: open addressing with linear probing.
///
/// It holds four bytes for each of its places, of which at least a quarter is free, and neither keys nor hashes: those
/// are asked of the table. As many bits of a place as a slot leaves free are a part of the hash, so that hardly ever a key is
/// asked for that is not the one in question. Where an entry stands depends on the hashes alone, which are keyed
/// (see ``HashKey``), so that nobody can choose keys that crowd together.
struct SlotIndex: Sendable {
    /// No slot is as high as its low bits say (see ``insert(_:hash:hashOf:)``), so that no entry looks like this.
    private static let free = UInt32.max
    /// A power of two of them, or none. The low bits of each, as many as number the places, are a slot.
    private var places: [UInt32] = []
    private(set) var count = 0

    /// The bytes it has room for.
    var heldBytes: Int { places.heldBytes }

    /// The slot with a hash for which `isMatch` holds.
    @inline(__always)
    func slot(hash: UInt64, where isMatch: (Int) -> Bool) -> Int? {
        guard !places.isEmpty else { return nil }
        let mask = places.count - 1
        let (slotBits, tag) = (UInt32(truncatingIfNeeded: mask), Self.tag(of: hash, mask))
        var place = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = places[place]
            if entry == Self.free { return nil }
            if entry & ~slotBits == tag, isMatch(Int(entry & slotBits)) { return Int(entry & slotBits) }
            place = (place + 1) & mask
        }
    }

    /// The slot that has this hash, if any has, nearly always.
    @inline(__always)
    func guess(hash: UInt64) -> Int? { slot(hash: hash) { _ in true } }

    /// Adds a slot that is not in it. `hashOf` tells the hash of any other slot in it.
    ///
    /// Slots are numbers of a table's entries, so that none is higher than as many as there were in it at one time.
    mutating func insert(_ slot: Int, hash: UInt64, hashOf: (Int) -> UInt64) {
        while 4 * (count + 1) > 3 * places.count || slot >= places.count - 1 { grow(hashOf) }
        put(slot, hash: hash)
        count += 1
    }

    /// Takes a slot out that is in it. `hashOf` tells the hash of any other slot in it.
    mutating func remove(_ slot: Int, hash: UInt64, hashOf: (Int) -> UInt64) {
        let mask = places.count - 1
        let slotBits = UInt32(truncatingIfNeeded: mask)
        var hole = Int(truncatingIfNeeded: hash) & mask
        while places[hole] & slotBits != UInt32(slot) {
            precondition(places[hole] != Self.free, "a slot is taken out of where it is")
            hole = (hole + 1) & mask
        }
        // Whatever stands behind the hole and could have stood in it moves up, so that no search ends too early.
        var next = (hole + 1) & mask
        while places[next] != Self.free {
            let home = Int(truncatingIfNeeded: hashOf(Int(places[next] & slotBits))) & mask
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
        let slotBits = UInt32(truncatingIfNeeded: before.count - 1)
        places = [UInt32](repeating: Self.free, count: max(8, 2 * before.count))
        for entry in before where entry != Self.free {
            let slot = Int(entry & slotBits)
            put(slot, hash: hashOf(slot))
        }
    }

    private mutating func put(_ slot: Int, hash: UInt64) {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while places[place] != Self.free { place = (place + 1) & mask }
        places[place] = Self.tag(of: hash, mask) | UInt32(slot)
    }

    /// The part of a hash that an entry has beside its slot: of the upper half, as the lower one says where it stands.
    @inline(__always)
    private static func tag(of hash: UInt64, _ mask: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: hash >> 32) & ~UInt32(truncatingIfNeeded: mask)
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
