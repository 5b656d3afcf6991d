import VPNProtocol

/// Hashes and counts what comes out of an engine in one round. Two engines whose rounds have the same digest did the same.
struct OutputDigest {
    /// Nothing of these is secret; another key would only be another hash.
    private var hash = SipHash128(key: 0, 0)
    private var record = TraceRecord()
    private var summary = RoundSummary()
    /// Whether nothing came out, and nothing went in.
    private(set) var isEmpty = true

    /// What stands before each part, so that none can be taken for another.
    private enum Part: UInt8 {
        case disposition = 1
        case sealing = 2
        case transmit = 3
        case end = 4
    }

    /// Takes in what became of a datagram.
    mutating func append(_ disposition: Reception.Disposition) {
        isEmpty = false
        hash.append(Part.disposition.rawValue)
        switch disposition {
        case .handled: hash.append(0)
        case .deliver:
            hash.append(1)
            summary.frames += 1
        case .drop(let reason):
            hash.append(2)
            hash.append(reason.traceNumber)
        }
    }

    /// Takes in the packets of a batch that are not sealed yet, and the last nonce before theirs.
    mutating func append(unsealedOf batch: borrowing OutputBatch, after nonce: Nonce) {
        isEmpty = false
        hash.append(Part.sealing.rawValue)
        record.append(nonce.bits)
        flushRecord()
        let bytes = batch.bytes
        let destinations = batch.destinations
        for transmit in batch.unsealed {
            record.append(Part.transmit.rawValue)
            record.append(transmit.type.rawValue)
            record.append(number: transmit.range.count)
            record.append(number: transmit.segmentBytes)
            record.append(number: transmit.destinations.count)
            for index in transmit.destinations { record.append(destinations[index]) }
            flushRecord()
            for packet in transmit.segments {
                let message = batch.message(of: packet)
                hash.append(bytes.extracting(message))
                summary.packets += transmit.destinations.count
                summary.messageBytes += message.count * transmit.destinations.count
            }
        }
    }

    /// Takes in what else is in a batch at the end of a round, and when the engine wants to be called. Returns what came out
    /// in the round, and begins the next.
    mutating func endRound(_ batch: borrowing OutputBatch, deadline: Instant?) -> RoundSummary {
        hash.append(Part.end.rawValue)
        record.append(number: batch.names.count)
        for name in batch.names {
            record.append(text: name.host)
            record.append(name.port)
        }
        record.append(number: batch.portMappings.count)
        for request in batch.portMappings { record.append(request) }
        record.append(number: batch.events.count)
        flushRecord()
        for event in batch.events {
            record.append(event)
            flushRecord()
        }
        record.append(UInt8(deadline == nil ? 0 : 1))
        if let deadline { record.append(deadline.nanoseconds) }
        flushRecord()
        summary.events = batch.events.count
        summary.wishes = batch.names.count + batch.portMappings.count
        summary.digest = hash.digest
        defer {
            hash = SipHash128(key: 0, 0)
            summary = RoundSummary()
            isEmpty = true
        }
        return summary
    }

    private mutating func flushRecord() { Self.flush(&record, into: &hash) }

    /// The parts are separate parameters, since one of them lends its bytes meanwhile.
    private static func flush(_ record: inout TraceRecord, into hash: inout SipHash128) {
        hash.append(record.contents.span)
        record.removeAll()
    }
}

extension TraceRecord {
    /// Appends a wish to the router.
    fileprivate mutating func append(_ request: PortMappingRequest) {
        switch request {
        case .map(let port, let lease):
            append(UInt8(0))
            append(port)
            append(lease.nanoseconds)
        case .unmap(let port):
            append(UInt8(1))
            append(port)
        }
    }
}
