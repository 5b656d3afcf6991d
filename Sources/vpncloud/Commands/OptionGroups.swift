import ArgumentParser
import Logging
import VPNNode
import VPNProtocol

// The options of the program, in the sections of its help. Each is read by the same function as its key in a file.

/// The virtual network device.
struct DeviceOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("What the device carries: 'tap' Ethernet frames, 'tun' IP packets (default: tap)."),
        completion: .list(DeviceType.allCases.map(\.rawValue)), transform: SettingValues.deviceType)
    var type: DeviceType?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Name of the device; the kernel puts a free number for %d (default: vpncloud%d).", valueName: "name"),
        transform: SettingValues.deviceName)
    var device: String?

    @Option(
        help: ArgumentHelp("The device node to open (default: /dev/net/tun).", valueName: "path"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a device like /dev/net/tun") })
    var devicePath: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Command that configures the device, with the rights of the caller; 'sh -c' runs it with $IFNAME set.",
            valueName: "command"),
        transform: { try SettingValues.nonEmpty($0, "a command") })
    var ifup: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Command to undo that at the end, with the rights of --user and --group.", valueName: "command"),
        transform: { try SettingValues.nonEmpty($0, "a command") })
    var ifdown: String?
}

/// Who talks to whom, and how frames find their way.
struct NetworkOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("UDP port to listen on (default: 3210).", valueName: "port"), transform: SettingValues.port)
    var listen: UInt16?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "A peer to connect to, again and again until it answers: host:port. Can be repeated; one is enough, the others are found.",
            valueName: "addr"),
        transform: SettingValues.peer)
    var connect: [PeerName] = []

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "A range of addresses behind this node: 10.1.1.0/24, fd00:1::/64, 02:00:00:00:00:01/48, or with a VLAN 10/02:00:00:00:00:01/64. Can be repeated.",
            valueName: "subnet"),
        transform: SettingValues.subnet)
    var subnet: [Subnet] = []

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "How frames are forwarded: 'switch' learns addresses, 'router' goes by subnets, 'hub' sends to all, 'normal' is switch for tap and router for tun (default: normal)."
        ),
        completion: .list(ForwardingMode.allCases.map(\.rawValue)), transform: SettingValues.mode)
    var mode: ForwardingMode?

    @Option(
        help: ArgumentHelp("Drop a peer that is silent for so long, 1 to 65535 (default: 1800).", valueName: "secs"),
        transform: SettingValues.peerTimeout)
    var peerTimeout: UInt16?

    @Option(
        help: ArgumentHelp("Forget a learned address not seen for so long (default: 300).", valueName: "secs"),
        transform: SettingValues.stationTimeout)
    var dstTimeout: UInt32?

    @Flag(
        inversion: .prefixedNo, exclusivity: .chooseLast,
        help: "Ask a NAT router to forward the port, or not (default: --port-forwarding).")
    var portForwarding: Bool?

    @Flag(
        inversion: .prefixedNo, exclusivity: .chooseLast,
        help: "Exchange many packets at once with the kernel, or one by one (default: --offload).")
    var offload: Bool?

    @Option(
        help: ArgumentHelp(
            "Speak as older programs do: 'manual', '0.8', '0.9' (also 1.0) or '1' (1.1 to 1.4) (default: manual).",
            valueName: "version"),
        completion: .list(Dialect.allCases.map(\.rawValue)), transform: SettingValues.dialect)
    var compat: Dialect?
}

