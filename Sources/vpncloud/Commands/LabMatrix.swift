import ArgumentParser
import Glibc
import VPNLab
import VPNNode
import VPNProtocol

/// `vpncloud lab matrix [FILE...]`: who gets along with whom.
struct PlayMatrix: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "matrix",
        abstract: "Let programs of the protocol talk to each other with all settings, and print who gets along.",
        discussion: """
            Each program, this one and those of the implementation files, connects to each, itself included, with every \
            device, mode, cipher and dialect. A cell is ok where they become peers, 1400 bytes pass both ways, the one \
            that connects is killed and comes back, and both close cleanly. For a cell that fails, the first packet is \
            shown in which it parts from what this program says in the simulator.

            The exit status is 0 when no cell fails, 1 when one does, and 2 for a bad file, or where the lab cannot be \
            built. What a program has no option for, and programs that are not there, are named and not judged. See \
            docs/lab.md.

            EXAMPLES:
              vpncloud lab matrix implementations/reference.yaml
              vpncloud lab matrix implementations/reference.yaml --pairwise
              vpncloud lab matrix mine.yaml --device tun --mode router --html matrix.html
            """)

    @Argument(help: "The implementation files of other programs.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String] = []

    @Option(
        help: ArgumentHelp("Take devices of this type only: 'tun' or 'tap'.", valueName: "type"),
        completion: .list(["tun", "tap"]), transform: SettingValues.deviceType)
    var device: [DeviceType] = []

    @Option(
        help: ArgumentHelp("Take this mode only: 'hub', 'switch', 'router' or 'normal'.", valueName: "mode"),
        completion: .list(["hub", "switch", "router", "normal"]), transform: SettingValues.mode)
    var mode: [ForwardingMode] = []

    @Option(
        help: ArgumentHelp("Take this cipher only: 'none', 'chacha20' or 'aes256'.", valueName: "method"),
        completion: .list(["none", "chacha20", "aes256"]), transform: PlayMatrix.cipher)
    var crypto: [CryptoMethod] = []

    @Option(
        help: ArgumentHelp("Take this dialect only: 'manual', '0.8', '0.9' or '1'.", valueName: "version"),
        completion: .list(Dialect.allCases.map(\.rawValue)), transform: SettingValues.dialect)
    var compat: [Dialect] = []

    @Flag(help: "Play only so many cells that any two settings meet in one.")
    var pairwise = false

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Play so many cells at a time (default: 8 for each processor).", valueName: "n"))
    var jobs: Int?

    @Option(
        help: ArgumentHelp("Write the tables in JSON to this file (docs/lab.md).", valueName: "file"),
        completion: .file())
    var json: String?

    @Option(help: ArgumentHelp("Write a JUnit report to this file.", valueName: "file"), completion: .file())
    var junit: String?

    @Option(help: ArgumentHelp("Write a page of HTML to this file.", valueName: "file"), completion: .file())
    var html: String?

    @Option(help: ArgumentHelp("Write the tables in Markdown to this file.", valueName: "file"), completion: .file())
    var markdown: String?

    @Option(
        help: ArgumentHelp(
            "Leave the scenario of each cell in this folder, and captures of those that fail.", valueName: "dir"),
        completion: .directory)
    var cells: String?

    @Flag(name: .shortAndLong, help: "Print each cell as soon as it is judged.")
    var verbose = false

    private static func cipher(_ text: String) throws(ValueError) -> CryptoMethod {
        guard let method = CryptoMethod.allCases.first(where: { "\($0)" == text.lowercased() }) else {
            throw .expected("'none', 'aes256' or 'chacha20'")
        }
        return method
    }

    func validate() throws {
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs takes a number from 1 to 64.") }
    }

    func run() throws {
        let own = MatrixProgram(implementation: .own, path: nil)
        var axes = MatrixAxes(
            programs: [own]
                + (try files.map { file in
                    MatrixProgram(implementation: try ImplementationFile.read(file), path: FileBytes.absolute(file))
                }))
        let names = axes.programs.map(\.name)
        if let name = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw Failure.usage("two programs are called '\(name)'; give them names that tell them apart")
        }
        axes.devices = axes.devices.filter { device.isEmpty || device.contains($0) }
        axes.modes = axes.modes.filter { mode.isEmpty || mode.contains($0) }
        axes.ciphers = axes.ciphers.filter { crypto.isEmpty || crypto.contains($0) }
        axes.dialects = axes.dialects.filter { compat.isEmpty || compat.contains($0) }
        let session = MatrixSession(
            axes: axes, cells: pairwise ? axes.pairwiseCells : axes.cells, keptFolder: cells,
            threads: jobs ?? min(64, 8 * processorCount))
        let output = LineOutput(descriptor: STDOUT_FILENO)
        let results = try session.run { result in
            guard verbose else { return }
            output.write("\(result.verdict.word)  \(result.name)")
            output.flush()
        }
        let report = MatrixReport(axes: axes, results: results)
        let text = MatrixText(report: report)
        for line in text.lines { output.write(line) }
        output.flush()
        try write(report)
        if !report.isGood { throw ExitCode(1) }
    }

    /// Which program on which system said so.
    private static var origin: String {
        var system = utsname()
        // The call fills in texts that end with a zero byte, which are copied at once.
        unsafe uname(&system)
        let release = unsafe withUnsafePointer(to: &system.release) { release in
            unsafe release.withMemoryRebound(to: CChar.self, capacity: 65) { unsafe String(cString: $0) }
        }
        let kernel = release.split(separator: ".").prefix(2).joined(separator: ".")
        return
            "Made by `vpncloud lab matrix` ([lab.md](lab.md)) of vpncloud \(Version.number) on Linux \(kernel). Columns are ciphers and dialects."
    }

    private func write(_ report: MatrixReport) throws(Failure) {
        let document = MatrixDocument(report: report)
        let texts = [
            (json, document.json), (junit, document.junit), (html, MatrixPage(report: report).text),
            (markdown, MatrixText(report: report).markdown(origin: Self.origin)),
        ]
        for case (let path?, let text) in texts { try writeReport(text, to: path) }
    }
}
