import Glibc
import VPNCaptures
import VPNNode
import VPNSimulator

/// Replays a recording, prints what came of it, and writes what is wanted on the way.
final class ReplaySession {
    /// What came of a replay.
    enum Verdict {
        /// All is as it was recorded, up to the end of what there is.
        case same
        /// Something is different, or the recording is not as it was written.
        case different
    }

    /// How much of the file is read at once.
    private static let pieceBytes = 1 << 20

    private let path: String
    private let log: LineOutput?
    private let verbosity: Int
    private let captureFolder: CaptureFolder?
    private let output = LineOutput(descriptor: STDOUT_FILENO)
    private var progress = ProgressLine()
    private var reader = RecordingReader()
    private var head: RecordingHead?
    private var replay: RecordingReplay?
    /// By the clock of the node.
    private var start = Instant.zero
    private var now = Instant.zero

    /// - Parameters:
    ///   - captures: the folder for captures; nil for none.
    ///   - log: where the whole event log goes; nil for nowhere.
    ///   - verbosity: how much of it is printed: 0 for nothing, 1 for events, 2 for frames too, 3 for datagrams too.
    init(_ path: String, captures: String?, log: LineOutput?, verbosity: Int) throws {
        self.path = path
        self.log = log
        self.verbosity = verbosity
        captureFolder = try captures.map { try CaptureFolder($0) }
    }

    /// Replays all of it.
    func run() throws -> Verdict {
        var fault: String?
        do {
            try replayAll()
        } catch let error as RecordingError where replay != nil {
            fault = "DAMAGED: \(error)"
        } catch let difference as ReplayDifference {
            fault = "DIFFERENT \(difference.place): \(difference.text)"
        } catch let error as RecordingError {
            throw failure("\(error)")
        } catch let error as ReplayError {
            throw failure("\(error)")
        }
        guard let head, let replay else {
            throw failure(cutPosition == 0 ? "it is empty" : "it ends before there is anything to replay")
        }
        finish(head, replay, fault)
        output.flush()
        log?.flush()
        try captureFolder?.close()
        if let failure = output.failure { throw Failure.runTime("the standard output is not complete: \(failure)") }
        if let failure = log?.failure { throw Failure.runTime("the event log is not complete: \(failure)") }
        return fault == nil ? .same : .different
    }

    private func failure(_ reason: String) -> Failure { .runTime("cannot replay '\(path)': \(reason)") }

    private func replayAll() throws {
        let file: OpenFile
        do {
            file = try OpenFile(path, flags: O_RDONLY)
        } catch {
            throw Failure.runTime("cannot read the recording '\(path)': \(error)")
        }
        var status = stat()
        let length = unsafe fstat(file.descriptor, &status) == 0 ? Int(status.st_size) : 0
        var buffer = [UInt8](repeating: 0, count: Self.pieceBytes)
        defer { progress.clear() }
        var done = 0
        while true {
            // At most as many bytes as the buffer has.
            let count = unsafe Glibc.read(file.descriptor, &buffer, buffer.count)
            if count < 0 {
                let error = FileError(code: errno)
                if error.code == EINTR { continue }
                throw Failure.runTime("cannot read the recording '\(path)': \(error)")
            }
            if count > 0 { reader.append(buffer[..<count]) }
            while let entry = try reader.next() { try take(entry) }
            if count == 0 { return }
            done += count
            if verbosity == 0 {
                progress.show(done * 1000 / max(length, done)) { "\(path), \((now - start).inWholeMilliseconds)" }
            }
        }
    }

    private func take(_ entry: RecordedEntry) throws {
        if case .head(let head) = entry, replay == nil { return try begin(head) }
        if case .input(_, let time) = entry { now = time }
        if case .end = entry { return }
        guard let replay else { throw ReplayError.missingHead }
        try replay.take(entry)
    }