/// Encryption, and what tells networks apart.
struct SecurityOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The key that all nodes share; without one, traffic is not encrypted. Other users see it in the list of processes: prefer one of the other ways.",
            valueName: "key"),
        transform: SettingValues.sharedKey)
    var sharedKey: String?

    @Option(
        help: ArgumentHelp("A file whose one line is the shared key.", valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file that holds the key") })
    var sharedKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "The cipher, the same on all nodes: 'aes256', fast where the processor knows AES, or 'chacha20' (default: chacha20).",
            valueName: "method"),
        completion: .list(["aes256", "chacha20"]), transform: SettingValues.crypto)
    var crypto: CryptoMethod?

    @Option(
        help: ArgumentHelp(
            "The library that encrypts: 'libsodium', 'ipsec-mb', or 'auto' for the faster of them that is there. Nodes with different ones understand each other (default: auto).",
            valueName: "name"),
        completion: .list(CryptoProvider.allCases.map(\.rawValue)), transform: SettingValues.cryptoProvider)
    var cryptoProvider: CryptoProvider?

    @Option(
        help: ArgumentHelp(
            "What packets of this network begin with: 8 hexadecimal digits, or 'hash:' and a name (default: 76706e01).",
            valueName: "id"),
        transform: SettingValues.magic)
    var magic: String?
}

/// The process: background, rights.
struct ProcessOptions: ParsableArguments {
    @Flag(
        help:
            "Go to the background once the device is configured; any failure before that is reported and ends in a status other than 0."
    )
    var daemon = false

    @Option(
        help: ArgumentHelp("Where the background process leaves its id.", valueName: "file"), completion: .file(),
        transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var pidFile: String?

    @Option(
        help: ArgumentHelp("Continue as this user once all is set up.", valueName: "user"),
        transform: { try SettingValues.nonEmpty($0, "the name or number of a user") })
    var user: String?

    @Option(
        help: ArgumentHelp("Continue as this group once all is set up.", valueName: "group"),
        transform: { try SettingValues.nonEmpty($0, "the name or number of a group") })
    var group: String?
}

/// What the program tells.
struct ReportOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Write the log to this file, too; what it held is lost.", valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var logFile: String?

    @Option(
        help: ArgumentHelp("Write peers and traffic to this file every 60 seconds, as YAML.", valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var statsFile: String?

    @Flag(name: .shortAndLong, help: "Log everything, each message included.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Log warnings and errors only.")
    var quiet = false

    /// The least level that is logged.
    var level: Logger.Level { verbose ? .trace : quiet ? .warning : .info }

    func validate() throws {
        if verbose && quiet { throw ValidationError("--verbose and --quiet exclude each other; choose one.") }
    }
}

/// All that the running node is told, for 'vpncloud sim replay'.
struct RecordingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Record all that the node is told, decrypted and without the key, to this file; 'vpncloud sim replay' does the same once more.",
            valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var record: String?

    @Option(
        help: ArgumentHelp("End the recording after so many megabytes (default: 1000).", valueName: "mb"),
        transform: SettingValues.recordLimit)
    var recordLimit: UInt32?
}

/// Packets of the running node, for tcpdump and Wireshark.
struct CaptureOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write the packets of the tunnel to inner.pcap in this folder, and the node's messages, decrypted, to outer.pcap; or with '-' the packets of the tunnel to the standard output.",
            valueName: "dir"),
        completion: .directory, transform: { try SettingValues.nonEmpty($0, "the path of a folder") })
    var capture: String?

    @Option(
        help: ArgumentHelp("Capture what this expression of tcpdump matches only.", valueName: "expr"),
        transform: { try SettingValues.nonEmpty($0, "an expression for tcpdump") })
    var captureFilter: String?

    @Option(
        help: ArgumentHelp("Begin a new file after so many megabytes (default: 100).", valueName: "mb"),
        transform: SettingValues.captureSize)
    var captureSize: UInt32?

    @Option(
        help: ArgumentHelp("Begin a new file after so many seconds (default: never).", valueName: "secs"),
        transform: SettingValues.captureAge)
    var captureAge: UInt32?

    @Option(
        help: ArgumentHelp("Keep so many files of each kind, and remove older ones (default: 10).", valueName: "n"),
        transform: SettingValues.captureFiles)
    var captureFiles: UInt32?
}
