/// What a test asks of a statistics file.
struct Statistics {
    let document: SimpleYAML

    init(_ document: SimpleYAML) { self.document = document }

    /// What the node says of one peer.
    struct Peer {
        let addresses: [String]
        let sentPackets: Int
        let receivedPackets: Int
        let failedSends: Int
    }

    var peers: [Peer] {
        (document["peers"]?.items ?? []).map { peer in
            Peer(
                addresses: (peer["addresses"]?.items ?? []).compactMap(\.text),
                sentPackets: peer["sent"]?["packets"]?.number ?? -1,
                receivedPackets: peer["received"]?["packets"]?.number ?? -1,
                failedSends: peer["failed_sends"]?.number ?? -1)
        }
    }

    /// The peer at a host's address, whatever its port.
    func peer(at host: Host) -> Peer? {
        peers.first { peer in
            peer.addresses.contains { $0.hasPrefix("\(host.ipv4):") || $0.hasPrefix("[\(host.ipv6)]:") }
        }
    }

    /// How often something was dropped for a reason.
    func drops(_ reason: String) -> Int { document["drops"]?[reason]?.number ?? 0 }
}

extension Statistics {
    /// A counter of what was exchanged with the system.
    func system(_ name: String) -> Int { document["system"]?[name]?.number ?? -1 }
    /// What became of the packets of a capture, `inner` or `outer`: `captured`, `dropped` or `filtered`.
    func capture(_ stream: String, _ name: String) -> Int { document["capture"]?[stream]?[name]?.number ?? -1 }
    /// All packets of a capture, whatever became of them.
    func captureSum(_ stream: String) -> Int {
        ["captured", "dropped", "filtered"].reduce(0) { $0 + capture(stream, $1) }
    }
    /// `files` or `errors` of a capture.
    func captureCount(_ name: String) -> Int { document["capture"]?[name]?.number ?? -1 }
    /// The packets that a capture sees: frames of the device, and datagrams of the sockets.
    var innerPackets: Int { system("frames_read") + framesDelivered }
    var outerPackets: Int { system("datagrams_received") + system("datagrams_sent") + system("send_errors") }
    /// Frames that were taken from the device.
    var framesTaken: Int { document["device"]?["from_device"]?["packets"]?.number ?? -1 }
    /// Frames that were for the device.
    var framesDelivered: Int { document["device"]?["to_device"]?["packets"]?.number ?? -1 }

    /// Where the counters contradict each other; nothing where every frame and datagram is accounted for.
    ///
    /// Holds at the end of a node whose frames have one receiver each.
    var contradictions: [String] {
        // What a frame from the device is dropped for, what a datagram is dropped for, and what either is dropped for.
        let ofFrames = ["oversized_frame", "no_peers", "unknown_destination"].reduce(0) { $0 + drops($1) }
        let ofDatagrams =
            (document["drops"]?.entries ?? [:]).values.reduce(0) { $0 + ($1.number ?? 0) }
            - ofFrames - drops("device_refused")
        let sent = system("datagrams_sent") + system("send_errors")
        let equations = [
            ("frames_read = from_device", system("frames_read"), framesTaken),
            (
                "from_device = drops + datagrams_sent + send_errors - control_messages_sent", framesTaken,
                ofFrames + sent - system("control_messages_sent")
            ),
            (
                "datagrams_received = to_device + drops + control_messages_received", system("datagrams_received"),
                framesDelivered + ofDatagrams + system("control_messages_received")
            ),
            (
                "to_device = frames_written + device_write_errors", framesDelivered,
                system("frames_written") + system("device_write_errors")
            ),
            ("device_refused = device_write_errors", drops("device_refused"), system("device_write_errors")),
        ]
        var wrong = equations.filter { $0.1 != $0.2 }.map { "\($0.0): \($0.1) and \($0.2)" }
        // Which of the two it was is not told apart.
        if drops("malformed_frame") != 0 { wrong.append("\(drops("malformed_frame")) malformed frames") }
        return wrong
    }
}
