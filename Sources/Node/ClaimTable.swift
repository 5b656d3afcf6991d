import VPNProtocol

/// Which peers claim which subnets: the routes of a router.
///
/// The longest prefix wins, within one address family. Of several peers that claim the same subnet
/// the one that joined last wins, since an older one may be its own former life; the others come back when it leaves.
struct ClaimTable: Sendable {
    /// A subnet as frames see it: two that differ only in bits that do not count are one.
    struct Key: TableKey {
        let prefix: StationAddress
        let length: UInt8

        init(prefix: StationAddress, length: Int) {
            self.prefix = prefix
            self.length = UInt8(length)
        }

        init(_ subnet: Subnet) {
            let (first, length) = subnet.range
            self.init(prefix: first, length: length)
        }

        @inline(__always)
        func hash(under key: HashKey) -> UInt64 {
            key.hash(prefix.high, prefix.low, rest: UInt64(prefix.family.rawValue) << 8 | UInt64(length), byteCount: 18)
        }

        @inline(__always)
        func isSame(as other: Self) -> Bool { prefix.isSame(as: other.prefix) && length == other.length }
    }

    /// A subnet, and who claims it: a list that starts with the newest claim.
    private struct Claimed: Sendable {
        let key: Key
        var newest: UInt32
    }

    private struct Claim: Sendable {
        let peer: PeerReference
        var older: UInt32
    }

    /// The end of a list.
    private static let none = UInt32.max

    private var subnets: [Claimed] = []
    private var unusedSubnets: [UInt32] = []
    private var index = SlotIndex()
    private var holders: [Claim] = []
    /// The first of the unused claims, linked through `older`.
    private var unusedHolders = Self.none
    /// For each family the prefix lengths in use, the longest first, with the number of subnets of each.
    private var lengths: [[(length: Int, count: Int)]] = StationAddress.Family.allCases.map { _ in [] }
    private let key: HashKey
    private let capacity: Int
    private(set) var count = 0

    init(capacity: Int, key: HashKey) {
        self.capacity = capacity
        self.key = key
    }

    /// About the bytes it has room for.
    var heldBytes: Int {
        subnets.heldBytes + unusedSubnets.heldBytes + index.heldBytes + holders.heldBytes
    }

    /// Adds a claim. One that the same peer repeats at once counts once. Returns false where the table is full.
    mutating func insert(_ subnet: Subnet, of peer: PeerReference) -> Bool {
        guard count < capacity else { return false }
        let key = Key(subnet)
        let place: Int
        if let known = self.place(of: key) {
            guard holders[Int(subnets[known].newest)].peer != peer else { return true }
            place = known
        } else {
            place = add(key)
            noteLength(Int(key.length), of: key.prefix.family, change: 1)
        }
        let claim = Claim(peer: peer, older: subnets[place].newest)
        if unusedHolders != Self.none {
            subnets[place].newest = unusedHolders
            unusedHolders = holders[Int(unusedHolders)].older
            holders[Int(subnets[place].newest)] = claim
        } else {
            subnets[place].newest = UInt32(holders.count)
            holders.appendSparingly(claim)
        }
        count += 1
        return true
    }

    /// Removes a claim, the newest of several, if it is there.
    mutating func remove(_ subnet: Subnet, of peer: PeerReference) {
        let key = Key(subnet)
        guard let place = place(of: key) else { return }
        var (newer, number) = (Self.none, subnets[place].newest)
        while number != Self.none, holders[Int(number)].peer != peer {
            (newer, number) = (number, holders[Int(number)].older)
        }
        guard number != Self.none else { return }
        let older = holders[Int(number)].older
        if newer == Self.none { subnets[place].newest = older } else { holders[Int(newer)].older = older }
        holders[Int(number)].older = unusedHolders
        unusedHolders = number
        count -= 1
        guard subnets[place].newest == Self.none else { return }
        Self.remove(place, from: &index, subnets, self.key)
        unusedSubnets.append(UInt32(place))
        noteLength(Int(key.length), of: key.prefix.family, change: -1)
    }

    /// The peer with the longest prefix of an address.
    func peer(of address: StationAddress) -> PeerReference? {
        for (length, _) in lengths[Int(address.family.rawValue)] {
            if let place = place(of: Key(prefix: address.prefix(length), length: length)) {
                return holders[Int(subnets[place].newest)].peer
            }
        }
        return nil
    }

    private func place(of key: Key) -> Int? {
        index.slot(hash: key.hash(under: self.key)) { subnets[$0].key.isSame(as: key) }
    }

    /// Adds a subnet that nobody claims yet.
    private mutating func add(_ key: Key) -> Int {
        let claimed = Claimed(key: key, newest: Self.none)
        let place: Int
        if let unused = unusedSubnets.popLast() {
            place = Int(unused)
            subnets[place] = claimed
        } else {
            place = subnets.count
            subnets.appendSparingly(claimed)
        }
        Self.insert(place, into: &index, subnets, self.key)
        return place
    }

    // The index asks for hashes while it changes, and so gets the subnets beside it.
    private static func insert(_ place: Int, into index: inout SlotIndex, _ subnets: [Claimed], _ key: HashKey) {
        index.insert(place, hash: subnets[place].key.hash(under: key)) { subnets[$0].key.hash(under: key) }
    }

    private static func remove(_ place: Int, from index: inout SlotIndex, _ subnets: [Claimed], _ key: HashKey) {
        index.remove(place, hash: subnets[place].key.hash(under: key)) { subnets[$0].key.hash(under: key) }
    }

    private mutating func noteLength(_ length: Int, of family: StationAddress.Family, change: Int) {
        let row = Int(family.rawValue)
        if let index = lengths[row].firstIndex(where: { $0.length == length }) {
            lengths[row][index].count += change
            if lengths[row][index].count == 0 { lengths[row].remove(at: index) }
        } else {
            let index = lengths[row].firstIndex { $0.length < length } ?? lengths[row].count
            lengths[row].insert((length, change), at: index)
        }
    }
}
