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
            key.hash(prefix.high, prefix.low, rest: UInt64(prefix.family.rawValue) << 8 | UInt64(length))
        }

        @inline(__always)
        func isSame(as other: Self) -> Bool { prefix.isSame(as: other.prefix) && length == other.length }
    }

    /// A subnet, and who claims it: the newest claim, which is mostly the only one, and a list of the others.
    private struct Claimed: Sendable {
        let key: Key
        var newest: PeerReference
        var older = ClaimTable.none
    }

    private struct Claim: Sendable {
        let peer: PeerReference
        var older: UInt32
    }

    /// A prefix length in use.
    private struct PrefixLength: Sendable {
        let length: Int
        /// How many subnets have it.
        var count = 0
        /// The bits of an address that count.
        let (high, low): (UInt64, UInt64)

        init(_ length: Int) {
            self.length = length
            let whole = StationAddress(.ipv6, high: .max, low: .max).prefix(length)
            (high, low) = (whole.high, whole.low)
        }
    }

    /// The end of a list.
    private static let none = UInt32.max

    private var subnets: [Claimed] = []
    private var unusedSubnets: [UInt32] = []
    private var index = SlotIndex()
    /// The older claims.
    private var holders: [Claim] = []
    /// The first of the unused claims, linked through `older`.
    private var unusedHolders = Self.none
    /// The prefix lengths in use, one family after the other, the longest of each first.
    private var lengths: [PrefixLength] = []
    /// Where a family's lengths end.
    private var lengthsEnd = InlineArray<3, Int>(repeating: 0)
    /// The last destination and its peer, until a claim comes or goes: frames come in rows.
    private var last: (address: StationAddress, peer: PeerReference)?
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
        last = nil
        let key = Key(subnet)
        if let place = place(of: key) {
            guard subnets[place].newest != peer else { return true }
            keep(Claim(peer: subnets[place].newest, older: subnets[place].older), at: place)
            subnets[place].newest = peer
        } else {
            add(Claimed(key: key, newest: peer))
            noteLength(of: key, change: 1)
        }
        count += 1
        return true
    }

    /// Makes a claim the newest of the older ones of a subnet.
    private mutating func keep(_ claim: Claim, at place: Int) {
        if unusedHolders != Self.none {
            subnets[place].older = unusedHolders
            unusedHolders = holders[Int(unusedHolders)].older
            holders[Int(subnets[place].older)] = claim
        } else {
            subnets[place].older = UInt32(holders.count)
            holders.appendSparingly(claim)
        }
    }

    /// Removes a claim, the newest of several, if it is there.
    mutating func remove(_ subnet: Subnet, of peer: PeerReference) {
        last = nil
        let key = Key(subnet)
        guard let place = place(of: key) else { return }
        var (newer, number) = (Self.none, subnets[place].older)
        if subnets[place].newest == peer {
            guard number != Self.none else {
                count -= 1
                Self.remove(place, from: &index, subnets, self.key)
                unusedSubnets.append(UInt32(place))
                return noteLength(of: key, change: -1)
            }
            subnets[place].newest = holders[Int(number)].peer
        } else {
            while number != Self.none, holders[Int(number)].peer != peer {
                (newer, number) = (number, holders[Int(number)].older)
            }
            guard number != Self.none else { return }
        }
        let older = holders[Int(number)].older
        if newer == Self.none { subnets[place].older = older } else { holders[Int(newer)].older = older }
        holders[Int(number)].older = unusedHolders
        unusedHolders = number
        count -= 1
    }

    /// The peer with the longest prefix of a frame's destination, which often is that of the frame before.
    @inline(__always)
    mutating func route(to address: StationAddress) -> PeerReference? {
        if let last, last.address.isSame(as: address) { return last.peer }
        let peer = peer(of: address)
        if let peer { last = (address, peer) }
        return peer
    }

    /// The peer with the longest prefix of an address. It looks once for each prefix length that somebody has claimed a
    /// subnet of, 129 times at most.
    @inline(__always)
    func peer(of address: StationAddress) -> PeerReference? {
        for position in lengths(of: address.family) {
            let length = lengths[position]
            let prefix = StationAddress(address.family, high: address.high & length.high, low: address.low & length.low)
            if let place = place(of: Key(prefix: prefix, length: length.length)) { return subnets[place].newest }
        }
        return nil
    }

    @inline(__always)
    private func place(of key: Key) -> Int? {
        index.slot(hash: key.hash(under: self.key)) { subnets[$0].key.isSame(as: key) }
    }

    /// Adds a subnet that nobody claims yet.
    private mutating func add(_ claimed: Claimed) {
        let place: Int
        if let unused = unusedSubnets.popLast() {
            place = Int(unused)
            subnets[place] = claimed
        } else {
            place = subnets.count
            subnets.appendSparingly(claimed)
        }
        Self.insert(place, into: &index, subnets, self.key)
    }

    // The index asks for hashes while it changes, and so gets the subnets beside it.
    private static func insert(_ place: Int, into index: inout SlotIndex, _ subnets: [Claimed], _ key: HashKey) {
        index.insert(place, hash: subnets[place].key.hash(under: key)) { subnets[$0].key.hash(under: key) }
    }

    private static func remove(_ place: Int, from index: inout SlotIndex, _ subnets: [Claimed], _ key: HashKey) {
        index.remove(place, hash: subnets[place].key.hash(under: key)) { subnets[$0].key.hash(under: key) }
    }

    /// Where the lengths of a family stand.
    @inline(__always)
    private func lengths(of family: StationAddress.Family) -> Range<Int> {
        let row = Int(family.rawValue)
        return (row == 0 ? 0 : lengthsEnd[row - 1])..<lengthsEnd[row]
    }

    private mutating func noteLength(of key: Key, change: Int) {
        let (family, length) = (key.prefix.family, Int(key.length))
        let own = lengths(of: family)
        let place = own.first { lengths[$0].length <= length } ?? own.upperBound
        if place == own.upperBound || lengths[place].length != length {
            lengths.insert(PrefixLength(length), at: place)
            moveEnds(from: family, by: 1)
        }
        lengths[place].count += change
        if lengths[place].count == 0 {
            lengths.remove(at: place)
            moveEnds(from: family, by: -1)
        }
    }

    private mutating func moveEnds(from family: StationAddress.Family, by change: Int) {
        for row in Int(family.rawValue)..<lengthsEnd.count { lengthsEnd[row] += change }
    }
}
