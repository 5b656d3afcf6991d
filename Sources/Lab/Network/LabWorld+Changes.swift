import VPNNode
import VPNProtocol
import VPNSimulator

// What happens to networks and gateways.
extension LabWorld {
    /// Moves a node into another network, where it gets other addresses.
    func move(_ node: Int, to network: String) throws {
        try topology.attach(names[node], to: network)
        let place = number(ofNetwork: network)
        guard place != places[node] else { return }
        try unplug(node)
        places[node] = place
        try connect(node)
        try route()
        try changeLink(ofNode: node)
        try tell(registerAll())
        try writeHosts()
    }

    /// Writes the maps of gateways anew that have learned of endpoints.
    private func tell(_ changed: [Int]) throws {
        for number in Set(changed).sorted() {
            guard let translation = translations[number] else { continue }
            try gateways[number]?.nft(
                ["flush map ip gate outward", "flush map ip gate inward"] + translation.elements(translation.entries))
        }
    }

    /// Lets a gateway forget everything. The lab's gateways forward no ports on request, so that there is no more to forget
    /// after a reboot than otherwise.
    func flush(gatewayOf network: String) throws {
        let number = number(ofNetwork: network)
        forget(translationOf: number)
        try renew(number)
    }

    /// Gives a NAT other external addresses.
    func renumber(gatewayOf network: String) throws {
        let number = number(ofNetwork: network)
        let before = translations[number]?.externals ?? []
        let addresses = try topology.changeExternalAddresses(ofNATOf: network)
        forget(translationOf: number, externals: addresses)
        try gateways[number]?.ip(
            // The kernel takes the later ones of a range away with the first.
            before.reversed().map { "addr del \($0)/24 dev outer" } + addresses.map { "addr add \($0)/24 dev outer" })
        try renew(number)
        try route()
    }

    private func renew(_ number: Int) throws {
        let others = registerAll().filter { $0 != number }
        try gateways[number]?.nft(translations[number]?.rules ?? [])
        try gateways[number]?.forgetConnections()
        try tell(others)
    }
}
