import Foundation
import Glibc
import Testing

extension KernelTests {
    /// What surrounds the program when it starts, and what it leaves there where it cannot.
    @Suite("A start", .serialized)
    struct Start {
        typealias Files = Daemon.Files

        @Test("with closed standard streams works as any other")
        func closedStreams() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                var options = Daemon.options(files)
                options.prelude = "exec 0<&- 1>&- 2>&-"
                _ = try await Daemon.start(options, files, on: hosts[0])
                let isConfigured = try await hosts[0].hasConfiguredDevice()
                try claim(isConfigured, "the device is gone")
                try await waitUntil("the log file says that it runs") {
                    contents(of: files.log)?.contains(" runs on tun device") == true
                }
            }
        }

        @Test("passes no descriptors on, and stays in no directory")
        func descriptors() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                let seen = "\(lab.directory)/seen"
                var options = Daemon.options(files)
                options.prelude = "exec 9</etc/passwd"
                options.ifup = "readlink /proc/$$/fd/9 > \(seen) || echo none >> \(seen)"
                let pid = try await Daemon.start(options, files, on: hosts[0])
                try claim(contents(of: seen) == "none\n", "ifup had \(contents(of: seen) ?? "nothing")")
                let folder = "/proc/\(pid)/fd"
                let targets = try FileManager.default.contentsOfDirectory(atPath: folder)
                    .map { try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)") }
                try claim(!targets.contains("/etc/passwd"), "the process has \(targets)")
                let directory = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
                try claim(directory == "/", "it is in \(directory)")
            }
        }

        @Test("as another user works a second time, since the log file is that user's")
        func logOfUser() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                for _ in 0..<2 {
                    let pid = try await Daemon.start(Daemon.options(files), files, on: hosts[0])
                    let attributes = try FileManager.default.attributesOfItem(atPath: files.log)
                    let owner = attributes[.ownerAccountID] as? NSNumber
                    try claim(
                        owner?.uint32Value == (try Account.nobody().user), "the log file belongs to \(owner ?? -1)")
                    kill(pid, SIGTERM)
                    try await waitUntil("it ends", within: .seconds(3)) { kill(pid, 0) == -1 && errno == ESRCH }
                }
            }
        }

        @Test("as another user makes no file where that user could not, wherever a link points")
        func danglingLink() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                let target = "/etc/\(URL(fileURLWithPath: lab.directory).lastPathComponent)"
                defer { removeFile(target) }
                try FileManager.default.createSymbolicLink(atPath: files.log, withDestinationPath: target)
                let node = try hosts[0].launch(Daemon.options(files))
                let ending = try await node.process.wait(within: .seconds(5))
                try claim(ending == .exited(1), "it ended with \(ending): \(node.log)")
                try claim(node.log.contains("cannot open the log file '\(files.log)'"), node.log)
                try claim(!FileManager.default.fileExists(atPath: target), "there is a file \(target)")
                try claim(contents(of: files.pid) == nil, "the pid file was left behind")
            }
        }

        @Test("by mistake, of a node that runs, leaves that one's files alone")
        func twice() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                let pid = try await Daemon.start(Daemon.options(files), files, on: hosts[0])
                let before = try require(contents(of: files.log), "the log file")
                for hasPIDFile in [true, false] {
                    var options = Daemon.options(files)
                    if !hasPIDFile { options.more.removeAll { $0 == "--pid-file" || $0 == files.pid } }
                    let second = try hosts[0].launch(options)
                    let ending = try await second.process.wait(within: .seconds(5))
                    try claim(ending == .exited(1), "the second one ended with \(ending): \(second.log)")
                    let log = contents(of: files.log) ?? ""
                    try claim(log.hasPrefix(before), "the log file is now \(log)")
                }
                try claim(try files.processID() == pid, "the pid file is not the first one's")
            }
        }

        @Test("that fails in the background is told once, and undone by ifdown")
        func lateFailure() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let down = "\(lab.directory)/down"
                var options = NodeOptions(device: .tun)
                // It opens, but cannot be emptied.
                options.more = ["--daemon", "--pid-file", "/dev/full", "--ifdown", "echo $IFNAME >> \(down)"]
                let node = try hosts[0].launch(options)
                let ending = try await node.process.wait(within: .seconds(5))
                try claim(ending == .exited(1), "it ended with \(ending): \(node.log)")
                let count = node.log.split(separator: "\n").count { $0.contains("pid file") }
                try claim(count == 1, "it is told \(count) times: \(node.log)")
                try claim(contents(of: down) == "\(Node.device)\n", "ifdown did \(contents(of: down) ?? "not run")")
            }
        }

        @Test("that fails after ifup is undone by ifdown", arguments: [true, false])
        func failureAfterIfup(isDaemon: Bool) async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(1)
                let files = try Files(lab)
                let down = "\(lab.directory)/down"
                var options = NodeOptions(device: .tun)
                options.writesStatistics = false
                // After this, the user cannot write the file any more.
                options.ifup = "chown root \(files.folder)"
                options.more = [
                    "--user", "nobody", "--stats-file", files.statistics, "--ifdown", "echo ran >> \(down)",
                ]
                if isDaemon { options.more.append("--daemon") }
                let node = try hosts[0].launch(options)
                let ending = try await node.process.wait(within: .seconds(5))
                try claim(ending == .exited(1), "it ended with \(ending): \(node.log)")
                try claim(node.log.contains(files.statistics), node.log)
                try claim(contents(of: down) == "ran\n", "ifdown did \(contents(of: down) ?? "not run")")
            }
        }
    }
}
