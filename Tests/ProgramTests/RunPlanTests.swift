import Testing
import VPNCaptures
import VPNNode
import VPNProtocol

@testable import vpncloud

/// A plan from a command line and the text of a file, in surroundings where nothing is real.
private func plan(
    _ arguments: [String] = [], file: String? = nil, variable: String? = nil, keyFiles: [String: String] = [:],
    readableByOthers: Set<String> = [], hasAES: Bool = true, fault: ProviderFault? = nil
) throws -> RunPlan {
    let program = try #require(try Program.parse(commandLine: arguments) as? Program)
    let settings = try file.map { try ConfigurationFile.read(Array($0.utf8), name: "x.yaml") }
    let surroundings = RunPlan.Surroundings(
        keyVariable: variable,
        readKeyFile: { path throws(FileError) in
            guard let text = keyFiles[path] else { throw FileError(code: 2) }
            return Array(text.utf8)
        }, isReadableByOthers: readableByOthers.contains, isAvailable: { $0 != .aes256 || hasAES },
        providerFault: { fault })
    return try RunPlan(
        commandLine: program.settings, file: settings.map { (settings: $0, name: "x.yaml") }, in: surroundings)
}

/// What a plan is refused with.
private func refusal(_ make: () throws -> RunPlan) -> Failure? {
    #expect(throws: Failure.self) { _ = try make() }
}

@Suite("A plan")
struct RunPlanTests {
    @Test("has the manual's defaults")
    func defaults() throws {
        let plan = try plan()
        #expect(plan.deviceType == .tap)
        #expect(plan.deviceName == "vpncloud%d")
        #expect(plan.devicePath == "/dev/net/tun")
        #expect(plan.network.mode == .normal)
        #expect(plan.network.port == 3210)
        #expect(plan.network.magic == .standard)
        #expect(plan.network.dialect == .manual)
        #expect(plan.network.peerTimeout == .seconds(1800))
        #expect(plan.network.stationTimeout == .seconds(300))
        #expect(plan.network.portForwarding)
        #expect(plan.key == nil)
        #expect(plan.provider == .automatic)
        #expect(plan.offload)
    }

    @Test("follows the command line where the file says something else")
    func precedence() throws {
        let plan = try plan(
            [
                "-t", "tap", "-d", "b", "-l", "2", "-m", "hub", "--peer-timeout", "2", "--dst-timeout", "2", "--magic",
                "00000002", "--ifup", "b", "--port-forwarding", "--shared-key", "b", "--crypto", "chacha20", "--user",
                "b",
            ],
            file: """
                device_type: tun
                device_name: a
                port: 1
                mode: router
                peer_timeout: 1
                dst_timeout: 1
                magic: '00000001'
                ifup: a
                ifdown: a
                port_forwarding: false
                shared_key: a
                crypto: aes256
                user: a
                group: a
                """)
        #expect(plan.deviceType == .tap)
        #expect(plan.deviceName == "b")
        #expect(plan.network.port == 2)
        #expect(plan.network.mode == .hub)
        #expect(plan.network.peerTimeout == .seconds(2))
        #expect(plan.network.stationTimeout == .seconds(2))
        #expect(plan.network.magic.bits == 2)
        #expect(plan.ifup == "b")
        #expect(plan.ifdown == "a")
        #expect(plan.network.portForwarding)
        #expect(plan.key?.password == "b")
        #expect(plan.key?.method == .chacha20)
        #expect(plan.user == "b")
        #expect(plan.group == "a")
    }

    @Test("adds peers and subnets of the command line to those of the file, each once")
    func lists() throws {
        let plan = try plan(
            ["-c", "b:1", "-c", "a:1", "-s", "10.2.0.0/16"], file: "peers: [a:1, c:1]\nsubnets: [10.1.0.0/16]\n")
        #expect(plan.network.peers.map(\.description) == ["a:1", "c:1", "b:1"])
        #expect(plan.network.subnets.map(\.description) == ["10.1.0.0/16", "10.2.0.0/16"])
    }

