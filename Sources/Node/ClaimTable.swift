import VPNProtocol

/// Which peers claim which subnets: the routes of a router.
///
/// The longest prefix wins, within one address family. Of several peers that claim the same subnet
/// the one that joined last wins, since an older one may be its own former life; the others come back when it leaves.
struct ClaimTable: Sendable {
    /// A subnet as frames see it: two that differ only in bits that do not count are one.
    struct Key: Hashable {
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
    }

    private var holders: [Key: [PeerReference]] = [:]
    /// For each family the prefix lengths in use, the longest first, with the number of subnets of each.
    private var lengths: [[(length: Int, count: Int)]] = StationAddress.Family.allCases.map { _ in [] }
    private let capacity: Int
    private(set) var count = 0

    init(capacity: Int) { self.capacity = capacity }

    /// About the bytes it has room for, taking each subnet to have one list of its own.
    var heldBytes: Int { holders.heldBytes + count * MemoryLayout<PeerReference>.stride }

    /// Adds a claim. One that the same peer repeats at once counts once. Returns false where the table is full.
    mutating func insert(_ subnet: Subnet, of peer: PeerReference) -> Bool {
        guard count < capacity else { return false }
        let key = Key(subnet)
        guard holders[key]?.last != peer else { return true }
        if holders[key] == nil { noteLength(Int(key.length), of: key.prefix.family, change: 1) }
        holders[key, default: []].append(peer)
        count += 1
        return true
    }

    /// Removes a claim, if it is there.
    mutating func remove(_ subnet: Subnet, of peer: PeerReference) {
        let key = Key(subnet)
        // The newest claims are the likeliest to go, and stand at the end. The list is changed where it is, not copied.
        guard let index = holders[key]?.lastIndex(of: peer) else { return }
        holders[key]?.remove(at: index)
        count -= 1
        guard holders[key]?.isEmpty == true else { return }
        holders[key] = nil
        noteLength(Int(key.length), of: key.prefix.family, change: -1)
    }

    /// The peer with the longest prefix of an address.
    func peer(of address: StationAddress) -> PeerReference? {
        for (length, _) in lengths[Int(address.family.rawValue)] {
            if let list = holders[Key(prefix: address.prefix(length), length: length)] { return list.last }
        }
        return nil
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
