import Foundation
import Glibc
import Testing

extension KernelTests {
    @Suite("A node that records", .serialized)
    struct Recording {
        private static func options(_ device: NodeOptions.Device, _ crypto: NodeOptions.Crypto) -> NodeOptions {
            var options = NodeOptions(device: device, crypto: crypto)
            options.verbose = false
            return options
        }

        private static func start(_ host: Host, recordingTo path: String, prelude: String? = nil) async throws -> Node {
            var options = Self.options(.tun, .aes256)
            options.prelude = prelude
            options.more = ["--record", path]
            return try await host.start(options)
        }

        private static func start(_ host: Host, knowing other: Host) async throws -> Node {
            var options = Self.options(.tun, .aes256)
            options.peers = [other.ipv4]
            return try await host.start(options)
        }

        private static func stop(_ nodes: Node...) async throws {
            for node in nodes {
                let ending = try await node.stop()
                try claim(ending == .exited(0), "a node ended with \(ending)")
            }
        }

        struct Case: CustomTestStringConvertible {
            let device: NodeOptions.Device
            let crypto: NodeOptions.Crypto
            var testDescription: String { "\(device) with \(crypto)" }
            static let all = [
                Case(device: .tun, crypto: .aes256), Case(device: .tap, crypto: .chacha20),
                Case(device: .tap, crypto: .none),
            ]
        }

