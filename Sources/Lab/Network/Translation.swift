import VPNNode
import VPNProtocol
import VPNSimulator

/// The box between a network and the one outside, as rules of nftables.
///
/// Where a NAT keeps one external port for each inner one, whoever is sent to, the lab knows all inner endpoints and writes
/// the ports into two maps; else the kernel chooses a port for each connection, as it does of itself. Who may send in is
/// a set of openings that what goes out makes, and that run out as the scenario says, not as the kernel does.
struct Translation {
    /// An inner endpoint, and what it is outside.
    struct Entry: Hashable {
        let inside: Endpoint
        let external: Endpoint
    }

    let model: NATModel?
    let isFirewall: Bool
    let clock: LabClock
    private(set) var externals: [IPAddress]
    private(set) var entries: [Entry] = []
    private var next = 0
    private var random: RandomNumbers

    init(_ gateway: GatewayPlan, externals: [IPAddress], clock: LabClock, numbers: RandomNumbers) {
        model = gateway.nat
        isFirewall = gateway.isFirewall
        self.externals = externals
        self.clock = clock
        random = numbers
    }

    /// Whether the external ports are in maps.
    var hasMaps: Bool { model?.mapping == .independent }
    /// Whether anything is to be forgotten.
    var hasMemory: Bool { model != nil || isFirewall }

    /// Takes an inner endpoint in, where it is not known, and says what it is outside; nil where nobody can know.
    mutating func register(_ inside: Endpoint) -> (external: Endpoint, isNew: Bool)? {
        guard let model, hasMaps, inside.address.isIPv4 else { return nil }
        if let entry = entries.first(where: { $0.inside == inside }) { return (entry.external, false) }
        let address: IPAddress
        if model.pooling == .paired, let known = entries.first(where: { $0.inside.address == inside.address }) {
            address = known.external.address
        } else {
            address = externals[next % externals.count]
            next += 1
        }
        let external = Endpoint(address, port: port(for: inside, at: address))
        entries.append(Entry(inside: inside, external: external))
        return (external, true)
    }

    private mutating func port(for inside: Endpoint, at address: IPAddress) -> UInt16 {
        let taken = Set(entries.filter { $0.external.address == address }.map(\.external.port))
        if model?.ports == .preserved, !taken.contains(inside.port) { return inside.port }
        if model?.ports == .sequential {
            return (UInt16(1024)...65_535).first { !taken.contains($0) } ?? inside.port
        }
        while true {
            let port = UInt16(1024 + random.next(below: 64_512))
            if !taken.contains(port) { return port }
        }
    }

    /// Forgets all inner endpoints, and has other external addresses where some are given.
    mutating func forget(externals: [IPAddress]? = nil) {
        entries.removeAll()
        if let externals { self.externals = externals }
    }

    /// The elements of the maps for some entries.
    func elements(_ entries: [Entry]) -> [String] {
        guard !entries.isEmpty else { return [] }
        let outward = entries.map { "\($0.inside.words) : \($0.external.words)" }.joined(separator: ", ")
        let inward = entries.map { "\($0.external.words) : \($0.inside.words)" }.joined(separator: ", ")
        return [
            "add element ip gate outward { \(outward) }", "add element ip gate inward { \(inward) }",
        ]
    }

    /// The rules, in place of those that were there.
    var rules: [String] {
        var lines = ["table ip gate", "delete table ip gate", "table inet wall", "delete table inet wall"]
        if let model { lines += translation(model) + elements(entries) }
        if isFirewall { lines += wall }
        return lines
    }

    private func milliseconds(_ duration: Duration) -> Int64 { max(100, clock.real(duration).nanoseconds / 1_000_000) }

    /// What of both ends an opening is made of: the kinds, what goes out, and what comes in.
    private func opening(_ filtering: EndpointDependence) -> (type: String, outward: String, inward: String) {
        switch filtering {
        case .independent: ("ipv4_addr . inet_service", "ip saddr . udp sport", "ip daddr . udp dport")
        case .address:
            (
                "ipv4_addr . inet_service . ipv4_addr", "ip saddr . udp sport . ip daddr",
                "ip daddr . udp dport . ip saddr"
            )
        case .addressAndPort:
            (
                "ipv4_addr . inet_service . ipv4_addr . inet_service",
                "ip saddr . udp sport . ip daddr . udp dport", "ip daddr . udp dport . ip saddr . udp sport"
            )
        }
    }

