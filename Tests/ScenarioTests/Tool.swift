import Foundation

/// How a program ended, and what it printed.
struct Outcome {
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// What keeps a test from running a program.
struct ToolError: Error {
    let text: String
}

/// Programs that tests run.
enum Tool {
    /// The built program, beside the running test, where the build puts both; VPNCLOUD_PROGRAM names another.
    static func program() throws -> String {
        if let named = ProcessInfo.processInfo.environment["VPNCLOUD_PROGRAM"] { return named }
        let test = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(filePath: test).deletingLastPathComponent().appending(path: "vpncloud").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw ToolError(text: "there is no program at \(path)")
        }
        return path
    }

    /// Whether a program is in one of the usual folders.
    static func isThere(_ name: String) -> Bool {
        ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
        }
    }

    /// Runs `vpncloud sim` with arguments.
    static func sim(_ arguments: [String], in folder: Folder? = nil, environment: [String: String] = [:]) throws
        -> Outcome
    {
        try run([program(), "sim"] + arguments, in: folder, environment: environment)
    }

    /// Runs a program to its end. What it prints goes through files, which take any amount.
    static func run(_ arguments: [String], in folder: Folder? = nil, environment: [String: String] = [:]) throws
        -> Outcome
    {
        let scratch = try Folder()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
            .merging(environment) { $1 }
        if let folder { process.currentDirectoryURL = URL(filePath: folder.path) }
        let files = try ["output", "errors"].map { name in
            let path = try scratch.file(name, "")
            guard let handle = FileHandle(forWritingAtPath: path) else { throw ToolError(text: "cannot write \(path)") }
            return handle
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = files[0]
        process.standardError = files[1]
        try process.run()
        process.waitUntilExit()
        let status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        return Outcome(status: status, output: try scratch.text(of: "output"), errors: try scratch.text(of: "errors"))
    }

    /// The lines that a Python script prints.
    static func python(_ script: String, _ arguments: [String], by interpreter: String = "python3") throws -> [String] {
        let outcome = try run([interpreter, "-c", script] + arguments)
        guard outcome.status == 0 else { throw ToolError(text: outcome.errors) }
        return outcome.lines
    }
}

/// A folder that goes with the last reference to it, and all that is in it.
final class Folder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "vpncloud-scenarios-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names in it, in order.
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

    /// Makes a file, and returns its path.
    @discardableResult
    func file(_ name: String, _ text: String) throws -> String {
        let path = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    /// The text of a file.
    func text(of name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(filePath: "\(path)/\(name)")), as: UTF8.self)
    }

    /// Makes a link to a device whose disk is always full, so that nothing happens to the device itself.
    func full(_ name: String) throws -> String {
        let path = "\(path)/\(name)"
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/full")
        return path
    }
}

/// The repository.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let scenarios = root.appending(path: "scenarios").path

    static var exists: Bool { FileManager.default.fileExists(atPath: scenarios) }

    /// The scenario files.
    static var files: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: scenarios)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { "\(scenarios)/\($0)" }
    }

    static func text(of path: String) throws -> String {
        String(decoding: try Data(contentsOf: root.appending(path: path)), as: UTF8.self)
    }
}

/// Scenario files for tests.
enum Texts {
    /// Two nodes that meet, and one that dies where `ending` says so.
    static func pair(name: String = "two nodes meet", device: String = "tun", expect: [String], events: String = "[]")
        -> String
    {
        """
        name: '\(name)'
        seed: 7
        duration: 1min
        defaults: { device_type: \(device), shared_key: secret }
        networks: { internet: { latency: 20ms } }
        nodes:
          - { name: a, network: internet }
          - { name: b, network: internet, peers: [a], subnets: [10.0.0.2/32] }
        traffic: [{ from: a, to: b, every: 1s, start: 1s }]
        events: \(events)
        expect: [\(expect.joined(separator: ", "))]

        """
    }

    static let passing = pair(expect: ["{ within: 5s, connected: all }"])
    static let failing = pair(
        name: "one & <two> \"three\" é",
        expect: ["{ within: 5s, connected: all }", "{ always: { connected: all }, from: 5s }"],
        events: "[{ at: 30s, kill: b }]")
}
