import VPNNode
import VPNProtocol
import VPNSimulator

func endpoint(_ text: String) -> Endpoint {
    guard let endpoint = Endpoint(text) else { preconditionFailure("\(text) is an endpoint") }
    return endpoint
}

/// Two servers with two ports each, as RFC 5780 has them.
let (server, otherPort) = (endpoint("203.0.113.1:3478"), endpoint("203.0.113.1:3479"))
let (otherAddress, otherBoth) = (endpoint("203.0.113.2:3478"), endpoint("203.0.113.2:3479"))

let inside = endpoint("192.168.0.10:3210")

func box(_ model: NATModel) -> NATBox {
    let addresses = (0..<model.externalAddresses).map { IPAddress(198, 51, 100, UInt8(1 + $0)) }
    return NATBox(model, externalAddresses: addresses, seed: seed(5))
}

/// A NAT model that is the usual one but for the change.
func nat(_ change: (inout NATModel) -> Void) -> NATModel {
    var model = NATModel()
    change(&model)
    return model
}

extension NATBox {
    /// What a node finds out about the mapping by asking servers where it seems to be (RFC 5780, section 4.3).
    mutating func probeMapping(at now: Instant) throws -> EndpointDependence {
        let first = try translate(outbound: inside, to: server, at: now)
        if try translate(outbound: inside, to: otherBoth, at: now) == first {
            return try translate(outbound: inside, to: otherPort, at: now) == first ? .independent : .addressAndPort
        }
        return try translate(outbound: inside, to: otherPort, at: now) == first ? .address : .addressAndPort
    }

    /// What a node finds out about the filtering by having servers answer from elsewhere (RFC 5780, section 4.4).
    mutating func probeFiltering(at now: Instant) throws -> EndpointDependence {
        let external = try translate(outbound: inside, to: server, at: now)
        if lets(otherBoth, to: external, at: now) { return .independent }
        return lets(otherPort, to: external, at: now) ? .address : .addressAndPort
    }

    mutating func lets(_ source: Endpoint, to external: Endpoint, at now: Instant) -> Bool {
        (try? translate(inbound: source, to: external, at: now)) == inside
    }
}
