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
    /// Lines of its output that were too long and so are not whole.
    private(set) var cutLines = 0
    /// Frames that its device did not take.
    var refusedFrames = 0
    /// Packets that went by too fast to be looked at, on sockets that are closed.
    private var missedBefore = 0
    /// The line that is not over, or its beginning.
    private var line: [UInt8] = []
    private var isLineCut = false
    private var expression: Regex<AnyRegexOutput>?
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

    /// The lines that it has written since the last call; of one that writes without end, some of them.
    func newLines() -> [String] {
        var result: [String] = []
        for _ in 0..<Self.piecesAtATime {
            guard output >= 0, let piece = readBytes(output, atMost: 65_536) else { break }
            if piece.isEmpty {
                close(output)
                output = -1
            }
            var rest = piece[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                append(rest[..<end])
                result.append(String(decoding: line, as: UTF8.self) + (isLineCut ? "…" : ""))
                line.removeAll(keepingCapacity: true)
                isLineCut = false
                rest = rest[(end + 1)...]
            }
            append(rest)
        }
        recentLines = Array((recentLines + result.suffix(Self.keptLines)).suffix(Self.keptLines))
        return result
    }

    private static let piecesAtATime = 4
    private static let keptLines = 20
    /// What is longer is cut off.
    private static let longestLine = 65_536

    private func append(_ bytes: ArraySlice<UInt8>) {
        let room = Self.longestLine - line.count
        line += bytes.prefix(room)
        guard bytes.count > room, !isLineCut else { return }
        isLineCut = true
        cutLines += 1
    }

    /// Whether a line of its output tells that it is up.
    func isSign(_ line: String) -> Bool {
        guard case .output(let text) = implementation.sign else { return false }
        if expression == nil { expression = try? Regex(text) }
        guard let expression else { return line.contains(text) }
        return line.firstMatch(of: expression) != nil
    }

    /// Closes what belongs to a process that is over.
    func forget() {
        if output >= 0 { close(output) }
        output = -1
        missedBefore += device?.missed() ?? 0
        (process, view, device) = (nil, nil, nil)
        (isSuspended, isStopping, deadline) = (false, false, nil)
        knownPeers = []
        heard = [:]
        (line, isLineCut) = ([], false)
    }

    /// Packets that went by too fast to be looked at.
    func missedPackets() -> Int {
        missedBefore += (device?.missed() ?? 0) + (wire?.missed() ?? 0)
        return missedBefore
    }
}
