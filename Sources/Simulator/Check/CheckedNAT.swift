import VPNNode
import VPNProtocol

/// What a NAT may let in and how it may translate, computed from what was seen to go through it.
struct CheckedNAT {
    struct Key: TableKey {
        let inside: Endpoint
        let outside: IPAddress?
        let port: UInt16
    }

    struct Mapping {
        /// Nil where it is known to exist and not how: what it let out was lost before anybody saw it.
        var external: Endpoint?
        let serial: UInt64
    }

    struct Opening: TableKey {
        let mapping: UInt64
        let outside: IPAddress
        let port: UInt16
    }

    struct Lease {
        let external: Endpoint
        let end: Instant
    }

    let model: NATModel
    var externalAddresses: [IPAddress] = []

    private var mappings: AgedTable<Key, Mapping>
    private var keys: [Endpoint: Key] = [:]
    private var openings: AgedTable<Opening, Bool>
    private var leases: [Endpoint: Lease] = [:]
    private var leasedTo: [Endpoint: Endpoint] = [:]
    private var paired: [IPAddress: IPAddress] = [:]
    private var nextSerial: UInt64 = 0
    /// Whether its table was full once, so that it may have forgotten mappings unseen.
    private var wasFull = false
    /// The inner endpoints of which a mapping was not seen.
    private var unseen: [Endpoint: Key] = [:]

    init(_ model: NATModel) {
        self.model = model
        mappings = AgedTable(capacity: Self.capacity(model))
        openings = AgedTable(capacity: 4 * Self.capacity(model))
    }

    /// One more than the NAT has, so that being full is seen.
    private static func capacity(_ model: NATModel) -> Int { min(max(model.limit, 1), 1_048_576) + 1 }

    private func key(_ inside: Endpoint, _ outside: Endpoint) -> Key {
        switch model.mapping {
        case .independent: Key(inside: inside, outside: nil, port: 0)
        case .address: Key(inside: inside, outside: outside.address, port: 0)
        case .addressAndPort: Key(inside: inside, outside: outside.address, port: outside.port)
        }
    }

    private func opening(_ mapping: Mapping, _ outside: Endpoint) -> Opening {
        let port = model.filtering == .addressAndPort ? outside.port : 0
        return Opening(mapping: mapping.serial, outside: outside.address, port: port)
    }

    private mutating func expire(at now: Instant) {
        let timeout = max(model.timeout, .zero)
        guard now >= .zero + timeout else { return }
        while let oldest = mappings.oldest, oldest.time <= now - timeout { forget(oldest.key) }
        while openings.removeOldest(notAfter: now - timeout) != nil {}
    }

    private mutating func forget(_ key: Key) {
        guard let entry = mappings.remove(key) else { return }
        if let external = entry.value.external, keys[external] == key { keys[external] = nil }
        if unseen[key.inside] == key { unseen[key.inside] = nil }
    }

    private mutating func lease(of inside: Endpoint, at now: Instant) -> Lease? {
        guard let lease = leases[inside] else { return nil }
        if lease.end > now { return lease }
        closePort(of: inside)
        return nil
    }

    /// Takes note of something that went out, and says what is wrong with its translation.
    ///
    /// - Parameter external: the source that it got; nil where it was lost and is not known.
    mutating func sendOut(
        from inside: Endpoint, as external: Endpoint?, to outside: Endpoint, at now: Instant
    ) -> NetworkViolation.Kind? {
        expire(at: now)
        if let lease = lease(of: inside, at: now) {
            return external == nil || external == lease.external ? nil : .wrongTranslation
        }
        let key = key(inside, outside)
        var mapping: Mapping
        var violation: NetworkViolation.Kind?
        if let known = mappings[key]?.value {
            mapping = known
            if let external, let before = known.external, before != external {
                if !wasFull { violation = .wrongTranslation }
                forget(key)
                mapping = newMapping(external)
            }
        } else {
            mapping = newMapping(external)
            if let external { violation = fault(of: external, for: inside, at: now) }
        }
        if let external {
            if mapping.external == nil { violation = violation ?? fault(of: external, for: inside, at: now) }
            mapping.external = external
            if let holder = keys[external], holder != key, mappings[holder] != nil {
                if !wasFull { violation = violation ?? .wrongTranslation }
                forget(holder)
            }
            keys[external] = key
            if unseen[inside] == key { unseen[inside] = nil }
        } else if mapping.external == nil {
            unseen[inside] = key
        }
        if let evicted = mappings.put(key, mapping, at: now), let external = evicted.value.external {
            keys[external] = nil
        }
        if mappings.count >= Self.capacity(model) - 1 { wasFull = true }
        if model.filtering != .independent { openings.put(opening(mapping, outside), true, at: now) }
        return violation
    }

