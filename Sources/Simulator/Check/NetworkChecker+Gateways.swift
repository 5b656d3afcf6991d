import VPNNode
import VPNProtocol

extension NetworkChecker {
    /// Checks what a gateway made of the addresses of a copy that it sends on into a link.
    func translate(_ copy: FlyingCopy, to datagram: VirtualDatagram, on link: LinkIdentity, at now: Instant) {
        guard case .gateway(let gateway) = link.sender, let from = copy.link else {
            if copy.source != datagram.source || copy.destination != datagram.destination {
                violationList.append(.wrongTranslation, at: now, datagram: datagram.id, place: .link(link))
            }
            return
        }
        let fault: NetworkViolation.Kind?
        if from.network == gateway {
            fault =
                link.network == gateway
                ? hairpin(copy, datagram, at: gateway, now) : goOut(copy, datagram, at: gateway, now)
        } else {
            fault = goIn(copy, datagram, at: gateway, now)
        }
        if let fault { violationList.append(fault, at: now, datagram: datagram.id, place: .gateway(gateway)) }
    }

    private func goOut(
        _ copy: FlyingCopy, _ datagram: VirtualDatagram, at gateway: Int, _ now: Instant
    ) -> NetworkViolation.Kind? {
        networks[gateway].firewall?.sendOut(from: datagram.source, to: datagram.destination, at: now)
        guard copy.destination == datagram.destination else { return .wrongTranslation }
        guard networks[gateway].nat != nil, copy.source.address.isIPv4 else {
            return copy.source == datagram.source ? nil : .wrongTranslation
        }
        return networks[gateway].nat?.sendOut(
            from: copy.source, as: datagram.source, to: copy.destination, at: now)
    }

    private func goIn(
        _ copy: FlyingCopy, _ datagram: VirtualDatagram, at gateway: Int, _ now: Instant
    ) -> NetworkViolation.Kind? {
        if networks[gateway].firewall?.letIn(from: copy.source, to: copy.destination, at: now) == false {
            return .passedFirewall
        }
        guard copy.source == datagram.source else { return .wrongTranslation }
        guard networks[gateway].nat != nil, copy.destination.address.isIPv4 else {
            return copy.destination == datagram.destination ? nil : .wrongTranslation
        }
        return networks[gateway].nat?.letIn(
            from: copy.source, to: copy.destination, as: datagram.destination, at: now)
    }

    /// Back inside through the external addresses: out and in at once.
    private func hairpin(
        _ copy: FlyingCopy, _ datagram: VirtualDatagram, at gateway: Int, _ now: Instant
    ) -> NetworkViolation.Kind? {
        guard let nat = networks[gateway].nat, nat.model.hairpinning,
            nat.externalAddresses.contains(copy.destination.address)
        else { return .hairpinned }
        let out = networks[gateway].nat?.sendOut(
            from: copy.source, as: datagram.source, to: copy.destination, at: now)
        let back = networks[gateway].nat?.letIn(
            from: datagram.source, to: copy.destination, as: datagram.destination, at: now)
        return out ?? back ?? nil
    }

    /// Takes note of what a NAT did not let through, which may nevertheless have opened something.
    func refuse(_ copy: FlyingCopy, at gateway: Int, _ now: Instant) {
        guard copy.link?.network == gateway else {
            _ = networks[gateway].firewall?.letIn(from: copy.source, to: copy.destination, at: now)
            return
        }
        guard let nat = networks[gateway].nat, nat.model.hairpinning,
            nat.externalAddresses.contains(copy.destination.address)
        else { return }
        _ = networks[gateway].nat?.sendOut(from: copy.source, as: nil, to: copy.destination, at: now)
    }
}
