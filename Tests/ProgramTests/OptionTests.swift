import ArgumentParser
import Logging
import Testing
import VPNNode
import VPNProtocol

@testable import vpncloud

/// What a command line says.
private func settings(_ arguments: String...) throws -> Settings {
    try #require(try Program.parse(commandLine: arguments) as? Program).settings
}

/// An option with a value, and whether settings got it.
struct OptionCase: Sendable, CustomTestStringConvertible {
    let names: [String]
    let value: String
    let isTaken: @Sendable (Settings) -> Bool

    init(_ names: String..., value: String, isTaken: @escaping @Sendable (Settings) -> Bool) {
        self.names = names
        self.value = value
        self.isTaken = isTaken
    }

    var testDescription: String { names.joined(separator: ", ") }

    /// Every option of the manual that has a value, but for `--config`; and those that were added.
    static let all = [
        Self("-t", "--type", value: "tun") { $0.deviceType == .tun },
        Self("-d", "--device", value: "vpn%d") { $0.deviceName == "vpn%d" },
        Self("--device-path", value: "/dev/x") { $0.devicePath == "/dev/x" },
        Self("-m", "--mode", value: "hub") { $0.mode == .hub },
        Self("-l", "--listen", value: "4000") { $0.port == 4000 },
        Self("-c", "--connect", value: "a:1") { $0.peers.map(\.description) == ["a:1"] },
        Self("-s", "--subnet", value: "10.0.0.0/8") { $0.subnets.map(\.description) == ["10.0.0.0/8"] },
        Self("--shared-key", value: "-secret") { $0.key == .text("-secret") },
        Self("--crypto", value: "aes256") { $0.crypto == .aes256 },
        Self("--crypto-provider", value: "libsodium") { $0.cryptoProvider == .libsodium },
        Self("--magic", value: "hash:home") { $0.magic == "hash:home" },
        Self("--peer-timeout", value: "60") { $0.peerTimeout == 60 },
        Self("--dst-timeout", value: "70") { $0.stationTimeout == 70 },
        Self("--ifup", value: "-x $IFNAME") { $0.ifup == "-x $IFNAME" },
        Self("--ifdown", value: "down") { $0.ifdown == "down" },
        Self("--pid-file", value: "p") { $0.pidFile == "p" },
        Self("--user", value: "nobody") { $0.user == "nobody" },
        Self("--group", value: "nogroup") { $0.group == "nogroup" },
        Self("--log-file", value: "l") { $0.logFile == "l" },
        Self("--stats-file", value: "s") { $0.statsFile == "s" },
        Self("--shared-key-file", value: "k") { $0.key == .file("k") },
        Self("--capture", value: "folder") { $0.capture == "folder" },
        Self("--capture", value: "-") { $0.capture == "-" },
        Self("--capture-filter", value: "not port 22") { $0.captureFilter == "not port 22" },
        Self("--capture-size", value: "7") { $0.captureSize == 7 },
        Self("--capture-age", value: "3600") { $0.captureAge == 3600 },
        Self("--capture-files", value: "3") { $0.captureFiles == 3 },
        Self("--record", value: "r") { $0.record == "r" },
        Self("--record-limit", value: "5") { $0.recordLimit == 5 },
        Self("--compat", value: "0.9") { $0.dialect == .v0_9 },
    ]
}

