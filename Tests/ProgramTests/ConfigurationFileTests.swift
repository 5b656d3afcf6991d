import Testing
import VPNNode
import VPNProtocol

@testable import vpncloud

/// The settings of a text, or the text of its faults.
private func read(_ text: String) -> Result<Settings, ConfigurationFileError> {
    Result { () throws(ConfigurationFileError) in try ConfigurationFile.read(Array(text.utf8), name: "x.yaml") }
}

/// What a text is refused with, one line for each fault.
private func faults(_ text: String) -> [String] {
    switch read(text) {
    case .success: []
    case .failure(let error): error.diagnostics.map(\.description)
    }
}

@Suite("A configuration file")
struct ConfigurationFileTests {
    @Test("takes the manual's example")
    func example() throws {
        let settings = try read(manualExample).get()
        #expect(settings.deviceType == .tun)
        #expect(settings.deviceName == "vpncloud%d")
        #expect(settings.ifup == "ifconfig $IFNAME 10.0.1.1/16 mtu 1400 up")
        #expect(settings.crypto == .aes256)
        #expect(settings.key == .text("mysecret"))
        #expect(settings.port == 3210)
        #expect(settings.peers.map(\.description) == ["remote.machine.foo:3210", "remote.machine.bar:3210"])
        #expect(settings.peerTimeout == 1800)
        #expect(settings.mode == .normal)
        #expect(settings.subnets.map(\.description) == ["10.0.1.0/24"])
        #expect(settings.portForwarding == true)
        #expect(settings.user == "nobody")
        #expect(settings.group == "nogroup")
        #expect(settings.pidFile == "/run/vpncloud.pid")
    }

    @Test("knows every key", arguments: ConfigurationKey.allCases)
    func keys(_ key: ConfigurationKey) throws {
        let values: [ConfigurationKey: String] = [
            .deviceType: "tap", .mode: "hub", .port: "1", .peers: "[a:1]", .subnets: "[10.0.0.0/8]", .peerTimeout: "1",
            .dstTimeout: "1", .portForwarding: "no", .offload: "no", .compat: "0.9", .crypto: "chacha20",
            .cryptoProvider: "ipsec-mb", .magic: "hash:x", .captureSize: "1", .captureAge: "1", .captureFiles: "1",
            .recordLimit: "1",
        ]
        let settings = try read("\(key.rawValue): \(values[key] ?? "text")\n").get()
        #expect(settings != Settings())
    }

    @Test(
        "may be empty, or say nothing",
        arguments: [
            "", "\n\n", "# a comment\n", "---\n", "---\n...\n", "peers:\n", "subnets: []\n", "ifup: ~\n",
            "user: null\n",
        ])
    func empty(_ text: String) throws {
        #expect(try read(text).get() == Settings())
    }

    @Test(
        "takes digits as the text of a magic",
        arguments: ["76706e01", "12345678", "'12345678'", "1e234567", "00000000"])
    func magic(_ text: String) throws {
        #expect(try read("magic: \(text)\n").get().magic?.count == 8)
    }

    @Test(
        "takes anything but nothing as the text of a key",
        arguments: ["12345", "true", "1.50", "'~'", "\"null\"", "0x1F", "é"])
    func sharedKey(_ text: String) throws {
        let plain = text.filter { $0 != "'" && $0 != "\"" }
        #expect(try read("shared_key: \(text)\n").get().key == .text(plain))
    }

    @Test(
        "takes the usual spellings of true and false",
        arguments: [
            ("true", true), ("yes", true), ("on", true), ("True", true), ("false", false), ("no", false),
            ("OFF", false),
        ])
    func booleans(_ text: String, _ value: Bool) throws {
        #expect(try read("port_forwarding: \(text)\n").get().portForwarding == value)
    }

    @Test("takes a dialect that looks like a number", arguments: ["0.8", "0.9", "1", "'1'", "manual"])
    func dialects(_ text: String) throws {
        #expect(try read("compat: \(text)\n").get().dialect != nil)
    }

    @Test("is refused with place and remedy", arguments: BadConfiguration.all)
    func bad(_ configuration: BadConfiguration) {
        #expect(faults(configuration.text) == configuration.faults)
    }

    @Test("tells all of its faults, in their order")
    func all() {
        let text = """
            port: 0
            moed: hub
            subnets:
              - 10.0.0.0/24
              - 10.0.0.0/40
            port: 7
            """
        #expect(
            faults(text) == [
                "x.yaml:1:7: port: expected a port number from 1 to 65535, found '0'",
                "x.yaml:2:1: unknown key 'moed'; did you mean 'mode'?",
                "x.yaml:5:5: subnets: '10.0.0.0/40' is not right: '/40' is no prefix length; write one from 0 to 32",
                "x.yaml:6:1: 'port' is already set in line 1; keep one of them",
            ])
    }

    @Test("never tells the shared key")
    func secrecy() {
        let texts = ["shared_key: [hunter2]\n", "shared_key: {hunter2: 1}\n", "compat: 1\nshared_key: hex:hunter2\n"]
        for text in texts {
            #expect(faults(text).count == 1)
            #expect(!faults(text).joined().contains("hunter2"))
        }
    }

    @Test("is read within bounds, however large or deep it is")
    func bounds() {
        let deep = String(repeating: "[", count: 500_000)
        let flat = "peers: [" + String(repeating: "a,", count: 400_000) + "a]"
        let keys = (0..<40_000).map { "k\($0): 1\n" }.joined()
        let large = String(repeating: "# comment\n", count: 200_000)
        #expect(faults(deep) == ["x.yaml:1:17: lists and mappings are nested deeper than 16 levels"])
        #expect(faults(flat) == ["x.yaml:1:200007: the file holds more than 100000 values"])
        #expect(faults(keys).count == 100)
        #expect(faults(large) == ["x.yaml:1:1: the file has 2000000 bytes; at most 1048576 are read"])
    }

    @Test("that is damaged is refused or read, and never ends the program")
    func damage() {
        var numbers = Seed(1, 2, 3, 4).numbers(for: "damage")
        let original = Array(manualExample.utf8)
        let specials = Array("[]{}:-?&*!|>'\"%@`#,\t\n\0".utf8)
        var refused = 0
        for _ in 0..<5_000 {
            let bytes = damaged(original, with: specials, &numbers)
            do throws(ConfigurationFileError) {
                _ = try ConfigurationFile.read(bytes, name: "x.yaml")
            } catch {
                refused += 1
                #expect(!error.diagnostics.isEmpty)
            }
        }
        #expect(refused > 1_000)
    }
}

/// The example of the manual's section on configuration files.
let manualExample = """
    device_type: tun
    device_name: vpncloud%d
    ifup: ifconfig $IFNAME 10.0.1.1/16 mtu 1400 up
    crypto: aes256
    shared_key: mysecret
    port: 3210
    peers:
      - remote.machine.foo:3210
      - remote.machine.bar:3210
    peer_timeout: 1800
    mode: normal
    subnets:
      - 10.0.1.0/24
    port_forwarding: true
    user: nobody
    group: nogroup
    pid_file: /run/vpncloud.pid
    """
