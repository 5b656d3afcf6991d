import ArgumentParser
import VPNNode

/// `vpncloud pcap`: captures of encrypted traffic.
struct Pcap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pcap", abstract: "Look into captures of traffic between nodes.",
        subcommands: [PcapDecrypt.self, PcapShow.self])
}

/// `vpncloud pcap decrypt IN`: writes what is in a capture to captures that other programs can read.
struct PcapDecrypt: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decrypt",
        abstract: "Write the packets of a capture without encryption, and the frames in them.",
        discussion: """
            Reads pcap and pcapng, as tcpdump and Wireshark write them. Without --compat and --magic, all dialects and \
            whatever magics the packets show are tried. What could not be opened is counted, with the reason.

            The exit status is 0 when every packet of this protocol was opened, 1 when one was not, and 2 when the \
            options are wrong or the capture cannot be read.

            EXAMPLES:
              vpncloud pcap decrypt wire.pcap --shared-key-file key --inner tunnel.pcap
              tcpdump -i any -U -w - udp port 3210 |
                vpncloud pcap decrypt - --shared-key-file key --inner - |
                tcpdump -n -r -
            """)

    @Argument(help: "The capture; - for the standard input.", completion: .file(extensions: ["pcap", "pcapng"]))
    var capture: String

    @Option(
        help: ArgumentHelp(
            "Write the packets to this file, without encryption (method 0) and else as they were; - for the standard output.",
            valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var outer: String?

    @Option(
        help: ArgumentHelp(
            "Write the frames in the data packets to this file, as Ethernet or raw IP; - for the standard output.",
            valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file") })
    var inner: String?

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("What the frames are: 'tap' Ethernet, 'tun' IP packets (default: what the first is)."),
        completion: .list(DeviceType.allCases.map(\.rawValue)), transform: SettingValues.deviceType)
    var type: DeviceType?

    @Flag(help: "Keep packets that are not opened in the file of --outer, as they are.")
    var keepOther = false

    @OptionGroup(title: "What to open") var opening: OpeningOptions

    func validate() throws {
        guard outer != nil || inner != nil else {
            throw ValidationError("Nothing would be written; name a file with --outer, --inner, or both.")
        }
        if outer == inner, outer != "/dev/null" {
            throw ValidationError("--outer and --inner are the same; name different files.")
        }
        if keepOther && outer == nil { throw ValidationError("--keep-other is about the file of --outer.") }
    }

    func run() throws {
        let rules = try opening.rules(in: .system())
        var session = try DecryptSession(capture, rules, outer: outer, inner: inner, type: type, keepsOther: keepOther)
        guard try session.run() else { throw ExitCode(1) }
    }
}

/// `vpncloud pcap show IN`: prints what is in a capture.
struct PcapShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print the packets of a capture, a line each, with their messages.",
        discussion: """
            Of an encrypted packet, the message is shown where the key is given, else what its header says. Packets of \
            anything else are counted only.

            The exit status is that of 'pcap decrypt'.

            EXAMPLES:
              vpncloud pcap show wire.pcap --shared-key-file key
              vpncloud pcap show wire.pcap --json | jq -r 'select(.message.type == "init") | .message.node_id'
            """)

    @Argument(help: "The capture; - for the standard input.", completion: .file(extensions: ["pcap", "pcapng"]))
    var capture: String

    @Flag(help: "Print a JSON object a line; docs/inspecting.md names the members.")
    var json = false

    @OptionGroup(title: "What to open") var opening: OpeningOptions

    func run() throws {
        let rules = try opening.rules(in: .system())
        var session = try ShowSession(capture, rules, asJSON: json)
        guard try session.run() else { throw ExitCode(1) }
    }
}
