public import VPNNode
public import VPNProtocol

/// Why a NAT does not let a datagram through.
public enum NATRefusal: String, Error, Hashable, Sendable, CaseIterable {
    /// It has as many mappings as it may.
    case tableFull = "NAT table full"
    /// All ports of the external address are taken.
    case noFreePort = "no free port"
    /// Nothing is mapped there.
    case noMapping = "no mapping"
    /// The sender may not send in through the mapping.
    case filtered
    /// It does not send back inside what is addressed to itself.
    case noHairpinning = "no hairpinning"
}

/// Why a NAT does not forward a port.
public enum PortMappingRefusal: String, Error, Hashable, Sendable, CaseIterable {
    /// It never does.
    case notGranted = "not granted"
    /// The port belongs to somebody else.
    case portTaken = "port taken"
    /// It forwards as many as it may.
    case tableFull = "table full"
}

/// A NAT box: a function of its model, its random numbers and what was sent through it before.
///
/// An external endpoint belongs to one mapping at a time: ports are not overloaded (RFC 4787, REQ-3). IPv6 is not
/// translated, and passes. Times must not go backwards.
public struct NATBox: Sendable {
    /// The ports that are given out where the internal one is not kept.
    static let ports = 1024...65_535
    /// The most ports forwarded on request.
    static let maximumLeases = 1024

    struct MappingKey: TableKey {
        let inside: Endpoint
        let outside: IPAddress?
        let port: UInt16
    }

    struct Mapping: Sendable {
        let external: Endpoint
        /// Tells it from former mappings of the same endpoint.
        let serial: UInt64
    }

    /// What it does.
    public let model: NATModel
    /// Its external addresses.
    public private(set) var externalAddresses: [IPAddress]
    /// How many mappings were refused since the table was full.
    public private(set) var refusals = 0
    /// How many mappings had to go for others since the table was full.
    public private(set) var evictions = 0

    private var mappings: AgedTable<MappingKey, Mapping>
    private var keys: [Endpoint: MappingKey] = [:]
    private var openings: OpeningTable
    var leases = LeaseTable(capacity: maximumLeases)
    private var numbers: RandomNumbers
    private var nextPort = ports.lowerBound
    private var nextAddress = 0
    private var nextSerial: UInt64 = 0
    /// How many ports of each external address are mapped.
    private var portsInUse: [Int]

    /// A box that has mapped nothing. A limit of less than one is one; there is at least one external address.
    public init(_ model: NATModel, externalAddresses: [IPAddress], seed: Seed) {
        precondition(!externalAddresses.isEmpty, "a NAT has an external address")
        self.model = model
        self.externalAddresses = externalAddresses
        mappings = AgedTable(capacity: Self.capacity(model))
        openings = Self.noOpenings(model)
        numbers = seed.numbers(for: "ports")
        portsInUse = Array(repeating: 0, count: externalAddresses.count)
    }

    private static func capacity(_ model: NATModel) -> Int { min(max(model.limit, 1), 16_777_216) }

    private static func noOpenings(_ model: NATModel) -> OpeningTable {
        OpeningTable(
            filtering: model.filtering, timeout: max(model.timeout, .zero), refresh: model.refresh,
            capacity: 4 * capacity(model))
    }

    /// How many mappings there are, also those that ended unnoticed; without the ports forwarded on request.
    public var mappingCount: Int { mappings.count }

    /// How many openings for other ends closed early, since there were too many.
    public var openingEvictions: Int { openings.evictions }

    /// Takes a datagram from inside, and returns the source that it has outside.
    public mutating func translate(
        outbound source: Endpoint, to destination: Endpoint, at now: Instant
    ) throws(NATRefusal) -> Endpoint {
        guard source.address.isIPv4 else { return source }
        expire(at: now)
        // Whoever has a port forwarded uses it for what he sends, whatever the mapping depends on (RFC 6887, 11).
        if let lease = leases.lease(ofInside: source) { return lease.external }
        let key = key(source, destination)
        let mapping: Mapping
        if let known = mappings[key]?.value {
            mapping = known
            mappings.put(key, known, at: now)
        } else {
            mapping = try map(key, at: now)
        }
        openings.open(source, serial: mapping.serial, to: destination, at: now)
        return mapping.external
    }

    /// Takes a datagram from outside, and returns whom inside it is for.
    public mutating func translate(
        inbound source: Endpoint, to destination: Endpoint, at now: Instant
    ) throws(NATRefusal) -> Endpoint {
        guard destination.address.isIPv4 else { return destination }
        expire(at: now)
        if let lease = leases.lease(ofExternal: destination) { return lease.inside }
        guard let key = keys[destination], let mapping = mappings[key]?.value else { throw .noMapping }
        guard openings.admits(key.inside, serial: mapping.serial, from: source, at: now) else { throw .filtered }
        if model.refresh == .both { mappings.put(key, mapping, at: now) }
        return key.inside
    }

    /// Takes a datagram from inside to one of the box's own addresses, and returns the source that its receiver sees,
    /// which is the external one (RFC 4787, REQ-9), and the receiver.
    public mutating func hairpin(
        from source: Endpoint, to destination: Endpoint, at now: Instant
    ) throws(NATRefusal) -> (source: Endpoint, destination: Endpoint) {
        guard model.hairpinning else { throw .noHairpinning }
        let external = try translate(outbound: source, to: destination, at: now)
        return (external, try translate(inbound: external, to: destination, at: now))
    }
}

