import Foundation
import Glibc
import Testing

extension KernelTests {
    /// Scenario files on the real kernel, by the built program.
    @Suite("'vpncloud lab'", .serialized)
    struct ScenariosInTheLab {
        private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path

        /// Quick scenarios, each for something else: claims, VLANs, families of addresses, what a switch learns. NAT is in the
        /// tests below.
        private static let crossSection = [
            "mode-router-tap", "vlans-are-apart", "claims-keep-families-apart", "switch-learns-from-arp",
        ]

        @Test(
            "plays scenarios at a time, and judges them as the simulator does",
            .enabled(
                if: FileManager.default.fileExists(atPath: "\(Self.root)/scenarios"),
                "the sources that the tests were built from are not here"))
        func crossSection() async throws {
            try await withLab { lab in
                let files = Self.crossSection.map { "\(Self.root)/scenarios/\($0).yaml" }
                let report = "\(lab.directory)/report.xml"
                let result = try await lab.run(
                    [try Program.path(), "lab", "run", "-j", "4", "--junit", report] + files, within: .seconds(180))
                try claim(result.succeeded, result.output)
                try claim(
                    result.output.contains("4 scenarios: 4 passed, 0 failed, 0 not judged"), result.output)
                let xml = try String(contentsOfFile: report, encoding: .utf8)
                try claim(xml.contains("tests=\"4\" failures=\"0\" errors=\"0\" skipped=\"0\""), xml)
            }
        }

        private static func behind(_ nat: String) -> String {
            """
            name: two nodes behind NAT
            duration: 5s
            defaults: { device_type: tun, port_forwarding: false, peers: [hub] }
            networks:
              internet: {}
              left: { behind: { network: internet, nat: \(nat) } }
              right: { behind: { network: internet, nat: \(nat) } }
            nodes:
              - { name: hub, network: internet, peers: [], subnets: [10.0.0.0/24] }
              - { name: a, network: left, subnets: [10.0.1.0/24] }
              - { name: b, network: right, subnets: [10.0.2.0/24] }
            traffic:
              - { from: a, to: b, every: 100ms, start: 4s }
            expect:
              - { within: 4s, connected: [a, b] }

            """
        }

        @Test("shows in a comparison that a NAT is not as the simulator was told")
        func wrongModel() async throws {
            try await withLab { lab in
                let (open, closed) = (
                    try lab.write(Self.behind("open"), to: "open.yaml"),
                    try lab.write(Self.behind("symmetric"), to: "symmetric.yaml")
                )
                let program = try Program.path()
                // Both at a time: it is real time that they take.
                let same = try lab.start([program, "lab", "compare", open], name: "same")
                let difference = try await lab.run(
                    [program, "lab", "compare", closed, "--simulated", open], within: .seconds(30))
                let agreement = try await same.wait(within: .seconds(30))
                try claim(agreement == .exited(0) && same.output.contains("both agree"), same.output)
                try claim(difference.ending == .exited(1), difference.output)
                try claim(
                    difference.output.contains("! { within: 4s, connected: [a, b] }"), difference.output)
                try claim(difference.output.contains("! a to b"), difference.output)
            }
        }

        @Test("lets two implementations talk, and shows the packet in which a broken one parts")
        func matrix() async throws {
            try await withLab { lab in
                let reference = "\(Self.root)/implementations/reference.yaml"
                let text = try String(contentsOfFile: reference, encoding: .utf8)
                func change(_ name: String, _ old: String, _ new: String) throws -> String {
                    let own = text.replacing("../Tests", with: "\(Self.root)/Tests")
                        .replacing("name: reference", with: "name: \(name)").replacing(old, with: new)
                    return try lab.write(own, to: "\(name).yaml")
                }
                // It has an option for what it claims, which says nothing to the others.
                let broken = try change("broken", "subnets: [--subnet, ", "subnets: [--ifdown, ")
                let silent = try change("silent", "statistics: vpncloud", "statistics: none")
                let cell = ["--device", "tun", "--mode", "router", "--crypto", "aes256", "--compat", "1"]
                let program = try Program.path()
                // All at a time: it is real time that they take.
                let good = try lab.start([program, "lab", "matrix", reference, "--pairwise"], name: "good")
                let quiet = try lab.start([program, "lab", "matrix", silent] + cell, name: "quiet")
                let bad = try await lab.run([program, "lab", "matrix", broken] + cell, within: .seconds(180))
                let quietEnding = try await quiet.wait(within: .seconds(180))
                try claim(quietEnding == .exited(0), quiet.output)
                try claim(quiet.output.contains("4 cells: 4 ok, 0 failed, 0 not judged"), quiet.output)
                let ending = try await good.wait(within: .seconds(180))
                try claim(ending == .exited(0) && good.output.contains(" ok, 0 failed, 0 not judged"), good.output)
                try claim(good.output.contains("reference connects to vpncloud"), good.output)
                try claim(bad.ending == .exited(1), bad.output)
                try claim(bad.output.contains("4 cells: 1 ok, 3 failed, 0 not judged"), bad.output)
                try claim(
                    bad.output.contains("broken connects to vpncloud: tun, router, aes256, dialect 1: DATA"), bad.output
                )
                try claim(bad.output.contains("      init, stage 0 (request), its id, no subnets, timeout"), bad.output)
                try claim(bad.output.contains("      init, stage 0 (request), its id, subnets 10.0.2.0/24"), bad.output)
            }
        }

