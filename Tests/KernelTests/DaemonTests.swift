import Foundation
import Glibc
import Testing

extension KernelTests {
    @Suite("In the background", .serialized)
    struct Daemon {
        /// A folder that belongs to nobody, and the files of a background process in it.
        struct Files {
            let folder: String
            var pid: String { "\(folder)/pid" }
            var log: String { "\(folder)/log" }
            var statistics: String { "\(folder)/statistics" }
            var down: String { "\(folder)/down" }

            init(_ lab: Lab) throws {
                folder = "\(lab.directory)/daemon"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
                try Account.nobody().own(folder)
            }

            /// The number in the pid file.
            func processID() throws -> pid_t {
                let text = try require(contents(of: pid), "the pid file")
                return try require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), "a number in \(text)")
            }
        }

        /// The options of a background process of nobody's.
        static func options(_ files: Files) -> NodeOptions {
            var options = NodeOptions(device: .tun)
            // With the rights of root, ifdown would become root again here.
            let down =
                "id -u > \(files.down); id -G >> \(files.down); echo $IFNAME >> \(files.down); "
                + "setpriv --reuid 0 id -u >> \(files.down) 2>&1 || echo refused >> \(files.down)"
            options.more = [
                "--daemon", "--user", "nobody", "--group", "nogroup", "--pid-file", files.pid,
                "--log-file", files.log, "--stats-file", files.statistics, "--ifdown", down,
            ]
            options.writesStatistics = false
            return options
        }

        /// Starts a background process; when this returns, the parent has exited with 0.
        static func start(_ options: NodeOptions, _ files: Files, on host: Host) async throws -> pid_t {
            let parent = try host.launch(options)
            let ending = try await parent.process.wait(within: .seconds(10))
            try claim(ending == .exited(0), "the parent ended with \(ending): \(parent.log)")
            return try files.processID()
        }

        @Test("the interface answers as soon as the parent has exited, and the files are right")
        func isReady() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                let files = try Files(lab)
                var other = NodeOptions(device: .tun)
                other.peers = [hosts[0].ipv4]
                let pid = try await Self.start(Self.options(files), files, on: hosts[0])
                let isConfigured = try await hosts[0].hasConfiguredDevice()
                try claim(isConfigured, "the device is not configured when the parent exits")
                let answers = try await hosts[0].namespace.pings(hosts[0].inner4)
                try claim(answers, "the interface does not answer when the parent exits")

                let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
                try claim(program == (try Program.path()), "the pid file names \(program)")
                for number in 0...2 {
                    let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(number)")
                    try claim(target == "/dev/null", "descriptor \(number) is \(target)")
                }
                try claim(getsid(pid) == pid, "it belongs to the session \(getsid(pid)) of its caller")

                let second = try await hosts[1].start(other)
                try await waitUntil("the background process answers") {
                    try await second.host.namespace.pings(hosts[0].inner4)
                }
                try await waitUntil("the log file names the peer") {
                    contents(of: files.log)?.contains(hosts[1].ipv4) == true
                }
                try await waitUntil("the statistics file names the peer, after rights were dropped") {
                    guard let text = contents(of: files.statistics) else { return false }
                    return Statistics(try SimpleYAML(parsing: text)).peer(at: hosts[1]) != nil
                }
                let mode = try FileManager.default.attributesOfItem(atPath: files.statistics)[.posixPermissions]
                try claim(mode as? Int == 0o644, "the statistics file has the mode \(String(describing: mode))")
            }
        }

        @Test("the process has the rights of nobody, without capabilities, and cannot regain them")
        func dropsRights() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                let nobody = try Account.nobody()
                let pid = try await Self.start(Self.options(files), files, on: hosts[0])

                let status = try ProcessStatus(of: pid)
                try claim(status.users == Array(repeating: nobody.user, count: 4), "the users are \(status.users)")
                try claim(status.groups == Array(repeating: nobody.group, count: 4), "the groups are \(status.groups)")
                let further = status.furtherGroups.filter { $0 != nobody.group }
                try claim(further.isEmpty, "it is still in the groups \(further)")
                try claim(status.capabilities.isEmpty, "it still has \(status.capabilities)")

                kill(pid, SIGTERM)
                try await waitUntil("it ends", within: .seconds(3)) { kill(pid, 0) == -1 && errno == ESRCH }
                let lines = (contents(of: files.down) ?? "").split(separator: "\n").map(String.init)
                try claim(
                    lines.prefix(3) == ["\(nobody.user)", "\(nobody.group)", Node.device],
                    "ifdown ran as \(lines)")
                try claim(lines.last == "refused", "ifdown became root again: \(lines)")
                let pidFile = contents(of: files.pid) ?? ""
                try claim(pidFile.isEmpty, "the pid file still says \(pidFile)")
            }
        }

        @Test("the foreground process drops its rights, too")
        func dropsRightsInForeground() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let nobody = try Account.nobody()
                var options = NodeOptions(device: .tap)
                options.more = ["--user", "nobody", "--group", "nogroup"]
                options.writesStatistics = false
                let node = try await hosts[0].start(options)
                try await waitUntil("it has the rights of nobody") {
                    let status = try ProcessStatus(of: node.process.pid)
                    return status.users == Array(repeating: nobody.user, count: 4)
                        && status.groups == Array(repeating: nobody.group, count: 4) && status.capabilities.isEmpty
                }
            }
        }

        @Test("the statistics file is whole whenever it is read")
        func statisticsAreWhole() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let node = try await hosts[0].start(NodeOptions(device: .tun))
                var uptimes: Set<String> = []
                try await waitUntil("it was replaced twice", every: .milliseconds(1)) {
                    let statistics = try node.statistics()
                    uptimes.insert(try require(statistics.document["uptime"]?.text, "the uptime"))
                    _ = try require(statistics.document["peers"], "the peers")
                    return uptimes.count >= 3
                }
            }
        }

        /// Set-up that cannot succeed, and what the program has to say about it.
        struct Failure: CustomTestStringConvertible {
            let testDescription: String
            let options: [String]
            let words: [String]

            static let all = [
                Failure(
                    testDescription: "a device path that is no device", options: ["--device-path", "/dev/null"],
                    words: ["/dev/null"]),
                Failure(
                    testDescription: "a device path that does not exist", options: ["--device-path", "/dev/no-tun"],
                    words: ["/dev/no-tun"]),
                Failure(
                    testDescription: "a user that does not exist", options: ["--user", "no-such-user"],
                    words: ["no-such-user"]),
                Failure(
                    testDescription: "a group that does not exist", options: ["--group", "no-such-group"],
                    words: ["no-such-group"]),
                Failure(
                    testDescription: "a pid file in a folder that does not exist",
                    options: ["--daemon", "--pid-file", "/no-such-folder/pid"], words: ["/no-such-folder/pid"]),
                Failure(
                    testDescription: "a log file that the user could not write",
                    options: ["--user", "nobody", "--log-file", "/root/no.log"], words: ["/root/no.log"]),
                Failure(
                    testDescription: "a statistics file that the user could not write",
                    options: ["--user", "nobody", "--stats-file", "/root/no.stats"], words: ["/root/no.stats"]),
                Failure(
                    testDescription: "a device name that is too long",
                    options: ["--device", "a-name-that-is-too-long"],
                    words: ["a-name-that-is-too-long"]),
                Failure(
                    testDescription: "a statistics file that is a folder", options: ["--stats-file", "/proc"],
                    words: ["/proc", "no ordinary file"]),
            ]
        }

        @Test("set-up that fails is told by the parent, which exits with an error", arguments: Failure.all)
        func failingSetUp(failure: Failure) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                for background in [["--daemon"], []] {
                    var options = NodeOptions(device: .tun)
                    options.more = failure.options + background.filter { !failure.options.contains($0) }
                    options.writesStatistics = false
                    let node = try hosts[0].launch(options)
                    let ending = try await node.process.wait(within: .seconds(5))
                    try claim(ending != .exited(0), "it exited with 0: \(node.log)")
                    if case .signalled(let signal) = ending { throw LabError("it died of signal \(signal)") }
                    for word in failure.words {
                        try claim(node.log.contains(word), "it does not say \(word): \(node.log)")
                    }
                    let hasDevice = try await hosts[0].hasConfiguredDevice()
                    try claim(!hasDevice, "its device is still there")
                }
            }
        }

        @Test("18: a second process on the same port fails and names it", arguments: [true, false])
        func portInUse(isDaemon: Bool) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                var options = NodeOptions(device: .tun)
                try await hosts[0].start(options)
                options.more = ["--device", "vpn1"] + (isDaemon ? ["--daemon"] : [])
                options.addresses = []
                let second = try hosts[0].launch(options)
                let ending = try await second.process.wait(within: .seconds(5))
                try claim(ending != .exited(0), "it exited with \(ending)")
                try claim(
                    second.log.contains("3210") && second.log.contains("in use"),
                    "it does not name the port: \(second.log)")
            }
        }

        @Test("an ifup command that fails is reported with its status, and start-up goes on")
        func ifupFails() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                var options = Self.options(files)
                options.ifup = "exit 37"
                let parent = try hosts[0].launch(options)
                let ending = try await parent.process.wait(within: .seconds(5))
                try claim(ending == .exited(0), "the parent ended with \(ending)")
                let said = parent.log + (contents(of: files.log) ?? "")
                try claim(said.contains("37"), "the status is not reported: \(said)")
                try claim(kill(try files.processID(), 0) == 0, "the background process is gone")
            }
        }
    }
}
