import Foundation
import Testing

/// What README says of the architecture, held against the sources.
@Suite(
    "The architecture", .enabled(if: ProjectSources.exist, "the sources that the tests were built from are not here"))
struct ArchitectureTests {
    @Test("has a row in README for each folder of Sources, and none for another")
    func foldersInREADME() throws {
        let readme = try ProjectSources.text("README.md")
        let rows = readme.split(separator: "\n").filter { $0.hasPrefix("| `Sources/") }
        // The first column names one folder or several: | `Sources/CSodium`, `CYAML` |
        let named = rows.flatMap { row in
            row.split(separator: "|")[0].split(separator: "`").map(String.init)
                .filter { $0.contains(where: \.isLetter) }
                .map { $0.hasPrefix("Sources/") ? String($0.dropFirst(8)) : $0 }
        }
        #expect(try Set(named) == Set(ProjectSources.folders()))
    }

    @Test(
        "is drawn in README with the modules that the manifest has",
        arguments: ["Protocol", "Node", "LinuxIO", "Simulator", "Lab", "vpncloud"])
    func picture(folder: String) throws {
        let readme = try ProjectSources.text("README.md")
        let picture = try #require(
            readme.components(separatedBy: "## How it is built").last?.components(separatedBy: "```")[1])
        #expect(picture.contains(folder))
        #expect(try ProjectSources.folders().contains(folder))
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
        let files = try ProjectSources.swiftFiles(in: "Sources/\(folder)")
        #expect(!files.isEmpty)
        for file in files {
            let imported = try ProjectSources.imports(of: ProjectSources.text(file))
            #expect(imported.isSubset(of: allowed), "\(file)")
        }
    }

    @Test("lets one file of the core talk to each crypto library", arguments: ["Sodium", "IPsecMB"])
    func cryptoLibraries(name: String) throws {
        let files = try ProjectSources.swiftFiles(in: "Sources/Protocol").filter { file in
            try ProjectSources.imports(of: ProjectSources.text(file)).contains("C\(name)")
        }
        #expect(files == ["Sources/Protocol/Crypto/\(name).swift"])
    }

    @Test("would notice an import in any form")
    func noticesImports() {
        let text =
            "import Foundation\n@testable import A\npublic import B\n    import struct Glibc.timespec\n// import C\n"
        #expect(ProjectSources.imports(of: text) == ["Foundation", "A", "B", "Glibc"])
    }
}