    private mutating func newMapping(_ external: Endpoint?) -> Mapping {
        nextSerial += 1
        return Mapping(external: external, serial: nextSerial)
    }

    /// What is wrong with an external endpoint as such.
    private mutating func fault(
        of external: Endpoint, for inside: Endpoint, at now: Instant
    ) -> NetworkViolation.Kind? {
        guard externalAddresses.contains(external.address) else { return .wrongTranslation }
        if let lessee = leasedTo[external], lease(of: lessee, at: now) != nil { return .wrongTranslation }
        guard model.pooling == .paired else { return nil }
        let before = paired.updateValue(external.address, forKey: inside.address)
        return before == nil || before == external.address ? nil : .wrongTranslation
    }

    /// Takes note of something that came in, and says what is wrong with that.
    mutating func letIn(
        from outside: Endpoint, to external: Endpoint, as inside: Endpoint, at now: Instant
    ) -> NetworkViolation.Kind? {
        expire(at: now)
        if let lessee = leasedTo[external], lease(of: lessee, at: now) != nil {
            return lessee == inside ? nil : .wrongTranslation
        }
        // A mapping that nobody saw come about may be this one.
        let known = keys[external] ?? unseen[inside]
        guard let key = known, var mapping = mappings[key]?.value else { return .noMapping }
        guard key.inside == inside else { return .wrongTranslation }
        if mapping.external == nil {
            mapping.external = external
            keys[external] = key
            unseen[inside] = nil
        }
        if model.filtering != .independent {
            let opening = opening(mapping, outside)
            guard openings[opening] != nil else { return .filtered }
            if model.refresh == .both { openings.put(opening, true, at: now) }
        }
        if model.refresh == .both { mappings.put(key, mapping, at: now) }
        return nil
    }

    /// Notes that a port is forwarded.
    mutating func forwardPort(of inside: Endpoint, as external: Endpoint, until end: Instant) {
        closePort(of: inside)
        if let key = keys[external] { forget(key) }
        leases[inside] = Lease(external: external, end: end)
        leasedTo[external] = inside
    }

    /// Notes that a port is forwarded no more.
    mutating func closePort(of inside: Endpoint) {
        guard let lease = leases.removeValue(forKey: inside) else { return }
        if leasedTo[lease.external] == inside { leasedTo[lease.external] = nil }
    }

    /// Notes that the NAT forgot what it had mapped.
    mutating func flush() {
        mappings = AgedTable(capacity: Self.capacity(model))
        openings = AgedTable(capacity: 4 * Self.capacity(model))
        keys = [:]
        unseen = [:]
    }

    /// Notes that the NAT forgot everything.
    mutating func reboot() {
        flush()
        leases = [:]
        leasedTo = [:]
        paired = [:]
    }
}

/// What a firewall may let in.
struct CheckedFirewall {
    private struct Opening: TableKey {
        let inside: Endpoint
        let outside: Endpoint
    }

    /// Two minutes, and room for twice what the firewall remembers.
    private static let timeout: Duration = .seconds(120)
    private var openings = AgedTable<Opening, Bool>(capacity: 524_288)

    private mutating func expire(at now: Instant) {
        guard now >= .zero + Self.timeout else { return }
        while openings.removeOldest(notAfter: now - Self.timeout) != nil {}
    }

    mutating func sendOut(from inside: Endpoint, to outside: Endpoint, at now: Instant) {
        expire(at: now)
        openings.put(Opening(inside: inside, outside: outside), true, at: now)
    }

    /// Whether it may let something in; what it does let in keeps the opening.
    mutating func letIn(from outside: Endpoint, to inside: Endpoint, at now: Instant) -> Bool {
        expire(at: now)
        let opening = Opening(inside: inside, outside: outside)
        guard openings[opening] != nil else { return false }
        openings.put(opening, true, at: now)
        return true
    }
}