        private static let allowsUserNamespaces =
            contents(of: "/proc/sys/user/max_user_namespaces").map { !$0.hasPrefix("0") } ?? false
            && contents(of: "/proc/sys/kernel/unprivileged_userns_clone")?.hasPrefix("0") != true

        @Test(
            "works without root, where users may make namespaces and open the device",
            .enabled(if: allowsUserNamespaces, "this kernel lets only root make namespaces"))
        func unprivileged() async throws {
            try await withLab { lab in
                let file = try lab.write(Self.behind("home"), to: "home.yaml")
                // A device that everybody may open, seen by this command only.
                let command = """
                    mknod "$0/tun" c 10 200 && chmod 666 "$0/tun" && mount --bind "$0/tun" /dev/net/tun &&
                    TMPDIR="$0" exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all "$@"
                    """
                let result = try await lab.run(
                    [
                        "unshare", "--mount", "sh", "-c", command, lab.directory, try Program.path(), "lab", "run",
                        file,
                    ], within: .seconds(30))
                try claim(result.succeeded, result.output)
                try claim(result.output.contains("ok: { within: 4s, connected: [a, b] }"), result.output)
                try claim(result.output.contains("10 of 10 frames delivered"), result.output)
            }
        }

        @Test("leaves nothing behind when it is killed but files, which 'lab clean' removes")
        func killed() async throws {
            try await withLab { lab in
                let file = try lab.write(Self.behind("open").replacing("5s", with: "5min"), to: "long.yaml")
                let place = ["TMPDIR": lab.directory]
                let program = try Program.path()
                let child = try lab.start([program, "lab", "run", "-v", file], environment: place, name: "lab")
                try await waitUntil("the nodes run", within: .seconds(20)) {
                    child.output.components(separatedBy: " runs on ").count > 3
                }
                let folder = "\(lab.directory)/vpnlab-\(child.pid)"
                let stage = try #require(contents(of: "\(folder)/stages")?.split(separator: " ").first)
                kill(child.pid, SIGKILL)
                try await child.wait()
                try await waitUntil("its processes are gone") {
                    !FileManager.default.fileExists(atPath: "/proc/\(stage)")
                        && !Self.commandLines().contains { $0.contains(folder) }
                }
                try claim(FileManager.default.fileExists(atPath: folder), "the files are there")
                let clean = try await lab.run(["env", "TMPDIR=\(lab.directory)", program, "lab", "clean"])
                try claim(clean.succeeded && clean.output == "removed \(folder)\n", clean.output)
                try claim(!FileManager.default.fileExists(atPath: folder), "they are gone")
            }
        }

        @Test("ends at a signal, and cleans up")
        func interrupted() async throws {
            try await withLab { lab in
                let file = try lab.write(Self.behind("open").replacing("5s", with: "5min"), to: "long.yaml")
                let program = try Program.path()
                let child = try lab.start(
                    [program, "lab", "run", "-v", file], environment: ["TMPDIR": lab.directory], name: "lab")
                try await waitUntil("the nodes run", within: .seconds(20)) {
                    child.output.components(separatedBy: " runs on ").count > 3
                }
                let folder = "\(lab.directory)/vpnlab-\(child.pid)"
                child.signal(SIGTERM)
                let ending = try await child.wait(within: .seconds(10))
                try claim(ending == .exited(1), "\(ending): \(child.output)")
                try claim(!FileManager.default.fileExists(atPath: folder), "the files are still there")
                try claim(!Self.commandLines().contains { $0.contains(folder) }, "a process is still there")
            }
        }

        private static func commandLines() -> [String] {
            let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return processes.filter { Int($0) != nil }.compactMap { contents(of: "/proc/\($0)/cmdline") }
        }
    }
}