@Suite("The command line")
struct OptionTests {
    @Test("takes each option under each of its names", arguments: OptionCase.all)
    func options(_ option: OptionCase) throws {
        for name in option.names {
            #expect(option.isTaken(try settings(name, option.value)))
            if name.hasPrefix("--") { #expect(option.isTaken(try settings("\(name)=\(option.value)"))) }
        }
    }

    @Test("takes the flags")
    func flags() throws {
        #expect(try settings("--no-port-forwarding").portForwarding == false)
        #expect(try settings("--port-forwarding").portForwarding == true)
        #expect(try settings().portForwarding == nil)
        #expect(try settings("--no-offload").offload == false)
        #expect(try settings("--offload").offload == true)
        #expect(try settings().offload == nil)
        let program = try #require(try Program.parse(commandLine: ["--daemon", "-v", "--config", "f"]) as? Program)
        #expect(program.process.daemon)
        #expect(program.reports.level == .trace)
        #expect(program.config == "f")
        #expect((try Program.parse(commandLine: ["-q"]) as? Program)?.reports.level == .warning)
    }

    @Test("says nothing where nothing is said")
    func silence() throws {
        #expect(try settings() == Settings())
    }

    @Test("repeats peers and subnets")
    func repetition() throws {
        let settings = try settings("-c", "a:1", "-s", "10.0.0.0/8", "--connect", "[::1]:2", "--subnet", "fd00::/64")
        #expect(settings.peers.map(\.description) == ["a:1", "[::1]:2"])
        #expect(settings.subnets.map(\.description) == ["10.0.0.0/8", "fd00::/64"])
    }

    @Test(
        "is refused with status 2 where it is wrong",
        arguments: [
            ["-l", "0"], ["--listen", "many"], ["-t", "tab"], ["-s", "10.0.0.0"], ["-c", "a:b:c"], ["--magic", "1"],
            ["--crypto", "none"], ["--crypto-provider", "openssl"], ["--compat", "7"], ["--peer-timeout", "0"],
            ["--capture", ""], ["--capture-filter", ""], ["--capture-size", "0"], ["--capture-age", "soon"],
            ["--capture-files", "0"], ["--record", ""], ["--record-limit", "0"], ["--record-limit", "1M"],
            ["-v", "-q"], ["--unknown"], ["word"],
            ["--shared-key", "a", "--shared-key-file", "b"], ["--shared-key", ""], ["-d", "a/b"], ["--ifup", ""],
            ["check-config"], ["check-config", "a", "b"], ["check-config", "/nonexistent"],
            ["--config", "/nonexistent"], ["sim", "check"], ["sim", "check", "/nonexistent"], ["sim", "chekc"],
        ])
    func refusal(_ arguments: [String]) {
        #expect(Program.main(arguments) == 2)
    }

    @Test("says what would be right")
    func remedy() {
        let error = #expect(throws: (any Error).self) { try Program.parse(commandLine: ["-s", "10.0.0.0/40"]) }
        #expect(
            error.map { Program.message(for: $0) }
                == "The value '10.0.0.0/40' is invalid for '-s <subnet>': '/40' is no prefix length; write one from 0 to 32"
        )
    }

    @Test("leaves a subcommand's options to it")
    func subcommands() throws {
        let command = try Program.parse(commandLine: ["check-config", "x.yaml"])
        #expect((command as? CheckConfig)?.file == "x.yaml")
        #expect(throws: (any Error).self) { try Program.parse(commandLine: ["check-config", "x.yaml", "-v"]) }
        #expect(
            (try Program.parse(commandLine: ["-d", "check-config"]) as? Program)?.settings.deviceName == "check-config")
    }

    @Test("has a help that names every option and key")
    func help() {
        let help = Program.helpMessage(columns: 80)
        for name in OptionCase.all.flatMap(\.names) + [
            "--daemon", "--no-port-forwarding", "-v", "-q", "--config", "-h",
        ] {
            #expect(help.contains(name))
        }
        for key in ConfigurationKey.allCases { #expect(help.contains(key.rawValue)) }
        for title in [
            "DEVICE:", "NETWORK:", "ENCRYPTION:", "PROCESS:", "REPORTS:", "CAPTURE:", "RECORDING:", "EXAMPLES:",
            sharedKeyVariable,
        ] {
            #expect(help.contains(title))
        }
        let longest = help.split(separator: "\n").filter { !$0.hasPrefix("USAGE") }.map(\.count).max() ?? 0
        #expect(longest <= 80)
    }

    @Test("has completions for the usual shells", arguments: [CompletionShell.bash, .zsh, .fish])
    func completions(_ shell: CompletionShell) {
        let script = Program.completionScript(for: shell)
        for word in ["shared-key-file", "check-config", "chacha20"] { #expect(script.contains(word)) }
    }

    @Test("tells version, crypto provider and processor")
    func version() {
        let lines = Version.description.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0] == "vpncloud \(Version.number)")
        #expect(lines[1] == "crypto provider: \(CryptoProvider.automatic.summary)")
        // The library that is taken, or why it is not.
        #expect(lines[1].contains("ipsec-mb"))
        #expect(lines[2].contains("chacha20"))
        #expect(Program.main(["--version"]) == 0)
    }
}