    private func translation(_ model: NATModel) -> [String] {
        let opening = opening(model.filtering)
        let refresh = model.refresh == .both ? "update @openings { \(opening.inward) } " : ""
        var lines = [
            "table ip gate {",
            "set externals {", "type ipv4_addr",
            "elements = { \(externals.map { "\($0)" }.joined(separator: ", ")) }", "}",
            "map outward {", "type ipv4_addr . inet_service : ipv4_addr . inet_service", "}",
            "map inward {", "type ipv4_addr . inet_service : ipv4_addr . inet_service", "}",
            "set openings {", "type \(opening.type)", "flags dynamic,timeout",
            "timeout \(milliseconds(model.timeout))ms", "size 65536", "}",
            "chain translate_in {", "type nat hook prerouting priority dstnat",
        ]
        if hasMaps {
            let side = model.hairpinning ? "" : "iifname \"outer\" "
            lines.append("\(side)ip daddr @externals dnat ip to ip daddr . udp dport map @inward")
        }
        lines += ["}", "chain translate_out {", "type nat hook postrouting priority srcnat"]
        if hasMaps {
            lines.append("oifname \"outer\" snat ip to ip saddr . udp sport map @outward")
            if model.hairpinning {
                lines.append(
                    "iifname \"inner\" oifname \"inner\" ct status dnat snat ip to ip saddr . udp sport map @outward")
            }
        }
        lines.append("oifname \"outer\" \(kernelTranslation(model))")
        lines += [
            "}", "chain through {", "type filter hook forward priority filter",
            "iifname \"inner\" oifname \"outer\" update @openings { \(opening.outward) } accept",
        ]
        if model.hairpinning {
            lines.append("iifname \"inner\" oifname \"inner\" ct status dnat update @openings { \(opening.outward) }")
        }
        lines += [
            "\(opening.inward) @openings \(refresh)accept", "ct state related accept", "drop", "}",
            "chain to_itself {", "type filter hook input priority filter", "ip daddr @externals drop", "}", "}",
        ]
        return lines
    }

    /// What the kernel does where no map says the port.
    private func kernelTranslation(_ model: NATModel) -> String {
        var flags = model.ports == .preserved ? [] : ["fully-random"]
        guard let first = externals.first, let last = externals.last, externals.count > 1 else {
            return (["masquerade"] + flags).joined(separator: " ")
        }
        if model.pooling == .paired { flags.append("persistent") }
        return (["snat ip to \(first)-\(last)"] + (flags.isEmpty ? [] : [flags.joined(separator: ",")]))
            .joined(separator: " ")
    }

    /// A firewall, for both families.
    private var wall: [String] {
        let time = milliseconds(StatefulFirewall.timeout)
        var lines = ["table inet wall {"]
        for (number, type) in [(4, "ipv4_addr"), (6, "ipv6_addr")] {
            lines += [
                "set openings\(number) {", "type \(type) . inet_service . \(type) . inet_service",
                "flags dynamic,timeout", "timeout \(time)ms", "size 65536", "}",
            ]
        }
        lines += ["chain through {", "type filter hook forward priority 10", "meta l4proto != udp accept"]
        for (number, family) in [(4, "ip"), (6, "ip6")] {
            let outward = "\(family) saddr . udp sport . \(family) daddr . udp dport"
            let inward = "\(family) daddr . udp dport . \(family) saddr . udp sport"
            lines += [
                "iifname \"inner\" update @openings\(number) { \(outward) } accept",
                "iifname \"outer\" \(inward) @openings\(number) update @openings\(number) { \(inward) } accept",
            ]
        }
        return lines + ["iifname \"outer\" drop", "}", "}"]
    }
}

extension Endpoint {
    /// As a part of an element in nftables.
    fileprivate var words: String { "\(address) . \(port)" }
}
