public import VPNNode

/// Why a scenario cannot be run.
public enum ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Two nodes have one name.
    case duplicateNode(String)
    /// Something refers to a node that is not there.
    case unknownNode(String)
    /// Something refers to a name that the name service does not know.
    case unknownRecord(String)
    /// The networks do not fit together.
    case topology(TopologyError)
    /// A node cannot be made of its configuration.
    case configuration(node: String, ConfigurationError)
    /// There are more frames than ``Scenario/maximumFrames``, each counted once for each receiver.
    case tooMuchTraffic(frames: Int)

    /// What is wrong, and what would be right.
    public var description: String {
        switch self {
        case .duplicateNode(let name): "two nodes are called '\(name)'; give one of them another name"
        case .unknownNode(let name): "there is no node '\(name)'"
        case .unknownRecord(let name): "there is no name '\(name)' among the records"
        case .topology(let error): "the networks do not fit together: \(error.words)"
        case .configuration(let node, let error): "node '\(node)': \(error)"
        case .tooMuchTraffic(let frames):
            "\(frames) frames are more than the \(Scenario.maximumFrames) that can be followed; send fewer"
        }
    }
}

extension TopologyError {
    /// What is wrong, in words.
    var words: String {
        switch self {
        case .duplicateNetwork(let name): "two are called '\(name)'"
        case .unknownNetwork(let name): "there is no network '\(name)'"
        case .unknownNode(let name): "there is no node '\(name)'"
        case .cycle(let name): "the gateways of '\(name)' lead back to it"
        case .tooDeep(let name): "'\(name)' has more than \(Topology.maximumDepth) gateways above it"
        case .noFamily(let name): "'\(name)' has neither IPv4 nor IPv6"
        case .translationWithoutIPv4(let name): "the NAT of '\(name)' needs IPv4 on both sides"
        case .unusableNAT(let name): "the NAT of '\(name)' needs 1 to 254 external addresses and room for a mapping"
        case .noAddressLeft(let name):
            "there are no more addresses for '\(name)'; use fewer networks, or put more nodes into each"
        case .addressCount(let name): "a node has 1 to 16 addresses of each family, and '\(name)' another number"
        case .noNAT(let name): "'\(name)' is behind no NAT"
        case .inTwoGroups(let name): "'\(name)' is in two groups of one partition"
        }
    }
}
