import VPNProtocol

/// The addresses that peers were heard from besides the one in use. Few peers have any.
///
/// The addresses of one peer form a list, the oldest first, that starts at a number which the peer keeps.
struct AlternativeAddresses: Sendable {
    /// The start of an empty list.
    static let none = UInt32.max

    private struct Entry: Sendable {
        let address: Endpoint
        let owner: UInt32
        var newer: UInt32
    }

    private var entries: [Entry] = []
    /// The first of the unused entries, linked through `newer`.
    private var unused = Self.none
    private var index = SlotIndex()
    private let key: HashKey

    init(key: HashKey) { self.key = key }

    var heldBytes: Int { entries.heldBytes + index.heldBytes }

    /// The slot of the peer that an address, whose hash is given, belongs to.
    func owner(of address: Endpoint, hash: UInt64) -> Int? {
        guard index.count > 0 else { return nil }
        return index.slot(hash: hash) { entries[$0].address.isSame(as: address) }.map { Int(entries[$0].owner) }
    }

    /// The addresses of a list.
    func addresses(from oldest: UInt32) -> [Endpoint] {
        var addresses: [Endpoint] = []
        var number = oldest
        while number != Self.none {
            addresses.append(entries[Int(number)].address)
            number = entries[Int(number)].newer
        }
        return addresses
    }

    /// The length of a list.
    func count(from oldest: UInt32) -> Int {
        var (count, number) = (0, oldest)
        while number != Self.none { (count, number) = (count + 1, entries[Int(number)].newer) }
        return count
    }

    /// Adds an address as the newest of a list. It must belong to nobody.
    mutating func append(_ address: Endpoint, of owner: Int, to oldest: inout UInt32) {
        let entry = Entry(address: address, owner: UInt32(owner), newer: Self.none)
        let number: UInt32
        if unused != Self.none {
            number = unused
            unused = entries[Int(number)].newer
            entries[Int(number)] = entry
        } else {
            number = UInt32(entries.count)
            entries.appendSparingly(entry)
        }
        Self.insert(number, into: &index, entries, key)
        guard oldest != Self.none else { return oldest = number }
        var last = oldest
        while entries[Int(last)].newer != Self.none { last = entries[Int(last)].newer }
        entries[Int(last)].newer = number
    }

    /// Takes an address from a list, if it is there.
    mutating func remove(_ address: Endpoint, from oldest: inout UInt32) {
        var (before, number) = (Self.none, oldest)
        while number != Self.none, entries[Int(number)].address != address {
            (before, number) = (number, entries[Int(number)].newer)
        }
        guard number != Self.none else { return }
        let newer = entries[Int(number)].newer
        if before == Self.none { oldest = newer } else { entries[Int(before)].newer = newer }
        Self.remove(number, from: &index, entries, key)
        entries[Int(number)].newer = unused
        unused = number
    }

    /// Takes the oldest address from a list.
    mutating func removeOldest(from oldest: inout UInt32) -> Endpoint? {
        guard oldest != Self.none else { return nil }
        let address = entries[Int(oldest)].address
        remove(address, from: &oldest)
        return address
    }

    // The index asks for hashes while it changes, and so gets the entries beside it.
    private static func insert(_ number: UInt32, into index: inout SlotIndex, _ entries: [Entry], _ key: HashKey) {
        let slot = Int(number)
        index.insert(slot, hash: entries[slot].address.hash(under: key)) { entries[$0].address.hash(under: key) }
    }

    private static func remove(_ number: UInt32, from index: inout SlotIndex, _ entries: [Entry], _ key: HashKey) {
        let slot = Int(number)
        index.remove(slot, hash: entries[slot].address.hash(under: key)) { entries[$0].address.hash(under: key) }
    }
}