        @Test(
            "replays exactly after 1000 packets, with two peers that joined and one that left; a flipped byte is noticed",
            .enabled(if: Load.isInstalled, Load.needs), arguments: Case.all)
        func replays(example: Case) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(3)
                let path = "\(lab.directory)/node.rec"
                var options = Self.options(example.device, example.crypto)
                options.more = ["--record", path, "--user", "nobody", "--group", "nogroup"]
                let recorded = try await hosts[0].start(options)
                options.more = []
                options.peers = [hosts[0].ipv4]
                let second = try await hosts[1].start(options)
                let third = try await hosts[2].start(options)
                try await second.reaches(recorded)
                try await third.reaches(recorded)
                try await hosts[1].namespace.succeed("ping", "-q", "-f", "-c", "500", "-s", "1000", hosts[0].inner4)
                // What belongs to no network, and what belongs to this one but for its tag.
                let flood = try FloodSocket(hosts[1].namespace, to: hosts[0].ipv4, port: 3210)
                let method = UInt8(NodeOptions.Crypto.allCases.firstIndex(of: example.crypto) ?? 0)
                for last in 0..<3 as Range<UInt8> {
                    flood.send([1, 2, 3, last])
                    flood.send([0x76, 0x70, 0x6e, 0x01, method, 0, 0, 3] + [UInt8](repeating: last, count: 40))
                }
                // A stream, which the kernel hands over in runs.
                try await Load.start(hosts[0], hosts[2], to: hosts[2].inner4, ["-n", "4M"]).finish()
                try await Self.stop(third)
                try await waitUntil("the node says that the third is gone") {
                    (try recorded.statistics()).peers.count == 1
                }
                try await Self.stop(recorded, second)
                let said = try recorded.statistics().document["recording"]
                let length = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
                try claim(said?["bytes"]?.number == length, "\(said?["bytes"]?.number ?? -1) of \(length ?? -1) bytes")
                try claim(said?["state"]?.text == "node_ended", "the statistics: \(said?["state"]?.text ?? "nothing")")
                try await Self.check(path, of: recorded, in: lab)
            }
        }

        /// Claims that a recording is whole, is for its user only, replays exactly, and is refused once it is changed.
        private static func check(_ path: String, of node: Node, in lab: Lab) async throws {
            let program = try Program.path()
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            let (owner, mode) = (attributes[.ownerAccountID] as? Int, attributes[.posixPermissions] as? Int)
            let nobody = Int(try Account.nobody().user)
            try claim(owner == nobody && mode == 0o600, "it is of \(owner ?? -1) with mode \(mode ?? -1)")
            let warnings = node.log.split(separator: "\n").filter { $0.contains("plain text") }
            try claim(warnings.count == 1 && warnings[0].contains(path), "the log warns: \(warnings)")
            let key = Array(Node.key.utf8)
            let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
            try claim(!bytes.contains(key), "the key is in it")

            let replay = try await lab.run([program, "sim", "replay", path])
            try claim(replay.succeeded, "the replay ended with \(replay.ending): \(replay.output)")
            let verdict = try require(replay.output.split(separator: "\n").last, "the verdict")
            try claim(verdict.hasPrefix("replays exactly: "), "the verdict is: \(verdict)")
            try claim(replay.output.contains("peers at the end: 0") == false, replay.output)
            // Inputs and outputs, of which each ping is two, and each part of the stream one more.
            let numbers = verdict.split(separator: " ").compactMap { Int($0) }
            try claim(numbers.count == 2 && numbers.allSatisfy { $0 > 1000 }, "the verdict is: \(verdict)")
            let events = try await lab.run([program, "sim", "replay", path, "-v"])
            let joined = events.output.split(separator: "\n").count { $0.contains(" joined") }
            try claim(joined == 2, "\(joined) peers joined: \(events.output)")
            try claim(events.output.contains("it said goodbye"), "nobody left: \(events.output)")

            // Where there is nothing to replay before the damage, that is told instead of what was replayed.
            for (place, words) in [
                (0, "it is no recording"), (7, "it has version 5 of the format"), (9, "the block at byte 8 is not"),
                (40, "the block at byte 8 is not"), (bytes.count / 3, "\nDAMAGED: the block at byte "),
                (bytes.count / 2, "\nDAMAGED: the block at byte "), (bytes.count - 1, "\nDAMAGED: the block at byte "),
            ] {
                var damaged = bytes
                damaged[place] ^= 4
                let other = "\(lab.directory)/damaged.rec"
                try Data(damaged).write(to: URL(filePath: other))
                let refusal = try await lab.run([program, "sim", "replay", other])
                try claim(refusal.ending == .exited(1), "byte \(place): \(refusal.ending) \(refusal.output)")
                try claim(refusal.output.contains(words), "byte \(place): \(refusal.output)")
            }
        }

        @Test("is needed to replay: what is none, or has nothing in it, is an error that says so")
        func foreign() async throws {
            try await withLab { lab in
                let empty = "\(lab.directory)/empty.rec"
                try Data().write(to: URL(filePath: empty))
                let head = "\(lab.directory)/head.rec"
                try Data("vpnrec\0\u{1}".utf8).write(to: URL(filePath: head))
                for (path, words) in [
                    (empty, "it is empty"), ("/dev/null", "it is empty"), (head, "it ends before there is anything"),
                    ("/dev/zero", "it is no recording"), ("/etc/passwd", "it is no recording"),
                    (lab.directory, "Is a directory"), ("\(lab.directory)/none.rec", "No such file or directory"),
                ] {
                    let refusal = try await lab.run([try Program.path(), "sim", "replay", path])
                    try claim(refusal.ending == .exited(1), "\(path): \(refusal.ending) \(refusal.output)")
                    let lines = refusal.output.split(separator: "\n")
                    try claim(lines.count == 1, "\(path): \(refusal.output)")
                    try claim(refusal.output.contains("'\(path)'"), "\(path): \(refusal.output)")
                    try claim(refusal.output.contains(words), "\(path): \(refusal.output)")
                }
            }
        }

        @Test("whose file is removed says so, and goes on")
        func removed() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let path = "\(lab.directory)/node.rec"
                let recorded = try await Self.start(hosts[0], recordingTo: path)
                try FileManager.default.removeItem(atPath: path)
                let other = try await Self.start(hosts[1], knowing: hosts[0])
                try await waitUntil("the node says that the recording ends") {
                    recorded.log.contains("the recording ends early, 0 bytes in '\(path)'")
                }
                try claim(recorded.log.contains("the file was removed"), recorded.recentLog)
                try await other.reaches(recorded)
                try await Self.stop(recorded, other)
            }
        }

        @Test("with kill -9 leaves what replays up to there")
        func killed() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let path = "\(lab.directory)/node.rec"
                let recorded = try await Self.start(hosts[0], recordingTo: path)
                let other = try await Self.start(hosts[1], knowing: hosts[0])
                try await other.reaches(recorded)
                try await recorded.stop(SIGKILL)
                let replay = try await lab.run([try Program.path(), "sim", "replay", path])
                try claim(replay.succeeded && replay.output.contains("replays exactly: "), replay.output)
                try claim(replay.output.contains("cut: "), replay.output)
            }
        }

        @Test("to a disk that becomes full goes on, says so, and leaves what replays up to there")
        func fullDisk() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let disk = "\(lab.directory)/disk"
                try await lab.succeed(["mkdir", disk])
                // In the mounts of its own, which go with the process.
                let recorded = try await Self.start(
                    hosts[0], recordingTo: "\(disk)/node.rec", prelude: "mount -t tmpfs -o size=256k tmpfs \(disk)")
                let other = try await Self.start(hosts[1], knowing: hosts[0])
                try await other.reaches(recorded)
                try await hosts[1].namespace.succeed("ping", "-q", "-f", "-c", "300", "-s", "1300", hosts[0].inner4)
                try await waitUntil("the node says that the recording ends") {
                    recorded.log.contains("the recording ends early")
                }
                try claim(recorded.log.contains("No space left on device"), recorded.recentLog)
                try await other.reaches(recorded)
                let copy = "\(lab.directory)/copy.rec"
                let source = "/proc/\(recorded.process.pid)/root\(disk)/node.rec"
                try await lab.succeed(["cp", source, copy])
                try await Self.stop(recorded, other)
                let replay = try await lab.run([try Program.path(), "sim", "replay", copy])
                try claim(replay.succeeded && replay.output.contains("replays exactly: "), replay.output)
                try claim(replay.output.contains("ends since it could not be written any more"), replay.output)
            }
        }
    }
}

extension [UInt8] {
    /// Whether some bytes stand in these, one behind the other.
    fileprivate func contains(_ other: [UInt8]) -> Bool {
        guard let first = other.first else { return true }
        return indices.contains { self[$0] == first && self[$0...].starts(with: other) }
    }
}
