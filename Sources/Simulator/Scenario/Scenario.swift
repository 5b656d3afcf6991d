public import VPNNode
public import VPNProtocol

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
    /// What the name service knows besides the names of nodes; the names are different.
    public var records: [RecordPlan] = []
    /// What happens from outside, by time.
    public var events: [PlannedEvent] = []
    /// What devices send.
    public var traffic: [TrafficPlan] = []
    /// What has to hold.
    public var expectations: [Expectation] = []
    /// What has to hold in every scenario that does not switch it off.
    public var invariants: [Invariant] = Invariant.defaults
    /// How long after the last fault nodes may need to become a full mesh; nil for what their timeouts allow.
    public var settlingTime: Duration?
    /// How long a second of the scenario takes in the lab, in thousandths of a second; nil where the file says nothing of the
    /// lab. It means nothing to the simulator.
    public var labScale: Int?

    /// What stands for every node where a claim is about each of some nodes. No node has this name.
    public static let allNodes = "all"

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
    /// What the node is told. Its peers' names are names of nodes, or of ``Scenario/records``.
    public var configuration: NodeConfiguration
    /// What each member of a group claims, where they claim different things; else empty.
    public var memberSubnets: [[Subnet]] = []
    /// When it starts.
    public var start: Duration = .zero
    /// How many addresses of each family it has, 1 to 16.
    public var addresses = 1
    /// How much faster its clock runs than the true one, in millionths; negative for slower. Within ±500,000.
    public var clockDrift = 0
    /// What the link does that it sends on; nil for that of the network.
    public var link: LinkModel?
    /// The password that the seal was made of, for programs that make their keys themselves; nil for none.
    public var sharedKey: String?
    /// The file of the program that it is in the lab; nil for this program. It means nothing to the simulator.
    public var implementation: String?

    /// A node in a network.
    public init(_ name: String, in network: String, _ configuration: NodeConfiguration) {
        self.name = name
        self.network = network
        self.configuration = configuration
    }

    /// The names of its nodes: its own, or those of the members.
    public var members: [String] {
        guard let count else { return [name] }
        return count < 1 ? [] : (1...count).map { "\(name)-\($0)" }
    }

    /// What its member of this index, counted from 0, is told.
    public func configuration(ofMember index: Int) -> NodeConfiguration {
        var result = configuration
        if memberSubnets.indices.contains(index) { result.subnets = memberSubnets[index] }
        return result
    }
}

/// What the name service answers for a name.
public enum RecordTarget: Hashable, Sendable {
    /// The addresses that these nodes have when it is asked.
    case nodes([String])
    /// Nothing: the name does not resolve.
    case failure
}

/// A name that the name service knows.
public struct RecordPlan: Hashable, Sendable {
    /// The name.
    public var name: String
    /// What it stands for at the start.
    public var target: RecordTarget

    /// A record from its parts.
    public init(_ name: String, _ target: RecordTarget) {
        self.name = name
        self.target = target
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
        /// A node, or each of a group, dies without a word; it starts anew after a while, where there is one.
        case kill(String, restartAfter: Duration?)
        /// A node, or each of a group, ends in good order; it starts anew after a while, where there is one.
        case stop(String, restartAfter: Duration?)
        /// A node, or each of a group, sleeps for a while, as a laptop does: it does nothing, and hears nothing.
        case suspend(String, duration: Duration)
        /// A node, or each of a group, is moved to another network.
        case move(String, to: String)
        /// A network's links change.
        case change(network: String, LinkModel)
        /// A gateway forgets its mappings.
        case flush(gatewayOf: String)
        /// A gateway forgets everything, also ports that it forwarded on request.
        case reboot(gatewayOf: String)
        /// A NAT gets other external addresses.
        case renumber(gatewayOf: String)
        /// The name service answers something else for a name.
        case record(String, RecordTarget)
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
    /// What kind of frames.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// UDP packets.
        case data
        /// Ethernet broadcasts that ask for the receiver, which answers with a frame for the sender alone, as ARP does. TAP
        /// only.
        case arp
    }

    /// Who sends: a node, or all of a group.
    public var from: String
    /// Who is to get it: a node, or all of a group; nil for everybody (broadcast).
    public var to: String?
    /// The pause between two frames.
    public var interval: Duration
    /// The bytes of a frame.
    public var size = 100
    /// When it begins.
    public var start: Duration = .zero
    /// When it ends; nil for the end of the scenario.
    public var end: Duration?
    /// How many frames each sender sends to each receiver at most; nil for as many as there is time.
    public var count: Int?
    /// Whether the receiver answers each frame.
    public var isEcho = false
    /// What kind of frames.
    public var kind = Kind.data
    /// The VLAN that frames are tagged with, 1 to 4094; nil for none. TAP only.
    public var vlan: UInt16?

    /// Traffic between two nodes.
    public init(from: String, to: String?, every interval: Duration) {
        self.from = from
        self.to = to
        self.interval = interval
    }
}
