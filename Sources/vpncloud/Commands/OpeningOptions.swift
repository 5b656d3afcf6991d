import ArgumentParser
import VPNCaptures
import VPNProtocol

/// The key of a network that is only looked at, and what else tells its packets from others.
struct OpeningOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The shared key of the network. Other users see it in the list of processes: prefer --shared-key-file, or the variable \(sharedKeyVariable).",
            valueName: "key"),
        transform: SettingValues.sharedKey)
    var sharedKey: String?

    @Option(
        help: ArgumentHelp("A file whose one line is the shared key.", valueName: "file"),
        completion: .file(), transform: { try SettingValues.nonEmpty($0, "the path of a file that holds the key") })
    var sharedKeyFile: String?

    @Option(
        help: ArgumentHelp(
            "The dialect of the programs: 'manual', '0.8', '0.9' (also 1.0) or '1' (1.1 to 1.4) (default: all of them).",
            valueName: "version"),
        completion: .list(Dialect.allCases.map(\.rawValue)), transform: SettingValues.dialect)
    var compat: Dialect?

    @Option(
        help: ArgumentHelp("Open packets of this cipher only (default: all of them).", valueName: "method"),
        completion: .list(["aes256", "chacha20"]), transform: SettingValues.crypto)
    var crypto: CryptoMethod?

    @Option(
        help: ArgumentHelp(
            "Open packets that begin so, 8 hexadecimal digits, or 'hash:' and a name (default: whatever they begin with).",
            valueName: "id"),
        transform: SettingValues.magic)
    var magic: String?

    @Option(
        help: ArgumentHelp("Open packets from or to this UDP port only (default: all ports).", valueName: "port"),
        transform: SettingValues.port)
    var port: UInt16?

    func validate() throws {
        if sharedKey != nil && sharedKeyFile != nil {
            throw ValidationError("--shared-key and --shared-key-file exclude each other; choose one.")
        }
    }

    /// What the options say, with the key read from its file, or from the environment where no option gives it.
    func rules(in surroundings: RunPlan.Surroundings) throws(Failure) -> OpeningRules {
        var rules = OpeningRules()
        if let compat { rules.dialects = [compat] }
        rules.method = crypto
        rules.port = port
        if let magic {
            // In one dialect a name means another magic.
            for dialect in rules.dialects {
                if let magic = Magic(magic, dialect: dialect), !rules.magics.contains(magic) {
                    rules.magics.append(magic)
                }
            }
        }
        var source = sharedKey.map(KeySource.text) ?? sharedKeyFile.map(KeySource.file)
        if source == nil { source = try KeySource(variableIn: surroundings) }
        rules.password = try source?.password(in: surroundings)
        if let password = rules.password, let compat, let fault = compat.keyFault(password) { throw .usage(fault) }
        if let crypto, !surroundings.isAvailable(crypto) {
            throw .usage(KeyError.methodUnavailable(crypto).description)
        }
        return rules
    }
}