    private func begin(_ head: RecordingHead) throws {
        let configuration = head.configuration
        start = head.start
        now = head.start
        let replay = try RecordingReplay(head)
        self.head = head
        self.replay = replay
        output.write(
            "\(path): node \(replay.id.short) of vpncloud \(head.program), \(configuration.deviceType.rawValue), \(configuration.mode.rawValue), \(head.method)\(head.started)"
        )
        guard captureFolder != nil || log != nil || verbosity > 0 else { return }
        let capture = captureFolder.map { _ in ReplayCapture(head) }
        log?.write("# \(path)")
        let (log, output, verbosity, folder) = (log, output, verbosity, captureFolder)
        replay.observe = { observation, now in
            if let packet = capture?.packet(of: observation, at: now) { folder?.write(packet) }
            guard log != nil || verbosity > 0 else { return }
            let (line, depth) = observation.line(at: now)
            log?.write(line)
            if depth.rawValue < verbosity { output.write(line) }
        }
    }

    /// Prints the sum and the verdict.
    private func finish(_ head: RecordingHead, _ replay: RecordingReplay, _ fault: String?) {
        let counts = replay.counts
        let span = (now - start).inWholeMilliseconds
        output.write(
            "  \(span): \(Count(counts.rounds, "round")), \(Count(counts.datagrams, "datagram")) received (\(counts.unopened) not opened), \(Count(counts.framesTaken, "frame")) from the device"
        )
        output.write(
            "  \(Count(counts.packets, "packet")) sent, \(Count(counts.framesDelivered, "frame")) for the device, \(Count(counts.events, "event"))"
        )
        let peers = replay.statistics().peers
        let names = peers.prefix(Self.shownPeers).map { peer in
            "\(peer.id.short)\(peer.addresses.first.map { " at \($0)" } ?? "")"
        }
        let more = peers.count > Self.shownPeers ? " and \(peers.count - Self.shownPeers) more" : ""
        let list = names.isEmpty ? "" : " (\(names.joined(separator: ", "))\(more))"
        output.write("  peers \(fault == nil ? "at the end" : "so far"): \(peers.count)\(list)")
        let sums = "\(Count(counts.inputs, "input")), \(Count(counts.outputs, "output"))"
        guard let fault else {
            output.write("  \(ending)")
            return output.write("replays exactly: \(sums)")
        }
        output.write(fault)
        output.write("  before that, all is as recorded: \(sums)")
        if head.program != Version.number {
            output.write(
                "  it was recorded by vpncloud \(head.program), which may do other things than this \(Version.number)")
        }
    }

    /// The peers that are named.
    private static let shownPeers = 8

    private var cutPosition: Int? {
        guard case .cut(let position) = reader.ending else { return nil }
        return position
    }

    private var ending: String {
        switch reader.ending {
        case .complete(let end): "ends since \(end.explanation)"
        case .cut(let position): "cut: its end is missing behind byte \(position); the node still runs, or was killed"
        }
    }
}

extension RecordingHead {
    /// When the node was made, as the log of the node shows times; empty where nobody knows.
    fileprivate var started: String {
        guard timeOfDay > 0 else { return "" }
        let (seconds, rest) = timeOfDay.quotientAndRemainder(dividingBy: 1_000_000_000)
        return ", started \(WallClock.text(seconds: Int(seconds), milliseconds: Int(rest / 1_000_000)))"
    }
}

extension ReplayDifference {
    /// Where it is.
    fileprivate var place: String {
        let inputs =
            switch self.inputs.count {
            case 0: "no input"
            case 1: "input \(self.inputs.lowerBound)"
            default: "inputs \(self.inputs.lowerBound) to \(self.inputs.upperBound - 1)"
            }
        return "at \(time.inSeconds) s, round \(round), \(inputs)"
    }
}

extension Instant {
    /// Its seconds, with all digits behind the point.
    fileprivate var inSeconds: String {
        let (whole, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return "\(whole).\(WallClock.digits(Int(fraction), 9))"
    }
}

extension Duration {
    /// As ``inWords``, without what is less than a millisecond.
    fileprivate var inWholeMilliseconds: String {
        Duration.milliseconds(Int64(self / .milliseconds(1))).inWords
    }
}
