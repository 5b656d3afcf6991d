import VPNNode
import VPNProtocol

extension TraceRecord {
    /// Appends why a datagram was lost.
    mutating func append(_ loss: NetworkLoss) {
        switch loss {
        case .onTheWay: append(UInt8(0))
        case .refused(let code):
            append(UInt8(1))
            append(code)
        case .noReceiver: append(UInt8(2))
        case .link(let loss):
            append(UInt8(3))
            append(loss.traceNumber)
        case .nat(let refusal):
            append(UInt8(4))
            append(refusal.traceNumber)
        case .firewall: append(UInt8(5))
        case .noRoute: append(UInt8(6))
        case .partitioned: append(UInt8(7))
        case .tooManyHops: append(UInt8(8))
        case .suspended: append(UInt8(9))
        }
    }

    /// Appends a place, or that there is none.
    mutating func append(_ place: NetworkPlace?) {
        switch place {
        case nil: append(UInt8(0))
        case .link(let link):
            append(UInt8(1))
            append(link)
        case .network(let network): append(kind: 2, number: network)
        case .gateway(let network): append(kind: 3, number: network)
        case .node(let node): append(kind: 4, number: node)
        case .outside: append(UInt8(5))
        }
    }

    /// Appends which link it is.
    mutating func append(_ link: LinkIdentity) {
        append(number: link.network)
        switch link.sender {
        case .node(let node): append(kind: 0, number: node)
        case .gateway(let network): append(kind: 1, number: network)
        }
    }

    /// Appends a change of the topology.
    mutating func append(_ change: NetworkChange) {
        switch change {
        case .attached(let node, let name, let network, let addresses, let link):
            append(kind: 0, number: node)
            append(text: name)
            append(number: network)
            append(number: addresses.count)
            for address in addresses { append(address.bits) }
            append(UInt8(link == nil ? 0 : 1))
            if let link { append(link) }
        case .partitioned(let groups, let oneWay):
            append(kind: 1, number: groups.count)
            append(UInt8(oneWay ? 1 : 0))
            for group in groups {
                append(number: group.count)
                for node in group { append(number: node) }
            }
        case .healed: append(UInt8(2))
        case .linksChanged(let network, let model):
            append(kind: 3, number: network)
            append(model)
        case .flushed(let network): append(kind: 4, number: network)
        case .rebooted(let network): append(kind: 5, number: network)
        case .numbered(let network, let addresses):
            append(kind: 6, number: network)
            append(number: addresses.count)
            for address in addresses { append(address.bits) }
        case .portForwarded(let network, let inside, let external, let end):
            append(kind: 7, number: network)
            append(inside)
            append(external)
            append(end.nanoseconds)
        case .portClosed(let network, let inside):
            append(kind: 8, number: network)
            append(inside)
        }
    }

    private mutating func append(kind: UInt8, number: Int) {
        append(kind)
        append(number: number)
    }

    private mutating func append(_ model: LinkModel) {
        append(model.heldLatency.wholeNanoseconds)
        append(UInt8(model.jitter == nil ? 0 : 1))
        if let jitter = model.jitter {
            append(jitter.distribution.traceNumber)
            append(jitter.amount.wholeNanoseconds)
            append(UInt8(jitter.mayReorder ? 1 : 0))
        }
        append(model.loss)
        for probability in [model.duplication, model.corruption, model.truncation] {
            append(number: probability.millionths)
        }
        append(number: model.rate ?? -1)
        append(number: model.queueBytes)
        append(number: model.mtu ?? -1)
        append(UInt8(model.reportsTooLong ? 1 : 0))
    }

    private mutating func append(_ loss: Loss) {
        switch loss {
        case .independent(let probability): append(kind: 0, number: probability.millionths)
        case .bursts(let toBad, let toGood, let lossInGood, let lossInBad):
            append(UInt8(1))
            for probability in [toBad, toGood, lossInGood, lossInBad] { append(number: probability.millionths) }
        case .numbered(let numbers):
            append(kind: 2, number: numbers.count)
            for number in numbers { append(number: number) }
        case .messages(let type, let numbers):
            append(kind: 3, number: numbers.count)
            append(type.rawValue)
            for number in numbers { append(number: number) }
        }
    }
}

extension EndCause {
    var traceNumber: UInt8 {
        switch self {
        case .killed: 0
        case .stopped: 1
        }
    }
}

extension LinkLoss {
    fileprivate var traceNumber: UInt8 {
        switch self {
        case .lost: 0
        case .queueFull: 1
        case .tooLong: 2
        }
    }
}

extension NATRefusal {
    fileprivate var traceNumber: UInt8 {
        switch self {
        case .tableFull: 0
        case .noFreePort: 1
        case .noMapping: 2
        case .filtered: 3
        case .noHairpinning: 4
        }
    }
}

extension Jitter.Distribution {
    fileprivate var traceNumber: UInt8 {
        switch self {
        case .uniform: 0
        case .normal: 1
        case .pareto: 2
        }
    }
}
