public import VPNProtocol

extension Topology {
    /// The addresses of a node; none where there is no such node.
    public func addresses(of node: String) -> [IPAddress] {
        guard case .attached(_, _, _, let addresses, _)? = attachment(of: node) else { return [] }
        return addresses
    }

    /// The name of the network in which an address is; nil where nobody has it.
    public func networkName(of address: IPAddress) -> String? { network(of: address).map { name(ofNetwork: $0) } }
}
