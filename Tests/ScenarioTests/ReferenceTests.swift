import Foundation
import Testing

/// The second implementation of the protocol, which judges whether implementations agree, held against what other
/// programs sent.
@Suite(
    "The second implementation",
    .enabled(if: Reference.canRun, "/usr/bin/python3, its package 'cryptography', or the sources are not here"))
struct ReferenceTests {
    @Test("opens, decodes, encodes and seals every packet of the captures as other programs did")
    func captures() throws {
        let outcome = try Tool.run([Reference.program, "--self-test", Reference.captures])
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        let captures = try FileManager.default.contentsOfDirectory(atPath: Reference.captures)
            .filter { $0.hasSuffix(".pcap") }
        #expect(outcome.lines.count == 1)
        let line = try #require(outcome.lines.first)
        #expect(line.hasPrefix("reference: self-test of \(captures.count) captures with ") && line.hasSuffix(": ok"))
    }

    @Test("says so where a capture holds something else, and where there is none")
    func differences() throws {
        let folder = try Folder()
        for name in try FileManager.default.contentsOfDirectory(atPath: Reference.captures) {
            try FileManager.default.copyItem(
                atPath: "\(Reference.captures)/\(name)", toPath: "\(folder.path)/\(name)")
        }
        let text = try folder.text(of: "1-tun-aes256.json").replacingOccurrences(of: "fd99::2/128", with: "fd99::3/128")
        try folder.file("1-tun-aes256.json", text)
        let outcome = try Tool.run([Reference.program, "--self-test", folder.path])
        #expect(outcome.status == 1 && outcome.output.contains("failed"))
        #expect(outcome.errors.hasPrefix("reference: 1-tun-aes256.json: packet 1: decodes as "), "\(outcome.errors)")
        let none = try Tool.run([Reference.program, "--self-test", Folder().path])
        #expect(none.status == 1 && none.errors.contains("there are no captures in "))
    }

    @Test(
        "refuses a wrong option with status 2, and says what would be right",
        arguments: [
            (["--magic", "xyz"], "'xyz' is no magic: 8 hexadecimal digits, or 'hash:' and a name"),
            (["--subnet", "10.0.0.0/33"], "'10.0.0.0/33': the prefix length is 0 to 32 for this kind of address"),
            (["--subnets", "10.0.0.0"], "'10.0.0.0' is no subnet: address/prefixlen, such as 10.1.1.0/24"),
            (["--connect", "::1:3210"], "'::1:3210' is no address of a peer: host:port, or [address]:port for IPv6"),
            (["--compat", "1", "--shared-key", "hex:12"], "a shared key with 'hex:' needs 64 hexadecimal digits"),
            (["--peer-timeout", "0"], "'0' is no number of seconds: 1 to 65535"),
        ])
    func options(arguments: [String], answer: String) throws {
        let outcome = try Tool.run([Reference.program] + arguments)
        #expect(outcome.status == 2 && outcome.output.isEmpty)
        #expect(outcome.errors.contains(answer), "\(outcome.errors)")
    }
}

/// Where the second implementation is, and whether it runs here.
private enum Reference {
    static let program = Repository.root.appending(path: "Tests/Reference/reference.py").path
    static let captures = Repository.root.appending(path: "Tests/Vectors/captures").path

    static var canRun: Bool {
        Repository.exists && (try? Tool.python("import cryptography", [], by: "/usr/bin/python3")) != nil
    }
}
