/// A bounded table that knows which of its entries is the oldest.
///
/// Entries are ordered by the time they were last put or touched; times must not go backwards. Every operation takes
/// constant time, and none allocates once the table has had as many entries as it has now.
package struct AgedTable<Key: TableKey, Value: Sendable>: Sendable {
    package struct Entry: Sendable {
        package fileprivate(set) var key: Key
        package var value: Value
        package fileprivate(set) var time: Instant
        fileprivate var older: Int32
        fileprivate var newer: Int32
    }

    package let capacity: Int
    private let key: HashKey
    private var index = SlotIndex()
    private var entries: [Entry] = []
    private var oldestSlot: Int32 = -1
    private var newestSlot: Int32 = -1
    /// Unused slots, linked through `newer`.
    private var freeSlot: Int32 = -1

    /// - Parameter key: a secret, where others than the program choose the keys of entries and these have a hash of their own.
    package init(capacity: Int, key: HashKey = HashKey(0, 0)) {
        precondition(capacity > 0 && capacity < Int(Int32.max), "a table has room for something")
        self.capacity = capacity
        self.key = key
    }

    package var count: Int { index.count }
    package var isEmpty: Bool { oldestSlot < 0 }
    package var isFull: Bool { count >= capacity }
    /// About the bytes it has room for.
    var heldBytes: Int { index.heldBytes + entries.heldBytes }
    package var oldest: Entry? { oldestSlot < 0 ? nil : entries[Int(oldestSlot)] }

    package subscript(key: Key) -> Entry? {
        @inline(__always) get { place(of: key).map { entries[$0] } }
    }

    /// Where an entry stands, until something is put or removed.
    @inline(__always)
    func place(of key: Key) -> Int? {
        index.slot(hash: key.hash(under: self.key)) { entries[$0].key.isSame(as: key) }
    }

    /// The entry at a place.
    @inline(__always)
    func entry(at place: Int) -> Entry { entries[place] }

    /// Replaces the value at a place, which is then the newest.
    mutating func renew(_ place: Int, _ value: Value, at now: Instant) {
        Self.renew(place, value, at: now, &entries, oldest: &oldestSlot, newest: &newestSlot)
    }

    /// All changes in one access to the entries, since this is done with each packet that a switch gets.
    @inline(__always)
    private static func renew(
        _ place: Int, _ value: Value, at now: Instant, _ entries: inout [Entry], oldest: inout Int32,
        newest: inout Int32
    ) {
        var entries = entries.mutableSpan
        entries[place].value = value
        entries[place].time = now
        guard place != newest else { return }
        let (older, newer) = (entries[place].older, entries[place].newer)
        if older >= 0 { entries[Int(older)].newer = newer } else { oldest = newer }
        // There is a newer one, as this is not the newest.
        entries[Int(newer)].older = older
        entries[Int(newest)].newer = Int32(place)
        entries[place].older = newest
        entries[place].newer = -1
        newest = Int32(place)
    }

    /// Puts or replaces an entry, which is then the newest. Returns the entry that had to go for it, if one had to.
    @discardableResult
    package mutating func put(_ key: Key, _ value: Value, at now: Instant) -> Entry? {
        if let place = place(of: key) {
            renew(place, value, at: now)
            return nil
        }
        let evicted = isFull ? removeOldest() : nil
        let entry = Entry(key: key, value: value, time: now, older: -1, newer: -1)
        let slot: Int32
        if freeSlot >= 0 {
            slot = freeSlot
            freeSlot = entries[Int(slot)].newer
            entries[Int(slot)] = entry
        } else {
            slot = Int32(entries.count)
            entries.append(entry)
        }
        Self.insert(slot, into: &index, entries, self.key)
        linkAsNewest(slot)
        return evicted
    }

    /// Removes an entry.
    @discardableResult
    package mutating func remove(_ key: Key) -> Entry? {
        place(of: key).map { remove(at: Int32($0)) }
    }

    private mutating func remove(at slot: Int32) -> Entry {
        let entry = entries[Int(slot)]
        Self.remove(slot, from: &index, entries, key)
        unlink(slot)
        entries[Int(slot)].newer = freeSlot
        freeSlot = slot
        return entry
    }

    /// Removes and returns the oldest entry.
    package mutating func removeOldest() -> Entry? {
        oldestSlot < 0 ? nil : remove(at: oldestSlot)
    }

    /// Removes and returns the oldest entry if its time is at or before `limit`.
    package mutating func removeOldest(notAfter limit: Instant) -> Entry? {
        guard oldestSlot >= 0, entries[Int(oldestSlot)].time <= limit else { return nil }
        return removeOldest()
    }

    /// Gives all memory back where there are no entries.
    package mutating func releaseIfEmpty() {
        guard isEmpty, !entries.isEmpty else { return }
        self = Self(capacity: capacity, key: key)
    }

    /// Calls `body` with every entry, the oldest first.
    package func forEach(_ body: (Entry) -> Void) {
        var slot = oldestSlot
        while slot >= 0 {
            body(entries[Int(slot)])
            slot = entries[Int(slot)].newer
        }
    }

    // The index asks for hashes while it changes, and so gets the entries beside it.
    private static func insert(_ slot: Int32, into index: inout SlotIndex, _ entries: [Entry], _ key: HashKey) {
        index.insert(Int(slot), hash: entries[Int(slot)].key.hash(under: key)) { entries[$0].key.hash(under: key) }
    }

    private static func remove(_ slot: Int32, from index: inout SlotIndex, _ entries: [Entry], _ key: HashKey) {
        index.remove(Int(slot), hash: entries[Int(slot)].key.hash(under: key)) { entries[$0].key.hash(under: key) }
    }

    private mutating func unlink(_ slot: Int32) {
        let (older, newer) = (entries[Int(slot)].older, entries[Int(slot)].newer)
        if older >= 0 { entries[Int(older)].newer = newer } else { oldestSlot = newer }
        if newer >= 0 { entries[Int(newer)].older = older } else { newestSlot = older }
    }

    private mutating func linkAsNewest(_ slot: Int32) {
        entries[Int(slot)].older = newestSlot
        entries[Int(slot)].newer = -1
        if newestSlot >= 0 { entries[Int(newestSlot)].newer = slot } else { oldestSlot = slot }
        newestSlot = slot
    }
}
