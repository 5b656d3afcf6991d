import Glibc
import Logging
import VPNCaptures
import VPNLinuxIO
import VPNNode
import VPNProtocol

/// The steps that make a capture of a plan: each as early as it can be known to fail, and none that leaves something behind
/// before all else is set up.
struct CaptureSetUp {
    private let plan: CapturePlan
    private let type: LinkType
    private let filters: CaptureWriter.Filters?
    /// The standard output, where packets go there; negative for none.
    private let output: Int32

    /// Compiles the filter, and keeps the standard output for packets where they go there.
    ///
    /// - Parameter isDaemon: whether the process goes to the background, where nobody reads its output.
    init(_ plan: CapturePlan, _ deviceType: DeviceType, isDaemon: Bool) throws(Failure) {
        let type: LinkType = deviceType == .tap ? .ethernet : .raw
        self.plan = plan
        self.type = type
        do {
            filters = try plan.filter.map { expression throws(CaptureError) in
                CaptureWriter.Filters(
                    inner: try CaptureFilter(expression, for: type),
                    outer: try CaptureFilter(expression, for: .ethernet))
            }
        } catch {
            throw .usage("\(error)")
        }
        output = plan.target == .standardOutput ? try Self.takeStandardOutput(isDaemon: isDaemon) : -1
    }

    /// The standard output under another number. What commands and others print goes to the standard error stream from now on.
    private static func takeStandardOutput(isDaemon: Bool) throws(Failure) -> Int32 {
        guard !isDaemon else {
            throw .usage("'--capture -' and '--daemon' exclude each other, since nobody reads what a daemon prints")
        }
        guard isatty(STDOUT_FILENO) == 0 else {
            throw .usage("'--capture -' writes bytes that are not for a terminal; read them, as in '| tcpdump -r -'")
        }
        let output = dup(STDOUT_FILENO)
        guard output >= 0, fcntl(output, F_SETFD, FD_CLOEXEC) == 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 else {
            throw .runTime("cannot take the standard output: \(FileError(code: errno))")
        }
        return output
    }

    /// Makes the folder, with the rights that the node will have, and finds out whether it can be written to.
    func prepare(as account: Account?) throws {
        guard case .folder(let path) = plan.target else { return }
        do {
            guard let account else { return try LiveCaptureFiles.prepare(folder: path) }
            try account.withRightsToFiles { try LiveCaptureFiles.prepare(folder: path) }
        } catch {
            let advice = account.map { "; make it beforehand and give it to \($0.description)" } ?? ""
            throw Failure.runTime("\(error)\(advice)")
        }
    }

    /// Opens the files, with the rights that the process has now, and starts to write.
    func begin(_ seal: PacketSeal, port: UInt16, log: Logger) throws -> LiveCapture {
        let feed = try PacketFeed(seal: seal, includesOuter: output < 0)
        let files: LiveCaptureFiles
        switch plan.target {
        case .folder(let path):
            files = try LiveCaptureFiles(folder: path, inner: type, plan.limits)
            log.warning("all packets are written in plain text to '\(path)': who can read that can read the network")
        case .standardOutput:
            files = try LiveCaptureFiles(stream: output, named: "standard output", inner: type)
            log.warning("all packets of the tunnel are written in plain text to the standard output")
        }
        return try LiveCapture(feed, to: files, filters, port: port, log: log)
    }
}
