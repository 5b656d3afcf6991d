import VPNProtocol

extension StateSummary {
    /// What statistics say.
    package init(_ statistics: NodeStatistics) {
        peers = statistics.peers.count
        stations = statistics.stations.count
        var hash = SipHash128(key: 0, 0)
        var record = TraceRecord()
        record.append(statistics.id.bits)
        for peer in statistics.peers {
            record.append(peer)
            hash.append(record.contents.span)
            record.removeAll()
        }
        record.append(number: stations)
        for station in statistics.stations {
            record.append(station.address.family.rawValue)
            record.append(station.address.bits)
            record.append(station.peer.bits)
            record.append(station.seen.nanoseconds)
            hash.append(record.contents.span)
            record.removeAll()
        }
        record.append(statistics.counters)
        hash.append(record.contents.span)
        digest = hash.digest
    }
}

extension TraceRecord {
    fileprivate mutating func append(_ peer: PeerStatistics) {
        append(peer.id.bits)
        append(number: peer.addresses.count)
        for address in peer.addresses { append(address) }
        append(number: peer.subnets.count)
        for subnet in peer.subnets {
            append(subnet.form.rawValue)
            append(subnet.base)
            append(subnet.prefixLength)
        }
        append(peer.joined.nanoseconds)
        append(peer.heard.nanoseconds)
        append(peer.received)
        append(peer.sent)
        append(peer.failedSends)
    }

    fileprivate mutating func append(_ counters: NodeCounters) {
        append(counters.delivered)
        append(counters.taken)
        append(counters.withheldAnswers)
        for reason in DropReason.allCases { append(counters.dropped(reason)) }
        for table in BoundedTable.allCases { append(counters.evictions(from: table)) }
    }

    private mutating func append(_ traffic: Traffic) {
        append(traffic.packets)
        append(traffic.bytes)
    }
}
