import VPNNode
import VPNProtocol
import VPNSimulator

/// The steps that two programs have to go together, in their order.
enum MatrixStep: String, CaseIterable {
    /// They become peers.
    case connects
    /// Packets of 1400 bytes come over, both ways.
    case passes
    /// The one that connects is killed, and started anew: they become peers again, and packets come over.
    case restarts
    /// Both end when they are told to, and who stays knows at once that the other one left.
    case closes
    /// All that has to hold in any scenario: nonces, ids, frames.
    case rules
}

/// The scenario of a cell, as a file that can be played by itself.
///
/// Times are such that a slow program, started beside a dozen others, keeps up with them.
struct CellScenario {
    /// The names of its nodes.
    static let connecting = "connects"
    static let listening = "listens"
    /// The key of the cells that have one. No digits: some dialects would take those for a raw key.
    static let password = "a key for the matrix"
    /// When the node that connects is killed, and told to stop, in milliseconds.
    static let killTime = 6500
    static let stopTime = 13_000

    let cell: MatrixCell
    let programs: [MatrixProgram]

    private static let expectations: [(step: MatrixStep, text: String)] = [
        (.connects, "{ within: 5s, connected: all }"),
        (.passes, "{ from: 5s, to: 6s, delivery: { from: connects, to: listens, at_least: 100% } }"),
        (.passes, "{ from: 5s, to: 6s, delivery: { from: listens, to: connects, at_least: 100% } }"),
        (.restarts, "{ always: { connected: all }, from: 11500ms, to: 12900ms }"),
        (.restarts, "{ from: 11500ms, to: 12900ms, delivery: { from: connects, to: listens, at_least: 100% } }"),
        (.restarts, "{ from: 11500ms, to: 12900ms, delivery: { from: listens, to: connects, at_least: 100% } }"),
        (.closes, "{ always: { disconnected: [[listens], [connects]] }, from: 14300ms, to: 14900ms }"),
    ]

    /// The step that an expectation of the report belongs to; the invariants come after all others.
    static func step(ofExpectation index: Int) -> MatrixStep {
        expectations.indices.contains(index) ? expectations[index].step : .rules
    }

    /// What it is about.
    var name: String {
        "\(programs[cell.connecting].name) connects to \(programs[cell.listening].name): \(cell.settings)"
    }

    /// The name of its file, without folder.
    var fileName: String {
        let parts = [
            programs[cell.connecting].name, "to", programs[cell.listening].name, cell.device.rawValue,
            cell.mode.rawValue, "\(cell.cipher)", cell.dialect.rawValue,
        ]
        let plain = parts.map { part in
            String(part.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "_" })
        }
        return "\(cell.connecting)-\(cell.listening)-\(plain.joined(separator: "-")).yaml"
    }

    /// The text of the file. Texts in it are quoted as in JSON, which YAML reads as well.
    var text: String {
        let key =
            cell.cipher == .none ? "" : ", crypto: \(cell.cipher), shared_key: \(JSONValue.quoted(Self.password))"
        return """
            # A cell of 'vpncloud lab matrix': 'vpncloud lab run -v' plays it by itself.
            name: \(JSONValue.quoted(name))
            duration: 16s
            settle: 5s
            defaults: { device_type: \(cell.device.rawValue), mode: \(cell.mode.rawValue), compat: "\(cell.dialect.rawValue)"\(key) }
            networks:
              internet: {}
            nodes:
              - { name: listens, network: internet, peers: [], subnets: [\(claim(1))]\(program(cell.listening)) }
              - { name: connects, network: internet, peers: [listens], subnets: [\(claim(2))]\(program(cell.connecting)) }
            events:
              - { at: \(Self.killTime)ms, kill: connects, restart_after: 500ms }
              - { at: \(Self.stopTime)ms, stop: connects }
              - { at: 15s, stop: listens }
            traffic:
              - { from: connects, to: listens, every: 100ms, size: 1400, start: 5s, end: 6s, echo: true }
              - { from: connects, to: listens, every: 100ms, size: 1400, start: 11600ms, end: 12600ms, echo: true }
            expect:
            \(Self.expectations.map { "  - \($0.text)" }.joined(separator: "\n"))

            """
    }

    /// What a node claims, where it has to: a router knows of nothing else, and addresses of TAP devices are MAC addresses.
    private func claim(_ number: Int) -> String {
        switch (cell.device, cell.mode) {
        case (.tun, _): "10.0.\(number).0/24"
        case (.tap, .router): "\"02:00:00:00:0\(number):00/40\""
        case (.tap, _): ""
        }
    }

    private func program(_ index: Int) -> String {
        programs[index].path.map { ", implementation: \(JSONValue.quoted($0))" } ?? ""
    }
}
