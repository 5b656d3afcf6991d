import ArgumentParser

/// `vpncloud check-config FILE`: looks for faults in a configuration file, and does nothing else.
struct CheckConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config",
        abstract: "Look for faults in a configuration file.",
        discussion: """
            Reads the file as the program would, and opens nothing else: no device, no key file, no name. Each fault is \
            printed as FILE:LINE:COLUMN and what would be right; the exit status then is 2, else 0.
            """)

    @Argument(help: "The configuration file.", completion: .file())
    var file: String

    func run() throws {
        _ = try readSettings(ofFile: file)
        print("\(file): no faults")
    }
}

/// The settings of a configuration file.
func readSettings(ofFile path: String) throws(Failure) -> Settings {
    let bytes: [UInt8]
    do {
        bytes = try FileBytes.read(path, atMost: YAMLNode.Bounds.byteCount)
    } catch {
        throw .usage("cannot read the configuration file '\(path)': \(error)")
    }
    do {
        return try ConfigurationFile.read(bytes, name: path)
    } catch {
        throw .configuration(error)
    }
}
