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
        case .topology(let error): "the networks do not fit together: \(error)"
        case .configuration(let node, let error): "node '\(node)': \(error)"
        case .tooMuchTraffic(let frames):
            "\(frames) frames are more than the \(Scenario.maximumFrames) that can be followed; send fewer"
        }
    }
}