extension NATBox {
    /// Forwards the port of an inner endpoint for so long, under the same number, and whoever sends to it.
    public mutating func grantPort(
        of inside: Endpoint, lease: Duration, at now: Instant
    ) throws(PortMappingRefusal) -> Endpoint {
        guard model.grantsPortMappings, inside.address.isIPv4 else { throw .notGranted }
        expire(at: now)
        if let known = leases.lease(ofInside: inside) {
            leases.put(LeaseTable.Lease(inside: inside, external: known.external, end: now + lease))
            return known.external
        }
        let external = Endpoint(externalAddresses[pairedAddress(of: inside)], port: inside.port)
        guard leases.lease(ofExternal: external) == nil else { throw .portTaken }
        let holder = keys[external]
        guard holder == nil || holder?.inside == inside else { throw .portTaken }
        guard !leases.isFull else { throw .tableFull }
        if let holder { remove(holder) }
        leases.put(LeaseTable.Lease(inside: inside, external: external, end: now + lease))
        return external
    }

    /// Forwards the port of an inner endpoint no more.
    public mutating func revokePort(of inside: Endpoint) { leases.remove(inside: inside) }

    /// Forgets all mappings; ports forwarded on request stay.
    public mutating func flush() {
        while mappings.removeOldest() != nil {}
        keys.removeAll(keepingCapacity: true)
        openings.removeAll()
        portsInUse = Array(repeating: 0, count: externalAddresses.count)
    }

    /// Forgets everything, as when the power fails.
    public mutating func reboot() {
        flush()
        leases = LeaseTable(capacity: Self.maximumLeases)
        nextPort = Self.ports.lowerBound
        nextAddress = 0
    }

    /// Gives the box other external addresses, at least one. Nothing of before holds with them.
    public mutating func changeExternalAddresses(to addresses: [IPAddress]) {
        precondition(!addresses.isEmpty, "a NAT has an external address")
        externalAddresses = addresses
        reboot()
    }

    private func key(_ inside: Endpoint, _ outside: Endpoint) -> MappingKey {
        switch model.mapping {
        case .independent: MappingKey(inside: inside, outside: nil, port: 0)
        case .address: MappingKey(inside: inside, outside: outside.address, port: 0)
        case .addressAndPort: MappingKey(inside: inside, outside: outside.address, port: outside.port)
        }
    }

    private mutating func expire(at now: Instant) {
        leases.expire(at: now)
        let timeout = max(model.timeout, .zero)
        guard now >= .zero + timeout else { return }
        while let oldest = mappings.oldest, oldest.time <= now - timeout { remove(oldest.key) }
    }

    private mutating func remove(_ key: MappingKey) {
        guard let entry = mappings.remove(key) else { return }
        keys[entry.value.external] = nil
        if let index = externalAddresses.firstIndex(of: entry.value.external.address) { portsInUse[index] -= 1 }
    }

    private mutating func map(_ key: MappingKey, at now: Instant) throws(NATRefusal) -> Mapping {
        if mappings.isFull {
            guard model.overflow == .evicts, let oldest = mappings.oldest else {
                refusals += 1
                throw .tableFull
            }
            evictions += 1
            remove(oldest.key)
        }
        let index = addressIndex(for: key.inside)
        guard let port = freePort(for: key.inside, at: index) else { throw .noFreePort }
        let mapping = Mapping(external: Endpoint(externalAddresses[index], port: port), serial: nextSerial)
        nextSerial += 1
        portsInUse[index] += 1
        mappings.put(key, mapping, at: now)
        keys[mapping.external] = key
        return mapping
    }

    private func pairedAddress(of inside: Endpoint) -> Int {
        Int(inside.address.ipv4 ?? 0) % externalAddresses.count
    }

    private mutating func addressIndex(for inside: Endpoint) -> Int {
        switch model.pooling {
        case .paired: return pairedAddress(of: inside)
        case .arbitrary:
            defer { nextAddress = (nextAddress + 1) % externalAddresses.count }
            return nextAddress
        }
    }

    private mutating func freePort(for inside: Endpoint, at index: Int) -> UInt16? {
        let address = externalAddresses[index]
        if model.ports == .preserved, inside.port != 0, isFree(inside.port, at: address) { return inside.port }
        guard portsInUse[index] < Self.ports.count else { return nil }
        let first =
            model.ports == .sequential ? nextPort : Self.ports.lowerBound + numbers.next(below: Self.ports.count)
        for step in 0..<Self.ports.count {
            let candidate = Self.ports.lowerBound + (first - Self.ports.lowerBound + step) % Self.ports.count
            guard isFree(UInt16(candidate), at: address) else { continue }
            if model.ports == .sequential {
                nextPort = candidate == Self.ports.upperBound ? Self.ports.lowerBound : candidate + 1
            }
            return UInt16(candidate)
        }
        return nil
    }

    private func isFree(_ port: UInt16, at address: IPAddress) -> Bool {
        let external = Endpoint(address, port: port)
        return keys[external] == nil && leases.lease(ofExternal: external) == nil
    }
}
