/// How far something at a NAT depends on the other end (RFC 4787, sections 4.1 and 5).
public enum EndpointDependence: String, Sendable, CaseIterable {
    /// Not at all.
    case independent
    /// On its address.
    case address
    /// On its address and port.
    case addressAndPort = "address-and-port"
}

/// How a NAT chooses external ports (RFC 4787, section 4.2.1).
public enum PortAllocation: String, Sendable, CaseIterable {
    /// The internal port where it is free, else any.
    case preserved
    /// The next one.
    case sequential
    /// Any.
    case random
}

/// What keeps a mapping alive (RFC 4787, section 4.3).
public enum MappingRefresh: String, Sendable, CaseIterable {
    /// What goes out.
    case outbound
    /// What goes out or comes in.
    case both
}

/// What a NAT does with a new mapping when it has as many as it may.
public enum TableOverflow: String, Sendable, CaseIterable {
    /// It drops the datagram that asks for it.
    case refuses
    /// It forgets the mapping that was idle longest.
    case evicts
}

/// How an internal address gets one of several external ones (RFC 4787, section 4.1).
public enum AddressPooling: String, Sendable, CaseIterable {
    /// Always the same.
    case paired
    /// Another one with each mapping, in turn.
    case arbitrary
}

/// A NAT box by its independent axes (RFC 4787 and 6888).
public struct NATModel: Hashable, Sendable {
    /// On what an external port depends.
    public var mapping: EndpointDependence = .independent
    /// Who may send in through a mapping.
    public var filtering: EndpointDependence = .addressAndPort
    /// How external ports are chosen.
    public var ports: PortAllocation = .preserved
    /// Whether a node inside reaches another inside by its external endpoint (RFC 4787, section 6).
    public var hairpinning = false
    /// How long a mapping lives without traffic.
    public var timeout: Duration = .seconds(120)
    /// What keeps it alive.
    public var refresh: MappingRefresh = .outbound
    /// The most mappings; and four times as many pairs of a mapping and another end that may send in through it.
    public var limit = 65_536
    /// What happens at that limit.
    public var overflow = TableOverflow.refuses
    /// External IPv4 addresses.
    public var externalAddresses = 1
    /// How each mapping gets one of them.
    public var pooling = AddressPooling.paired
    /// Whether a node may ask for its port to be forwarded (UPnP).
    public var grantsPortMappings = false

    /// The usual box at home: endpoint-independent mapping, address-and-port-dependent filtering.
    public init() {}
}

extension NATModel {
    /// NAT boxes as they are met, by name. Each is nothing but its axes.
    public enum Preset: String, Sendable, CaseIterable {
        /// A home router: one mapping an internal port, filtered by address and port, UPnP.
        case home
        /// Everybody may send in through a mapping ("full cone").
        case open
        /// Whoever was sent to may send in, from any port ("restricted cone").
        case restricted
        /// Another external port for each other end ("symmetric"): the hard one.
        case symmetric
        /// A provider's: many addresses, random ports, endpoint-independent, hairpinning (RFC 6888).
        case carrier
    }

    /// The axes of a preset.
    public init(_ preset: Preset) {
        self.init()
        switch preset {
        case .home: grantsPortMappings = true
        case .open: filtering = .independent
        case .restricted: filtering = .address
        case .symmetric:
            mapping = .addressAndPort
            ports = .random
        case .carrier:
            filtering = .independent
            ports = .random
            hairpinning = true
            externalAddresses = 4
            timeout = .seconds(300)
        }
    }
}

extension NATModel: CustomStringConvertible {
    /// Its axes in the words of scenario files, in one line.
    public var description: String { axes.map { "\($0.name) \($0.value)" }.joined(separator: ", ") }

    /// Its axes by the keys of scenario files, each with its value.
    public var axes: [(name: String, value: String)] {
        [
            ("mapping", mapping.rawValue), ("filtering", filtering.rawValue), ("ports", ports.rawValue),
            ("hairpinning", "\(hairpinning)"), ("mapping_timeout", "\(seconds(timeout))s"),
            ("refresh", refresh.rawValue), ("limit", "\(limit)"), ("overflow", overflow.rawValue),
            ("external_addresses", "\(externalAddresses)"), ("pooling", pooling.rawValue),
            ("port_mappings", "\(grantsPortMappings)"),
        ]
    }
}
