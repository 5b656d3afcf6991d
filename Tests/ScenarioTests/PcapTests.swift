import Foundation
import TestVectors
import Testing

extension Folder {
    /// Makes a file of bytes, and returns its path.
    func file(_ name: String, bytes: [UInt8]) throws -> String {
        let path = "\(path)/\(name)"
        try Data(bytes).write(to: URL(filePath: path))
        return path
    }
}

extension Tool {
    /// Runs `vpncloud pcap` with arguments.
    static func pcap(_ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
        try run([program(), "pcap"] + arguments, environment: ["TZ": "UTC"].merging(environment) { $1 })
    }

    /// Runs a line of a shell, in which $0 is the program.
    fileprivate static func shell(_ line: String, _ arguments: String...) throws -> Outcome {
        try run(["bash", "-o", "pipefail", "-c", line, program()] + arguments)
    }
}

/// A line that `pcap show --json` prints.
private struct ShownPacket: Decodable {
    let time: String
    let from: String
    let to: String
    let bytes: Int
    let magic: String
    let method: UInt8
    let nonce: String?
    let opened: Bool
    let reason: String?
    let message: Capture.Message

    static func lines(_ text: String) throws -> [ShownPacket] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try text.split(separator: "\n").map { try decoder.decode(Self.self, from: Data($0.utf8)) }
    }
}

@Suite("'pcap decrypt'")
struct PcapDecryptTests {
    @Test(
        "writes what other programs read", .enabled(if: Tool.isThere("tshark"), "tshark is not installed"),
        arguments: Capture.all)
    func golden(capture: Capture) throws {
        let folder = try Folder()
        let file = try #require(capture.file).path
        let key = try folder.file("key", (capture.sharedKey ?? "none") + "\n")
        let paths = ["--outer", "\(folder.path)/outer", "--inner", "\(folder.path)/inner"]
        let outcome = try Tool.pcap(["decrypt", file, "--shared-key-file", key] + paths)
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome)")
        let frames = capture.packets.compactMap(\.message.frame)
        let kind = capture.device == "tun" ? "IP packets" : "Ethernet frames"
        let width = "\(capture.packets.count)".count
        func number(_ count: Int) -> String { String(repeating: " ", count: width - "\(count)".count) + "\(count)" }
        #expect(outcome.lines.contains("\(number(frames.count))  \(kind) written to '\(folder.path)/inner'"))
        #expect(outcome.lines.contains { $0.hasPrefix("\(capture.packets.count)  opened: \(frames.count) data, ") })
        #expect(!outcome.output.contains("NOT opened") && !outcome.output.contains("note:"))

