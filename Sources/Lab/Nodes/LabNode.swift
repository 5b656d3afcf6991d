import Glibc
import VPNNode
import VPNProtocol

/// A node of a scenario: its process, while there is one, and the sockets that see its device and its wire.
final class LabNode {
    let number: Int
    let name: String
    let implementation: Implementation
    let deviceType: DeviceType
    let port: UInt16
    var process: LabProcess?
    /// What the judges see; nil while its id is not known.
    var view: NodeView?
    var device: PacketSocket?
    var wire: PacketSocket?
    /// The reading end of its output.
    var output: Int32 = -1
    var isSuspended = false
    /// Whether it was told to end.
    var isStopping = false
    /// By when it is to be up, or to have ended, in the time of the monotonic clock; nil where nobody waits.
    var deadline: UInt64?
    /// When its picture was read last, in the time of the scenario.
    var lastPicture: Instant = .zero
    /// The ids of the peers that its statistics or its wire have shown, for programs whose log is not known.
    var knownPeers: Set<NodeID> = []
    /// The ids that others had in their Inits, by address.
    var heard: [Endpoint: NodeID] = [:]
    private var lines: [UInt8] = []
    private(set) var recentLines: [String] = []

    init(number: Int, name: String, _ implementation: Implementation, _ deviceType: DeviceType, port: UInt16) {
        self.number = number
        self.name = name
        self.implementation = implementation
        self.deviceType = deviceType
        self.port = port
    }

    deinit { forget() }

    /// Whether it writes the log of this program.
    var hasOwnLog: Bool { implementation.program == .own }

    /// The lines that it has written since the last call.
    func newLines() -> [String] {
        var result: [String] = []
        while output >= 0, let piece = readBytes(output, atMost: 65_536) {
            if piece.isEmpty {
                close(output)
                output = -1
            }
            lines += piece
        }
        while let end = lines.firstIndex(of: UInt8(ascii: "\n")) {
            result.append(String(decoding: lines[..<end], as: UTF8.self))
            lines.removeFirst(end + 1)
        }
        recentLines = Array((recentLines + result).suffix(20))
        return result
    }

    /// Closes what belongs to a process that is over.
    func forget() {
        if output >= 0 { close(output) }
        output = -1
        (process, view, device) = (nil, nil, nil)
        (isSuspended, isStopping, deadline) = (false, false, nil)
        knownPeers = []
        heard = [:]
        lines = []
    }
}