    @Test("takes the key of the command line before the variable, and that before the file")
    func keySources() throws {
        let file = "shared_key: from-file\n"
        let files = ["k": "from-key-file\r\n"]
        #expect(try plan(["--shared-key", "option"], file: file, variable: "variable").key?.password == "option")
        #expect(
            try plan(["--shared-key-file", "k"], file: file, variable: "variable", keyFiles: files).key?.password
                == "from-key-file")
        #expect(try plan(file: file, variable: "variable").key?.password == "variable")
        #expect(try plan(file: file).key?.password == "from-file")
        #expect(try plan(file: "shared_key_file: k\n", keyFiles: files).key?.password == "from-key-file")
    }

    @Test(
        "takes the one line of a key file",
        arguments: [("key", "key"), ("key\n", "key"), ("key\r\n", "key"), (" key \n", " key "), ("ключ\n", "ключ")])
    func keyFiles(_ content: String, _ key: String) throws {
        #expect(try plan(["--shared-key-file", "k"], keyFiles: ["k": content]).key?.password == key)
    }

    @Test("refuses a key file without a key", arguments: ["", "\n", "\r\n", "two\nlines\n", "a\0b"])
    func emptyKeyFiles(_ content: String) {
        #expect(refusal { try plan(["--shared-key-file", "k"], keyFiles: ["k": content]) }?.status == 2)
    }

    @Test("refuses a key file that cannot be read, and names it")
    func missingKeyFile() {
        #expect(
            refusal { try plan(["--shared-key-file", "k"]) }?.lines
                == ["vpncloud: cannot read the key file 'k': No such file or directory"])
    }

    @Test("refuses an empty variable rather than sending unencrypted")
    func emptyVariable() {
        #expect(refusal { try plan(variable: "") }?.status == 2)
        #expect(throws: Never.self) { try plan(["--shared-key", "a"], variable: "") }
    }

    @Test("refuses aes256 on a processor that cannot do it")
    func missingInstructions() throws {
        #expect(refusal { try plan(["--shared-key", "a", "--crypto", "aes256"], hasAES: false) }?.status == 2)
        #expect(try plan(["--shared-key", "a"], hasAES: false).key?.method == .chacha20)
    }

    @Test("refuses ipsec-mb where it cannot be used, and says why")
    func missingProvider() throws {
        let arguments = ["--shared-key", "a", "--crypto-provider"]
        #expect(
            refusal { try plan(arguments + ["ipsec-mb"], fault: .notUsable) }
                == .usage(KeyError.providerUnavailable(.notUsable).description))
        #expect(try plan(arguments + ["auto"], fault: .notUsable).provider == .automatic)
        #expect(try plan(arguments + ["ipsec-mb"]).provider == .ipsecMB)
        #expect(try plan(arguments + ["libsodium"], file: "crypto_provider: ipsec-mb").provider == .libsodium)
    }

    @Test("makes its seal with the library that is chosen")
    func sealProvider() throws {
        let plan = try plan(["--shared-key", "a", "--crypto-provider", "libsodium"])
        #expect(try plan.seal().provider == .libsodium)
    }

    @Test("reads a raw key where the dialect has them")
    func rawKeys() throws {
        #expect(refusal { try plan(["--shared-key", "hex:12", "--compat", "1"]) }?.status == 2)
        #expect(try plan(["--shared-key", "hex:12"]).key?.password == "hex:12")
    }

    @Test("leaves out the first character of a magic's name in dialect 0.8")
    func magic() throws {
        let old = try plan(["--magic", "hash:xname", "--compat", "0.8"]).network.magic
        #expect(try old == plan(["--magic", "hash:name"]).network.magic)
    }

    @Test("warns of what is probably not meant")
    func warnings() throws {
        #expect(try plan().warnings == ["no shared key is set: traffic is NOT encrypted, and anyone can take part"])
        #expect(
            try plan(["--shared-key-file", "k"], keyFiles: ["k": "a"], readableByOthers: ["k"]).warnings
                == ["others can read the key file 'k'; forbid it with 'chmod 600'"])
        #expect(
            try plan(file: "shared_key: a\n", readableByOthers: ["x.yaml"]).warnings
                == ["others can read 'x.yaml', which holds the shared key; forbid it with 'chmod 600'"])
        #expect(
            try plan(["--shared-key", "b"], file: "shared_key: a\n", readableByOthers: ["x.yaml"]).warnings.isEmpty)
        #expect(
            try plan(["-t", "tun", "--shared-key", "a"]).warnings
                == ["this node claims no subnets, so that as a router it gets no data; see --subnet"])
        #expect(try plan(["-t", "tun", "-s", "10.0.0.0/8", "--shared-key", "a"]).warnings.isEmpty)
    }

    @Test("refuses one file for two purposes")
    func files() {
        #expect(refusal { try plan(["--log-file", "/x", "--stats-file", "/x"]) }?.status == 2)
    }

    @Test("records nothing unless a file is named, up to a gigabyte then")
    func recording() throws {
        #expect(try plan(["--record-limit", "1"]).recording == nil)
        let plain = try #require(try plan(["--record", "/x"]).recording)
        #expect(plain.path == "/x" && plain.limit == 1_000_000_000)
        let limited = try #require(
            try plan(["--record-limit", "3"], file: "record: /y\nrecord_limit: 2\n").recording)
        #expect(limited.path == "/y" && limited.limit == 3_000_000)
        #expect(refusal { try plan(["--record", "/x", "--log-file", "/x"]) }?.status == 2)
    }

    @Test("captures nothing unless a folder is named, and no more than fits a disk then")
    func capture() throws {
        let aimless = try plan(["--capture-filter", "arp", "--capture-size", "1", "--shared-key", "a"])
        #expect(aimless.capture == nil)
        #expect(
            aimless.warnings == ["nothing is captured: the options say how, and none says where to; see --capture"])
        // A file may say how for the days on which an option says where to.
        let silent = try plan(["--shared-key", "a"], file: "capture_filter: arp\n")
        #expect(silent.capture == nil && silent.warnings.isEmpty)
        let plain = try plan(["--capture", "/x"]).capture
        #expect(plain?.target == .folder("/x") && plain?.filter == nil && plain?.limits == .standard)
        let relative = try plan(["--capture", "x"]).capture
        #expect(relative?.target == .folder(FileBytes.absolute("x")))
        let full = try plan(
            ["--capture", "-", "--capture-files", "3"],
            file: "capture: /x\ncapture_filter: arp\ncapture_size: 2\ncapture_age: 60\ncapture_files: 4\n"
        ).capture
        #expect(full?.target == .standardOutput && full?.filter == "arp")
        #expect(full?.limits == CaptureLimits(fileBytes: 2_000_000, age: .seconds(60), files: 3))
    }

    @Test("refuses more subnets than a node can claim")
    func subnets() {
        let arguments = (0..<128).flatMap { ["-s", "10.0.\($0).0/24"] }
        let file = "subnets:\n" + (0..<128).map { "  - 10.1.\($0).0/24\n" }.joined()
        #expect(refusal { try plan(arguments, file: file) }?.status == 2)
    }

    @Test("tells the node all that it has to know")
    func configuration() throws {
        let plan = try plan([
            "-t", "tun", "-m", "router", "-l", "5", "-c", "a:1", "-s", "10.0.0.0/8", "--peer-timeout", "7",
            "--dst-timeout", "8",
            "--no-port-forwarding", "--compat", "1", "--magic", "01020304", "--shared-key", "k",
        ])
        let node = plan.network.configuration(plan.deviceType, seal: try plan.seal(), reportsMessages: true)
        #expect(node.deviceType == .tun)
        #expect(node.mode == .router)
        #expect(node.seal.method == .chacha20)
        #expect(node.seal.magic.bits == 0x0102_0304)
        #expect(node.dialect == .v1)
        #expect(node.subnets.count == 1)
        #expect(node.peers.count == 1)
        #expect(node.peerTimeout == .seconds(7))
        #expect(node.stationTimeout == .seconds(8))
        #expect(node.port == 5)
        #expect(!node.portForwarding)
        #expect(node.reportsMessages)
    }
}
