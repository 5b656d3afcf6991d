import Foundation
import Testing

/// What README says of the architecture, held against the sources.
@Suite("The architecture", .enabled(if: Sources.exist, "the sources that the tests were built from are not here"))
struct ArchitectureTests {
    @Test("has a row in README for each folder of Sources, and none for another")
    func foldersInREADME() throws {
        let readme = try Sources.text("README.md")
        let rows = readme.split(separator: "\n").filter { $0.hasPrefix("| `Sources/") }
        // The first column names one folder or several: | `Sources/CSodium`, `CYAML` |
        let named = rows.flatMap { row in
            row.split(separator: "|")[0].split(separator: "`").map(String.init)
                .filter { $0.contains(where: \.isLetter) }
                .map { $0.hasPrefix("Sources/") ? String($0.dropFirst(8)) : $0 }
        }
        #expect(try Set(named) == Set(Sources.folders()))
    }

    @Test(
        "is drawn in README with the modules that the manifest has",
        arguments: ["Protocol", "Node", "LinuxIO", "Simulator", "Lab", "vpncloud"])
    func picture(folder: String) throws {
        let readme = try Sources.text("README.md")
        let picture = try #require(
            readme.components(separatedBy: "## How it is built").last?.components(separatedBy: "```")[1])
        #expect(picture.contains(folder))
        #expect(try Sources.folders().contains(folder))
    }

    /// What the files of a folder may import. Nothing in the core has time, randomness, files or sockets.
    static let allowed: [(folder: String, imports: Set<String>)] = [
        ("Protocol", ["CIPsecMB", "CSodium"]),
        ("Node", ["VPNProtocol", "HeapModule"]),
        ("Simulator", ["VPNProtocol", "VPNNode", "HeapModule"]),
        ("LinuxIO", ["VPNProtocol", "VPNNode", "CChecksum", "CLinux", "CMiniUPnPc", "Glibc", "Synchronization"]),
        ("Captures", ["VPNProtocol", "VPNNode", "VPNSimulator", "CPcap", "Glibc"]),
        ("Lab", ["VPNProtocol", "VPNNode", "VPNSimulator", "CLinux", "Glibc"]),
        (
            "vpncloud",
            [
                "VPNProtocol", "VPNNode", "VPNLinuxIO", "VPNSimulator", "VPNCaptures", "VPNLab", "CYAML", "Dispatch",
                "Glibc", "Synchronization", "ArgumentParser", "Logging",
            ]
        ),
    ]

    @Test("lets each folder import what is below it only", arguments: allowed.map(\.folder))
    func imports(folder: String) throws {
        let allowed = try #require(Self.allowed.first { $0.folder == folder }).imports
        let files = try Sources.swiftFiles(in: "Sources/\(folder)")
        #expect(!files.isEmpty)
        for file in files {
            let imported = try Sources.imports(of: Sources.text(file))
            #expect(imported.isSubset(of: allowed), "\(file)")
        }
    }

    @Test("lets one file of the core talk to each crypto library", arguments: ["Sodium", "IPsecMB"])
    func cryptoLibraries(name: String) throws {
        let files = try Sources.swiftFiles(in: "Sources/Protocol").filter { file in
            try Sources.imports(of: Sources.text(file)).contains("C\(name)")
        }
        #expect(files == ["Sources/Protocol/Crypto/\(name).swift"])
    }

    @Test("would notice an import in any form")
    func noticesImports() {
        let text =
            "import Foundation\n@testable import A\npublic import B\n    import struct Glibc.timespec\n// import C\n"
        #expect(Sources.imports(of: text) == ["Foundation", "A", "B", "Glibc"])
    }
}

/// The source tree that this file is in.
private enum Sources {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static var exist: Bool { FileManager.default.fileExists(atPath: root.appending(path: "Package.swift").path) }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func folders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
    }

    static func swiftFiles(in folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
            .filter { $0.hasSuffix(".swift") }.map { "\(folder)/\($0)" }.sorted()
    }

    /// The modules that a file imports.
    static func imports(of text: String) -> Set<String> {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        let modules = lines.compactMap { words -> Substring? in
            guard let index = words.firstIndex(of: "import"), index < words.count - 1,
                words[..<index].allSatisfy({
                    $0.hasPrefix("@") || ["public", "package", "internal", "private"].contains($0)
                })
            else { return nil }
            let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let name = kinds.contains(words[index + 1]) ? words.last : words[index + 1]
            return name?.split(separator: ".").first
        }
        return Set(modules.map(String.init))
    }
}
