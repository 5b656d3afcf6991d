public import VPNProtocol

/// Something that happened between a node and the system it runs on.
public enum LinuxEvent: Hashable, Sendable {
    /// The device takes no frames, since it is down.
    case deviceDown(String)
    /// The device takes frames again.
    case deviceUp(String)
    /// Reading from the device failed, and is tried again.
    case deviceReadFailed(String, SystemError)
    /// A socket told of an error that is not the fault of the packet at hand, and goes on.
    case socketError(AddressFamily, SystemError)
    /// A socket takes runs of datagrams no more: of none at all, or where a length is given, of none so long.
    case runsRefused(AddressFamily, bytes: Int?, SystemError)
    /// The device takes datagrams that were joined no more.
    case joiningRefused(String, SystemError)
    /// A name has addresses.
    case resolved(PeerName, [Endpoint])
    /// A name has none, for a reason in words.
    case resolutionFailed(PeerName, String)
    /// The router did something.
    case portForwarding(PortForwardingOutcome)
    /// A signal ends the node.
    case signal(Int32)
    /// The device is gone, which ends the node.
    case deviceLost(String, SystemError)
}

extension LinuxEvent: CustomStringConvertible {
    /// A sentence for the log.
    public var description: String {
        switch self {
        case .deviceDown(let name): "device \(name) is down; frames for it are dropped"
        case .deviceUp(let name): "device \(name) is up again"
        case .deviceReadFailed(let name, let error): "reading from device \(name) failed: \(error)"
        case .socketError(let family, let error): "\(family.rawValue) socket: \(error)"
        case .runsRefused(let family, nil, let error):
            "\(family.rawValue) socket: datagrams go one by one from now on: \(error)"
        case .runsRefused(let family, let bytes?, let error):
            "\(family.rawValue) socket: datagrams of \(bytes) bytes go one by one for a while, as they do not fit the MTU on their way: \(error)"
        case .joiningRefused(let name, let error):
            "device \(name) gets datagrams one by one from now on: \(error)"
        case .resolved(let name, let endpoints):
            "\(name) resolves to \(endpoints.map(\.description).joined(separator: ", "))"
        case .resolutionFailed(let name, let reason): "cannot resolve \(name): \(reason)"
        case .portForwarding(let outcome): outcome.description
        case .signal(let signal): "ending on signal \(signal)"
        case .deviceLost(let name, let error): "device \(name) is gone: \(error)"
        }
    }
}

extension PortForwardingOutcome: CustomStringConvertible {
    /// A sentence for the log.
    public var description: String {
        switch self {
        case .mapped(let router, let address, let port, let lease):
            "the router at \(router) forwards UDP port \(port)"
                + (address.map { " of \($0)" } ?? "")
                + (lease.map { " for \($0.components.seconds) s" } ?? " without an end")
        case .failed(let reason): "no port is forwarded: \(reason)"
        case .removed(let port): "the router forwards UDP port \(port) no more"
        case .notRemoved(let port, let reason): "the router still forwards UDP port \(port): \(reason)"
        }
    }
}