        let checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
        let fields = ["-T", "fields", "-e", "udp.checksum.status", "-e", "ip.checksum.status", "-e", "udp.payload"]
        let outer = try Tool.run(["tshark", "-n", "-r", "\(folder.path)/outer"] + checks + fields)
        let rows = outer.lines.map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
        #expect(rows.count == capture.packets.count)
        #expect(rows.allSatisfy { $0[0] == "1" && ($0[1] == "1" || $0[1].isEmpty) })
        #expect(rows.allSatisfy { $0[2].hasPrefix("\(capture.magic)000000") })
        let inner = try Tool.run([
            "tshark", "-n", "-r", "\(folder.path)/inner", "-T", "fields", "-e", "frame.protocols",
        ])
        #expect(inner.lines.count == frames.count && inner.lines.allSatisfy { !$0.contains("_ws.malformed") })
    }

    @Test("says what is wrong with a capture, and how much of it was of use", arguments: BadCapture.all)
    func bad(capture: BadCapture) throws {
        let folder = try Folder()
        let path = try capture.bytes.map { try folder.file("in.pcap", bytes: $0) } ?? "\(folder.path)/none.pcap"
        let outcome = try Tool.pcap(
            ["decrypt", path, "--inner", "/dev/null", "--outer", "/dev/null"] + capture.options)
        #expect(outcome.status == capture.status, "\(outcome)")
        let lines = (outcome.lines + outcome.errors.split(separator: "\n").map(String.init)).map {
            $0.replacingOccurrences(of: path, with: "FILE").trimmingPrefix { $0 == " " }
        }
        for line in capture.lines { #expect(lines.contains(line[...]), "\(line)\n\(lines.joined(separator: "\n"))") }
    }

    @Test("has twenty kinds of captures at least that are damaged or foreign")
    func kinds() { #expect(BadCapture.all.count >= 20) }

    @Test("refuses options that make no sense")
    func options() throws {
        let folder = try Folder()
        let file = try folder.file("in", bytes: CaptureBytes([]).bytes)
        let cases: [([String], String)] = [
            ([file], "Nothing would be written"), ([file, "--inner", "-", "--outer", "-"], "are the same"),
            ([file, "--outer", file], "is the capture to be read; write to another file"),
            (
                [file, "--outer", "/nonexistent/x"],
                "the capture '/nonexistent/x' cannot be opened for writing: No such file or directory"
            ),
            ([file, "--inner", "x", "--keep-other"], "--keep-other is about the file of --outer"),
            ([file, "--inner", "x", "--shared-key", "a", "--shared-key-file", "b"], "exclude each other"),
            ([file, "--inner", "x", "--shared-key-file", "/nonexistent/x"], "cannot read the key file"),
            (
                [file, "--inner", "x", "--compat", "1", "--shared-key", "hex:12"],
                "must go on with 64 hexadecimal digits"
            ),
            ([file, "--inner", "x", "--magic", "xyz"], "expected 8 hexadecimal digits"),
            ([folder.path, "--inner", "x"], "Is a directory"),
        ]
        for (arguments, text) in cases {
            let outcome = try Tool.pcap(["decrypt"] + arguments)
            #expect(outcome.status == 2 && outcome.errors.contains(text), "\(arguments): \(outcome)")
        }
        #expect(try Data(contentsOf: URL(filePath: file)).count == 24)
    }

    @Test(
        "writes neither to what it reads nor twice to one file, however they are named",
        arguments: [
            ("IN --inner ./in.pcap", "'./in.pcap' is the capture to be read"),
            ("link.pcap --inner in.pcap", "'in.pcap' is the capture to be read"),
            ("- --inner in.pcap <in.pcap", "'in.pcap' is the capture to be read"),
            ("in.pcap --inner - >>in.pcap", "the standard output is the capture to be read"),
            ("in.pcap --inner new.pcap --outer ./new.pcap", "--outer and --inner are the same file"),
            ("in.pcap --inner old.pcap --outer ./old.pcap", "--outer and --inner are the same file"),
            ("in.pcap --inner old.pcap --outer - >>old.pcap", "--outer and --inner are the same file"),
        ])
    func sameFile(arguments: String, text: String) throws {
        let folder = try Folder()
        let capture = CaptureBytes([]).bytes
        let (path, old) = (try folder.file("in.pcap", bytes: capture), try folder.file("old.pcap", "mine"))
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/link.pcap", withDestinationPath: path)
        let line = "cd \"$1\" && \"$0\" pcap decrypt \(arguments.replacingOccurrences(of: "IN", with: path))"
        let outcome = try Tool.shell(line, folder.path)
        #expect(outcome.status == 2 && outcome.errors.contains(text), "\(outcome)")
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(capture))
        #expect(try String(contentsOfFile: old, encoding: .utf8) == "mine")
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/new.pcap"))
    }

    @Test("says that a disk is full")
    func full() throws {
        let folder = try Folder()
        let capture = try #require(Capture.all.first?.file).path
        let outcome = try Tool.pcap(["decrypt", capture, "--inner", folder.full("full")])
        #expect(
            outcome.status == 1 && outcome.errors.contains("cannot be written: No space left on device"), "\(outcome)")
    }

    @Test(
        "reads and writes pipes, which other programs may close",
        .enabled(if: Tool.isThere("tcpdump"), "tcpdump is not installed"))
    func pipes() throws {
        let capture = try #require(Capture.all.first { $0.capture == "1-tun-aes256.pcap" })
        let file = try #require(capture.file).path
        let read = try Tool.shell(
            "\"$0\" pcap decrypt - --shared-key test123 --inner - <\"$1\" | tcpdump -n -r -", file)
        #expect(read.status == 0, "\(read)")
        #expect(read.lines.count == capture.packets.count { $0.message.frame != nil })
        #expect(read.lines.contains { $0.contains("ICMP echo request") })
        #expect(
            read.errors.contains("packets of Ethernet read") && read.errors.contains("written to the standard output"))
        // 'true' reads nothing, and is gone before anything is written, or not.
        let closed = try Tool.shell(
            "for i in $(seq 200); do tail -c +25 \"$1\"; done | (head -c 24 \"$1\"; cat) | \"$0\" pcap decrypt - --shared-key test123 --outer - 2>/dev/null | true; echo ${PIPESTATUS[2]}",
            file)
        #expect(closed.output == "0\n", "\(closed)")
    }

    @Test("takes the key from the environment, and reads the magic of a name")
    func environment() throws {
        let capture = try #require(Capture.all.first { $0.magicOption != nil })
        let arguments = [
            "decrypt", try #require(capture.file).path, "--outer", "/dev/null", "--magic", capture.magicOption ?? "",
        ]
        let outcome = try Tool.pcap(arguments, environment: ["VPNCLOUD_SHARED_KEY": capture.sharedKey ?? ""])
        #expect(
            outcome.status == 0
                && outcome.output.contains("(magic \(capture.magic), chacha20, key as in the dialects 0.9 and 1)"))
    }
}

