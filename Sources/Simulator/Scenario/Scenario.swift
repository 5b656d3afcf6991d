public import VPNNode

/// A whole network and what happens in it: what a scenario file says, in values that cannot be wrong one by one.
public struct Scenario: Sendable {
    /// What it shows, for people.
    public var name: String
    /// Everything random depends on this, and on nothing else.
    public var seed: UInt64 = 1
    /// How long it runs, in virtual time.
    public var duration: Duration = .seconds(60)
    /// The networks; the names are different.
    public var networks: [NetworkPlan] = []
    /// The nodes; the names are different.
    public var nodes: [NodePlan] = []
    /// What happens from outside, by time.
    public var events: [PlannedEvent] = []
    /// What devices send.
    public var traffic: [TrafficPlan] = []
    /// What has to hold.
    public var expectations: [Expectation] = []

    /// An empty network.
    public init(name: String) { self.name = name }
}

/// A network that nodes are in.
public struct NetworkPlan: Hashable, Sendable {
    /// The name that nodes and gateways refer to.
    public var name: String
    /// What its links do, each node having one to the middle; a datagram between two nodes crosses it once.
    public var link = LinkModel()
    /// What they do with what the gateway sends inwards; nil for the same.
    public var inwardLink: LinkModel?
    /// Whether its nodes have IPv4 addresses.
    public var hasIPv4 = true
    /// Whether its nodes have IPv6 addresses.
    public var hasIPv6 = false
    /// How it is connected to an outer network; nil for one that is not.
    public var gateway: GatewayPlan?

    /// A network of its own.
    public init(_ name: String) { self.name = name }
}

/// The box between a network and the one outside of it.
public struct GatewayPlan: Hashable, Sendable {
    /// The outer network.
    public var network: String
    /// What it translates; nil for a router without translation.
    public var nat: NATModel?
    /// Whether it lets in only what answers something from inside (a stateful firewall).
    public var isFirewall = false

    /// A gateway to an outer network.
    public init(to network: String, nat: NATModel? = nil) {
        self.network = network
        self.nat = nat
    }
}

/// A node, or several alike.
public struct NodePlan: Sendable {
    /// The name; with ``count``, of all together: `leaf` stands for `leaf-1`, `leaf-2`, …
    public var name: String
    /// How many there are of it.
    public var count: Int?
    /// The network it is in.
    public var network: String
    /// What the node is told. Its peers' names are names of nodes, or of ``Scenario`` records.
    public var configuration: NodeConfiguration
    /// When it starts.
    public var start: Duration = .zero

    /// A node in a network.
    public init(_ name: String, in network: String, _ configuration: NodeConfiguration) {
        self.name = name
        self.network = network
        self.configuration = configuration
    }
}

/// Something that happens from outside at a certain time.
public struct PlannedEvent: Hashable, Sendable {
    /// What happens.
    public enum Action: Hashable, Sendable {
        /// Groups of nodes lose all connection to each other. One way, there are two groups, and what the first sends does
        /// not reach the second.
        case partition([[String]], oneWay: Bool)
        /// All partitions end.
        case heal
        /// A node dies without a word; it starts anew after a while, where there is one.
        case kill(String, restartAfter: Duration?)
        /// A node ends in good order; it starts anew after a while, where there is one.
        case stop(String, restartAfter: Duration?)
        /// A node is moved to another network.
        case move(String, to: String)
        /// A network's links change.
        case change(network: String, LinkModel)
        /// A gateway forgets its mappings.
        case flush(gatewayOf: String)
    }

    /// When.
    public var time: Duration
    /// What.
    public var action: Action

    /// An event from its parts.
    public init(at time: Duration, _ action: Action) {
        self.time = time
        self.action = action
    }
}

/// Frames that devices send at regular intervals.
public struct TrafficPlan: Hashable, Sendable {
    /// Who sends: a node, or all of a group.
    public var from: String
    /// Who is to get it: a node, or all of a group; nil for everybody (broadcast).
    public var to: String?
    /// The pause between two frames.
    public var interval: Duration
    /// The bytes of a frame.
    public var size = 100
    /// When it begins and ends; nil for the end of the scenario.
    public var start: Duration = .zero
    /// When it ends; nil for the end of the scenario.
    public var end: Duration?
    /// Whether the receiver answers each frame.
    public var isEcho = false

    /// Traffic between two nodes.
    public init(from: String, to: String?, every interval: Duration) {
        self.from = from
        self.to = to
        self.interval = interval
    }
}

/// Something that has to hold.
public struct Expectation: Hashable, Sendable {
    /// What has to hold.
    public enum Claim: Hashable, Sendable {
        /// Every node of a group (all nodes where it is empty) has every other one as a peer.
        case connected([String])
        /// None of the first group has one of the second as a peer.
        case disconnected([String], [String])
        /// So many hundredths of a percent of the frames sent in the window from one to another arrive, at least or at most.
        case delivery(from: String, to: String?, atLeast: Int?, atMost: Int?)
        /// So many hundredths of a percent of the delivered frames in the window take no longer than this.
        case latency(from: String, to: String?, percentile: Int, atMost: Duration)
        /// A node drops, for a reason, so many packets in all, at least or at most.
        case dropped(String, DropReason, atLeast: Int?, atMost: Int?)
    }

    /// When it has to hold.
    public enum Time: Hashable, Sendable {
        /// At every instant of the window.
        case always(from: Duration, to: Duration?)
        /// At no instant of the window.
        case never(from: Duration, to: Duration?)
        /// At some instant before this one.
        case within(Duration)
        /// At the end.
        case atEnd
        /// Counted over the window.
        case over(from: Duration, to: Duration?)
    }

    /// What has to hold.
    public var claim: Claim
    /// When.
    public var time: Time
    /// The words of the scenario file, for reports.
    public var text: String

    /// An expectation from its parts.
    public init(_ claim: Claim, _ time: Time, text: String) {
        self.claim = claim
        self.time = time
        self.text = text
    }
}
