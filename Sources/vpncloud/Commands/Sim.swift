import ArgumentParser
import VPNSimulator

/// `vpncloud sim`: whole networks from scenario files.
struct Sim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim", abstract: "Simulate whole networks that scenario files describe.",
        subcommands: [SimRun.self, SimCheck.self, SimVerify.self, SimReplay.self, SimPresets.self, SimTrace.self])
}

/// `vpncloud sim check FILE...`: looks for faults in scenario files, and does nothing else.
struct SimCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look for faults in scenario files.",
        discussion: """
            Reads each file and runs nothing. Each fault is printed as FILE:LINE:COLUMN and what would be right; the \
            exit status then is 2, else 0.
            """)

    @Argument(help: "The scenario files.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    func run() throws {
        var faults: [String] = []
        for file in files {
            do {
                print("\(file): ok (\(try readScenario(ofFile: file).measure))")
            } catch {
                faults += error.lines
            }
        }
        guard faults.isEmpty else { throw Failure(lines: faults, status: 2) }
    }
}

/// The scenarios of some files, or the faults of all of them.
func readScenarios(ofFiles files: [String]) throws(Failure) -> [(file: String, scenario: Scenario)] {
    var faults: [String] = []
    var scenarios: [(file: String, scenario: Scenario)] = []
    for file in files {
        do {
            scenarios.append((file, try readScenario(ofFile: file)))
        } catch {
            faults += error.lines
        }
    }
    guard faults.isEmpty else { throw Failure(lines: faults, status: 2) }
    return scenarios
}

/// The scenario of a scenario file.
func readScenario(ofFile path: String) throws(Failure) -> Scenario {
    let bytes: [UInt8]
    do {
        bytes = try FileBytes.read(path, atMost: YAMLNode.Bounds.byteCount)
    } catch {
        throw .usage("cannot read the scenario file '\(path)': \(error)")
    }
    do {
        return try ScenarioFile.read(bytes, name: path)
    } catch {
        throw .configuration(error)
    }
}

extension Scenario {
    /// How large it is, in words: `3 nodes, 2 networks, 5 min`.
    var measure: String {
        let total = nodes.reduce(0) { $0 + ($1.count ?? 1) }
        return "\(Count(total, "node")), \(Count(networks.count, "network")), \(duration.inWords)"
    }
}
