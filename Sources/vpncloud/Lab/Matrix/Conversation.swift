import VPNCaptures
import VPNNode
import VPNProtocol
import VPNSimulator

/// What two nodes said to each other, message by message, as one of them saw it.
struct Conversation {
    /// Who said something.
    enum Side: String, CaseIterable {
        case connecting, listening

        /// The node's name in the scenario of a cell.
        var name: String { self == .connecting ? CellScenario.connecting : CellScenario.listening }
    }

    /// A message of it.
    struct Utterance: Hashable {
        let time: Instant
        let side: Side
        let content: Result<DecodedMessage, Refusal>
        /// The payload as the capture has it.
        let bytes: [UInt8]
    }

    private(set) var utterances: [Utterance] = []
    private var opener: CaptureOpener
    /// The addresses of the node that connects.
    private let addresses: Set<IPAddress>

    /// A conversation of which nothing is known yet.
    ///
    /// - Parameter addresses: those of the node that connects.
    init(of cell: MatrixCell, addresses: Set<IPAddress>) throws(KeyError) {
        self.addresses = addresses
        var rules = OpeningRules()
        rules.magics = [.standard]
        rules.dialects = [cell.dialect]
        rules.password = cell.cipher == .none ? nil : CellScenario.password
        opener = CaptureOpener(try PacketOpener(rules), .ethernet)
    }

    private func side(at end: Endpoint) -> Side { addresses.contains(end.address) ? .connecting : .listening }

    /// Takes an Ethernet frame of the wire.
    mutating func take(_ frame: Span<UInt8>, at time: Instant) {
        opener.begin(frame, wireBytes: frame.count)
        while let finding = opener.next(in: frame) {
            guard let place = finding.place else { continue }
            let side = side(at: place.source(in: frame))
            // What a node says to itself goes over the wire in the simulator only.
            guard side != self.side(at: place.destination(in: frame)) else { continue }
            let payload = finding.payload.map { frame[$0] }
            switch finding.outcome {
            case .opened(let opened, _):
                let message = DecodedMessage(opened.type, opener.bytes.span.extracting(opened.message))
                utterances.append(Utterance(time: time, side: side, content: .success(message), bytes: payload))
            case .refused(let reason):
                utterances.append(Utterance(time: time, side: side, content: .failure(reason), bytes: payload))
            }
        }
    }
}

extension Conversation {
    /// What is said where this program is both, in the simulator.
    static func simulated(_ scenario: Scenario, _ cell: MatrixCell) throws -> Conversation {
        let run = try ScenarioRun(scenario)
        let addresses = run.network.topology?.addresses(of: CellScenario.connecting) ?? []
        var conversation = try Conversation(of: cell, addresses: Set(addresses))
        var packets: [CapturedPacket] = []
        run.network.add(
            NetworkCapture { packet in
                if packet.stream == .outer(node: CellScenario.listening) { packets.append(packet) }
            })
        _ = try run.finish()
        for packet in packets { conversation.take(packet.bytes.span, at: packet.time) }
        return conversation
    }

    /// What was said in the lab, by the capture of the node that listens. The addresses are those of the simulator.
    static func captured(_ path: String, like other: Conversation, _ cell: MatrixCell) throws -> Conversation {
        var conversation = try Conversation(of: cell, addresses: other.addresses)
        let reader = try CaptureReader(path)
        while reader.next({ packet, _, time in conversation.take(packet, at: time) }) {}
        return conversation
    }
}