@Suite("'pcap show'")
struct PcapShowTests {
    @Test("prints what the descriptions of golden captures say", arguments: Capture.all)
    func golden(capture: Capture) throws {
        let file = try #require(capture.file).path
        let key = capture.sharedKey.map { ["--shared-key", $0] } ?? []
        let outcome = try Tool.pcap(["show", file, "--json"] + key)
        #expect(outcome.status == 0, "\(outcome)")
        let shown = try ShownPacket.lines(outcome.output)
        #expect(shown.map(\.from) == capture.packets.map(\.from) && shown.map(\.to) == capture.packets.map(\.to))
        #expect(shown.map(\.method) == capture.packets.map(\.method))
        #expect(shown.map(\.nonce) == capture.packets.map(\.nonce))
        #expect(shown.map(\.bytes) == capture.packets.map { $0.packet.count / 2 })
        #expect(shown.allSatisfy { $0.magic == capture.magic && $0.opened && $0.reason == nil })
        for (shown, packet) in zip(shown, capture.packets) {
            var message = packet.message
            // The descriptions write the last 32 bits of a mapped address in hexadecimal.
            message.addresses = message.addresses?.map {
                $0.replacingOccurrences(of: "::ffff:c000:20", with: "::ffff:192.0.2.")
            }
            #expect(shown.message == message)
        }
        let text = try Tool.pcap(["show", file] + key)
        #expect(text.status == 0 && text.lines.count == capture.packets.count)
        for (line, (shown, packet)) in zip(text.lines, zip(shown, capture.packets)) {
            // The time of day, without nanoseconds and zone.
            let clock = shown.time.dropFirst(11).dropLast(4)
            #expect(line.hasPrefix("\(clock) \(packet.from) > \(packet.to): \(packet.message.type)"), "\(line)")
        }
    }

    @Test("shows of a packet that it cannot open what its header says")
    func withoutKey() throws {
        let capture = try #require(Capture.all.first { $0.capture == "1-tun-aes256.pcap" })
        let file = try #require(capture.file).path
        let outcome = try Tool.pcap(["show", file])
        #expect(outcome.status == 1 && outcome.lines.count == capture.packets.count)
        #expect(outcome.lines[0].hasSuffix("init, 80 bytes, aes256, not opened: encrypted, and no key was given"))
        let shown = try ShownPacket.lines(try Tool.pcap(["show", file, "--json"]).output)
        #expect(shown.allSatisfy { !$0.opened && $0.reason == "no_key" && $0.magic == capture.magic })
        #expect(shown.map(\.nonce) == capture.packets.map(\.nonce))
        #expect(shown.map(\.message.type) == capture.packets.map(\.message.type))
    }

    @Test("ends quietly when its reader has seen enough")
    func closedPipe() throws {
        let file = try #require(Capture.all.first?.file).path
        let outcome = try Tool.shell("\"$0\" pcap show \"$1\" | head -n 1; echo ${PIPESTATUS[0]}", file)
        #expect(outcome.lines.count == 2 && outcome.lines.last == "0", "\(outcome)")
        let closed = try Tool.shell("\"$0\" pcap show - <\"$1\" | true; echo ${PIPESTATUS[0]}", file)
        #expect(closed.lines == ["0"])
    }

    @Test("prints nothing but text, whatever is in the capture and in its name")
    func controlCharacters() throws {
        let folder = try Folder()
        let frame = WirePacket.ethernet(0x0806, [27] + Array("[31mred".utf8) + [7, 8, 10, 13, 155])
        let packets = (0..<4).map { type in
            let payload: [UInt8] = [0x76, 0x70, 0x6e, 1, 0, 0, 0, UInt8(type)] + (type == 0 ? frame : [27, 91, 10, 7])
            return CaptureBytes.Packet(WirePacket.ipv4(WirePacket.udp(payload)))
        }
        let file = try folder.file("a\u{1b}[31m\nb", bytes: CaptureBytes(link: 101, packets).bytes)
        for arguments in [[file], [file, "--json"], [file + "\u{7}"]] {
            let outcome = try Tool.pcap(["show"] + arguments)
            let text = outcome.output + outcome.errors
            #expect(text.utf8.allSatisfy { $0 == 10 || $0 >= 0x20 && $0 < 0x7f }, "\(text)")
            #expect(outcome.lines.count == (arguments[0] == file ? 4 : 0))
        }
        let outcome = try Tool.pcap(["decrypt", file, "--outer", "\(folder.path)/o\u{1b}[0m"])
        #expect(!outcome.output.contains("\u{1b}") && outcome.output.contains(#"o\u{1b}[0m'"#))
    }
}
