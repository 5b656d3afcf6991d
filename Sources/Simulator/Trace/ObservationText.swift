public import VPNNode
import VPNProtocol

/// Observations in words, a line each: the event log of a run.
public struct ObservationText {
    /// What a line is about, for those who want only some.
    public enum Depth: Int, Comparable, Sendable {
        /// What happens to nodes and networks, and what nodes tell.
        case events
        /// Frames of devices, and datagrams that got lost.
        case frames
        /// Every datagram.
        case datagrams

        /// Orders by how much there is of it.
        public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    private let name: (NodeID) -> String?
    private let place: (NetworkPlace) -> String

    /// Words for the observations of a run.
    public init(of run: ScenarioRun) {
        name = { [unowned run] id in run.name(of: id) }
        place = { [unowned run] place in run.network.topology?.text(of: place) ?? "the network" }
    }

    /// The line about an observation, with its time and depth.
    public func line(_ observation: Observation, at now: Instant) -> (text: String, depth: Depth) {
        let (who, what, depth) = words(observation)
        return ("\(paddedSeconds(now)) s  \(who.isEmpty ? "" : "\(who): ")\(what)", depth)
    }

    private func words(_ observation: Observation) -> (who: String, what: String, Depth) {
        switch observation {
        case .started(let node):
            (node.name, "started at \(list(node.endpoints)), id \(node.id.short)", .events)
        case .ended(let node, let cause): (node.name, cause == .killed ? "killed" : "stopped", .events)
        case .moved(let node): (node.name, "moved to \(list(node.endpoints))", .events)
        case .suspended(let node): (node.name, "falls asleep", .events)
        case .resumed(let node): (node.name, "wakes up", .events)
        case .event(let event, let node): (node.name, event.text { name($0) ?? $0.short }, .events)
        case .changed(let change): ("", change.words(place), .events)
        case .frameSent(let frame, let node):
            (node.name, "frame of \(frame.count) bytes from the device, \(checksum(frame))", .frames)
        case .frameDelivered(let frame, let node, let datagram):
            (node.name, "frame of \(frame.count) bytes to the device, of #\(datagram.id), \(checksum(frame))", .frames)
        case .dropped(let datagram, let loss, let place):
            ("", "lost \(text(datagram)) at \(place.map(self.place) ?? "the network"): \(loss.words)", .frames)
        case .sent(let datagram, let node): (node.name, "sent \(text(datagram))", .datagrams)
        case .arrived(let datagram, let node): (node.name, "got \(text(datagram))", .datagrams)
        case .injected(let datagram): ("", "from outside \(text(datagram))", .datagrams)
        case .crossed(let crossing):
            ("", "#\(crossing.datagram.id) crosses \(place(.link(crossing.link))): \(arrivals(crossing))", .datagrams)
        }
    }

    private func arrivals(_ crossing: LinkCrossing) -> String {
        let again = crossing.again.map { ", and again at \(paddedSeconds($0.time)) s" } ?? ""
        return "arrives at \(paddedSeconds(crossing.arrival.time)) s\(again)"
    }

    private func list(_ endpoints: [Endpoint]) -> String { endpoints.map { "\($0)" }.joined(separator: ", ") }

    private func text(_ datagram: VirtualDatagram) -> String {
        var type = "packet"
        if datagram.bytes.count >= PacketHeader.byteCount {
            type = MessageType(rawValue: datagram.bytes[PacketHeader.typeOffset]).map { "\($0)" } ?? "packet"
        }
        return "#\(datagram.id) \(datagram.source) > \(datagram.destination) \(type), \(datagram.bytes.count) bytes, "
            + checksum(datagram.bytes)
    }
}

/// Eight digits that differ where bytes differ, so that two logs can be compared.
func checksum(_ bytes: [UInt8]) -> String {
    var hash = SipHash128(key: 0, 0)
    hash.append(bytes.span)
    return (hash.digest >> 96).hexadecimal(digits: 8)
}

/// The seconds of an instant with all nine digits behind the point, so that lines stand below each other.
func paddedSeconds(_ time: Instant) -> String {
    let (whole, fraction) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    let digits = String(fraction)
    return "\(whole)." + String(repeating: "0", count: 9 - digits.count) + digits
}

extension NetworkChange {
    /// What changed, in words.
    func words(_ place: (NetworkPlace) -> String) -> String {
        switch self {
        case .attached(let node, _, let network, let addresses, _):
            "\(place(.node(node))) is in \(place(.network(network))) with \(addresses.map { "\($0)" }.joined(separator: ", "))"
        case .partitioned(let groups, let oneWay):
            "partition\(oneWay ? ", one way" : ""): "
                + groups.map { $0.map { place(.node($0)) }.joined(separator: ", ") }.joined(separator: " | ")
        case .healed: "all partitions end"
        case .linksChanged(let network, _): "the links of \(place(.network(network))) change"
        case .flushed(let gateway): "\(place(.gateway(gateway))) forgets its mappings"
        case .rebooted(let gateway): "\(place(.gateway(gateway))) starts anew"
        case .numbered(let gateway, let addresses):
            "\(place(.gateway(gateway))) has \(addresses.map { "\($0)" }.joined(separator: ", "))"
        case .portForwarded(let gateway, let inside, let external, _):
            "\(place(.gateway(gateway))) forwards \(external) to \(inside)"
        case .portClosed(let gateway, let inside): "\(place(.gateway(gateway))) forwards to \(inside) no more"
        }
    }
}
