import ArgumentParser
import Glibc
import VPNLinuxIO

/// `vpncloud`: joins this machine to the network, or does what a subcommand says.
@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vpncloud",
        abstract: "A peer-to-peer VPN over UDP.",
        usage: """
            vpncloud [<options>] [--config <file>] [-t <type>] [-d <name>] [-l <port>] [-c <addr> ...]
            vpncloud check-config <file>
            vpncloud pcap decrypt|show <capture> ...
            vpncloud sim run <file> ...
            vpncloud sim check|verify <file> ...
            vpncloud sim replay <file>
            vpncloud lab run|compare|matrix <file> ...
            """,
        discussion: """
            Creates a network device and connects it to those of other nodes. Every node finds every other; knowing \
            one of them is enough.

            EXAMPLES:
              Two machines on one Ethernet (the other with 10.0.0.2):
                vpncloud -c other.example:3210 --shared-key-file key.txt \\
                    --ifup 'ip addr add 10.0.0.1/24 dev $IFNAME;
                            ip link set $IFNAME mtu 1400 up'

              Networks joined by routing (the other with 10.0.2):
                vpncloud -t tun -c other.example:3210 --shared-key-file key.txt \\
                    -s 10.0.1.0/24 --ifup 'ip addr add 10.0.1.1/16 dev $IFNAME;
                                           ip link set $IFNAME mtu 1400 up'

              All from a file, in the background, without rights:
                vpncloud --config home.yaml --daemon --user nobody --group nogroup

            SETTINGS:
              An option overrides the same setting in the file; -c and -s add to the lists there. The shared key is \
            taken from --shared-key or --shared-key-file, else from the variable \(sharedKeyVariable), else from the \
            file ('shared_key' or 'shared_key_file'). The keys of a file are \
            \(ConfigurationKey.allCases.map(\.rawValue).joined(separator: ", ")).

            EXIT STATUS:
              0 after a signal to end (SIGINT, SIGTERM, SIGQUIT, SIGHUP), 1 when something failed, 2 when options or the \
            configuration file are wrong.
            """,
        version: Version.description,
        subcommands: StandAlone.configuration.subcommands)

    @Option(
        help: ArgumentHelp("Read settings from this YAML file.", valueName: "file"), completion: .file(),
        transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var config: String?

    @OptionGroup(title: "Device") var device: DeviceOptions
    @OptionGroup(title: "Network") var network: NetworkOptions
    @OptionGroup(title: "Encryption") var security: SecurityOptions
    @OptionGroup(title: "Process") var process: ProcessOptions
    @OptionGroup(title: "Reports") var reports: ReportOptions
    @OptionGroup(title: "Capture") var capture: CaptureOptions
    @OptionGroup(title: "Recording") var recording: RecordingOptions

    func validate() throws {
        if security.sharedKey != nil && security.sharedKeyFile != nil {
            throw ValidationError("--shared-key and --shared-key-file exclude each other; choose one.")
        }
    }

    /// What the command line says.
    var settings: Settings {
        var settings = Settings()
        settings.deviceType = device.type
        settings.deviceName = device.device
        settings.devicePath = device.devicePath
        settings.ifup = device.ifup
        settings.ifdown = device.ifdown
        settings.mode = network.mode
        settings.port = network.listen
        settings.peers = network.connect
        settings.subnets = network.subnet
        settings.peerTimeout = network.peerTimeout
        settings.stationTimeout = network.dstTimeout
        settings.portForwarding = network.portForwarding
        settings.offload = network.offload
        settings.dialect = network.compat
        settings.key = security.sharedKey.map(KeySource.text) ?? security.sharedKeyFile.map(KeySource.file)
        settings.crypto = security.crypto
        settings.cryptoProvider = security.cryptoProvider
        settings.magic = security.magic
        settings.user = process.user
        settings.group = process.group
        settings.pidFile = process.pidFile
        settings.logFile = reports.logFile
        settings.statsFile = reports.statsFile
        settings.capture = capture.capture
        settings.captureFilter = capture.captureFilter
        settings.captureSize = capture.captureSize
        settings.captureAge = capture.captureAge
        settings.captureFiles = capture.captureFiles
        settings.record = recording.record
        settings.recordLimit = recording.recordLimit
        return settings
    }

    func run() throws {
        let file = try config.map { path throws(Failure) in (settings: try readSettings(ofFile: path), name: path) }
        let plan = try RunPlan(commandLine: settings, file: file, in: .system())
        try Session(plan, isDaemon: process.daemon, level: reports.level).run()
    }
}

/// The subcommands on their own, with none of the program's options, so that each can have an option of the same name.
struct StandAlone: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vpncloud", version: Version.description,
        subcommands: [CheckConfig.self, Pcap.self, Sim.self, Lab.self])
}

extension Program {
    /// Reads the arguments, runs what they say, and ends with the status that the help promises.
    static func main() {
        InheritedDescriptors.fillStandardStreams()
        Glibc.exit(main(Array(CommandLine.arguments.dropFirst())))
    }

    /// As ``main()``, and returns the exit status.
    static func main(_ arguments: [String]) -> Int32 {
        do {
            var command = try parse(commandLine: arguments)
            try command.run()
            return 0
        } catch let failure as Failure {
            for line in failure.lines { print(toStandardError: line) }
            return failure.status
        } catch {
            let status = exitCode(for: error)
            let text = fullMessage(for: error)
            if status.isSuccess {
                print(text)
                return 0
            }
            if !text.isEmpty { print(toStandardError: text) }
            return status == .validationFailure ? 2 : status.rawValue
        }
    }

    /// The command that the arguments name: a subcommand where its name comes first.
    static func parse(commandLine arguments: [String]) throws -> any ParsableCommand {
        let isStandAlone = StandAlone.configuration.subcommands.contains {
            $0.configuration.commandName == arguments.first
        }
        return try isStandAlone ? StandAlone.parseAsRoot(arguments) : parseAsRoot(arguments)
    }
}
