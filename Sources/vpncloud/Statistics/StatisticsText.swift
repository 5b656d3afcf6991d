import VPNLinuxIO
import VPNNode
import VPNProtocol

/// The text of the statistics file: YAML, with one line for each peer's or station's value.
///
/// Rates are those since the last text, so one writer makes them all.
struct StatisticsText {
    private struct Sample {
        var received: Traffic
        var sent: Traffic
    }

    /// What was counted when the last text was made.
    private var last: (uptime: Duration, peers: [NodeID: Sample], device: Sample)?

    init() {}

    /// The text of a picture of the node.
    ///
    /// - Parameters:
    ///   - capture: what was captured; nil where nothing is.
    ///   - recording: what was recorded; nil where nothing is.
    ///   - time: the time of day, as ``WallClock`` writes it.
    mutating func text(
        _ statistics: NodeStatistics, io: IOCounters, offload: OffloadInUse, capture: CaptureStatistics? = nil,
        recording: RecordingWriter.Statistics? = nil, uptime: Duration, time: String
    ) -> String {
        let elapsed = last.map { uptime - $0.uptime } ?? uptime
        let now = Instant.zero + uptime
        let counters = statistics.counters
        let device = Sample(received: counters.taken, sent: counters.delivered)
        var text = """
            # Statistics of vpncloud \(Version.number), replaced every minute. Times are in seconds, ages count back from 'written'.
            written: "\(time)"
            node: "\(statistics.id)"
            uptime: \(uptime.decimal)

            """
        text += "peers:\(statistics.peers.isEmpty ? " []" : "")\n"
        for peer in statistics.peers {
            append(peer, to: &text, at: now, elapsed: elapsed)
        }
        text += "table:\(statistics.stations.isEmpty ? " []" : "")\n"
        for station in statistics.stations {
            text +=
                "  - {address: \"\(station.address)\", peer: \"\(station.peer)\", seen: \((now - station.seen).decimal)}\n"
        }
        text += "device:\n"
        Self.append("from_device", device.received, since: last?.device.received, elapsed, indent: "  ", to: &text)
        Self.append("to_device", device.sent, since: last?.device.sent, elapsed, indent: "  ", to: &text)
        text += "drops:\n"
        for reason in DropReason.allCases { text += "  \(reason.name.snakeCase): \(counters.dropped(reason))\n" }
        text += "answers_withheld: \(counters.withheldAnswers)\n"
        text += "evictions:\n"
        for table in BoundedTable.allCases { text += "  \(table.name.snakeCase): \(counters.evictions(from: table))\n" }
        text += "system:\n"
        for (name, value) in io.named { text += "  \(name): \(value)\n" }
        text += "offload:\n"
        for (name, value) in offload.named { text += "  \(name): \(value)\n" }
        if let capture { text += capture.yaml }
        if let recording { text += recording.yaml }
        remember(statistics, device, uptime)
        return text
    }

    private mutating func remember(_ statistics: NodeStatistics, _ device: Sample, _ uptime: Duration) {
        var peers: [NodeID: Sample] = [:]
        for peer in statistics.peers { peers[peer.id] = Sample(received: peer.received, sent: peer.sent) }
        last = (uptime, peers, device)
    }

    private func append(_ peer: PeerStatistics, to text: inout String, at now: Instant, elapsed: Duration) {
        let before = last?.peers[peer.id]
        // A peer that came since the last text has counted for as long as it has been there.
        let elapsed = before == nil ? now - peer.joined : elapsed
        text += "  - id: \"\(peer.id)\"\n"
        text += "    addresses: [\(peer.addresses.map { "\"\($0)\"" }.joined(separator: ", "))]\n"
        text += "    subnets: [\(peer.subnets.map { "\"\($0)\"" }.joined(separator: ", "))]\n"
        text += "    connected: \((now - peer.joined).decimal)\n"
        text += "    last_heard: \((now - peer.heard).decimal)\n"
        Self.append("received", peer.received, since: before?.received, elapsed, indent: "    ", to: &text)
        Self.append("sent", peer.sent, since: before?.sent, elapsed, indent: "    ", to: &text)
        text += "    failed_sends: \(peer.failedSends)\n"
    }

    private static func append(
        _ name: String, _ traffic: Traffic, since before: Traffic?, _ elapsed: Duration, indent: String,
        to text: inout String
    ) {
        let packets = rate(traffic.packets, since: before?.packets, elapsed)
        let bytes = rate(traffic.bytes, since: before?.bytes, elapsed)
        text += "\(indent)\(name): {packets: \(traffic.packets), bytes: \(traffic.bytes), "
        text += "packets_per_second: \(packets), bytes_per_second: \(bytes)}\n"
    }

    /// A rate per second with one decimal.
    private static func rate(_ now: UInt64, since before: UInt64?, _ elapsed: Duration) -> String {
        let count = now >= before ?? 0 ? now - (before ?? 0) : 0
        let milliseconds = UInt64(max(1, elapsed.milliseconds))
        let (product, overflow) = count.multipliedReportingOverflow(by: 10_000)
        let tenths = overflow ? count / milliseconds * 10_000 : (product + milliseconds / 2) / milliseconds
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension IOCounters {
    /// The counters with their names in the statistics file.
    fileprivate var named: [(String, UInt64)] {
        [
            ("datagrams_received", datagramsReceived), ("bytes_received", bytesReceived),
            ("datagrams_sent", datagramsSent), ("bytes_sent", bytesSent), ("send_errors", sendErrors),
            ("receive_errors", receiveErrors), ("unusable_datagrams", unusableDatagrams), ("frames_read", framesRead),
            ("frames_written", framesWritten), ("device_read_errors", deviceReadErrors),
            ("device_write_errors", deviceWriteErrors), ("malformed_frames", malformedFrames),
            ("control_messages_received", controlMessagesReceived), ("control_messages_sent", controlMessagesSent),
            ("receive_calls", receiveCalls), ("send_calls", sendCalls), ("device_reads", deviceReads),
            ("device_writes", deviceWrites), ("rounds", rounds),
        ]
    }
}

extension OffloadInUse {
    /// What is in use, with the names in the statistics file.
    fileprivate var named: [(String, Bool)] {
        [
            ("device_tcp", device.contains(.tcp)), ("device_udp", device.contains(.udp)),
            ("receive_runs", receivesRuns), ("send_runs_ipv4", sendsRuns(.ipv4)), ("send_runs_ipv6", sendsRuns(.ipv6)),
        ]
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds < 0 ? .min : .max) : product + attoseconds / 1_000_000_000_000_000
    }

    /// Seconds with three decimals; what would be negative is 0.
    var decimal: String {
        let milliseconds = max(0, milliseconds)
        return "\(milliseconds / 1000).\(WallClock.digits(Int(milliseconds % 1000), 3))"
    }
}

extension String {
    /// `unknownSender` as `unknown_sender`, as keys of YAML files are written here.
    var snakeCase: String {
        reduce(into: "") { text, character in
            text += character.isUppercase ? "_\(character.lowercased())" : String(character)
        }
    }
}
