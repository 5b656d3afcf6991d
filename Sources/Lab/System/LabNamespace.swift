import CLinux
import Glibc

/// A network namespace of the lab.
struct LabNamespace {
    /// What `ip netns` calls it.
    let name: String
    /// The folder for what commands read.
    let folder: String

    /// Carries out commands of `ip`, all of which must succeed.
    func ip(_ lines: [String]) throws(LabError) {
        guard !lines.isEmpty else { return }
        let path = "\(folder)/\(name).ip"
        try writeFile(path, lines.joined(separator: "\n") + "\n")
        try runCommand("ip", ["-n", name, "-batch", path])
    }

    /// Carries out commands of `nft`: all of them, or none where one fails.
    func nft(_ lines: [String]) throws(LabError) {
        guard !lines.isEmpty else { return }
        let path = "\(folder)/\(name).nft"
        try writeFile(path, lines.joined(separator: "\n") + "\n")
        try runCommand("nft", ["-f", path], network: name)
    }

    /// Carries out a command of `tc`.
    func tc(_ arguments: String) throws(LabError) {
        try runCommand("tc", arguments.split(separator: " ").map(String.init), network: name)
    }

    /// Sets a value of the kernel, such as `ipv4/ip_forward`.
    func set(_ key: String, _ value: Int) throws(LabError) {
        let path = "/proc/sys/net/\(key)"
        // Texts end with a zero byte.
        guard unsafe clinux_write_in(name, path, "\(value)") == 0 else {
            throw LabError("cannot write '\(path)'", code: errno)
        }
    }

    /// A value that not every kernel has.
    func setIfThere(_ key: String, _ value: Int) { try? set(key, value) }

    /// Makes the kernel forget the connections that it tracks.
    func forgetConnections() throws(LabError) {
        guard unsafe clinux_forget_connections(name) == 0 else {
            throw LabError("cannot make the kernel forget connections", code: errno)
        }
    }
}
