import VPNNode
import VPNProtocol

/// What the program is going to do: all settings resolved, with their defaults, and checked as far as that can be done
/// without a device.
struct RunPlan: Sendable {
    var deviceType: DeviceType
    var deviceName: String
    var devicePath: String
    /// Whether packets are exchanged with the kernel many at once, where it can.
    var offload: Bool
    var ifup: String?
    var ifdown: String?
    var network: Network
    var key: Key?
    /// The library that encrypts.
    var provider: CryptoProvider
    var user: String?
    var group: String?
    var pidFile: String?
    var logFile: String?
    var statsFile: String?
    /// What is captured; nil for nothing.
    var capture: CapturePlan?
    /// What is recorded; nil for nothing.
    var recording: RecordingPlan?
    /// What is allowed but probably not meant, for the log.
    var warnings: [String]

    /// What the node is told, but for its seal, which is made later: a key does not survive a fork.
    struct Network: Sendable {
        var mode: ForwardingMode
        var dialect: Dialect
        var magic: Magic
        var port: UInt16
        var peers: [PeerName]
        var subnets: [Subnet]
        var peerTimeout: Duration
        var stationTimeout: Duration
        var portForwarding: Bool
    }

    /// A password and what it is for.
    struct Key: Sendable {
        var method: CryptoMethod
        var password: String
    }
}

extension RunPlan {
    /// Where a plan looks for what stands in no file and in no option.
    struct Surroundings {
        /// The content of ``sharedKeyVariable``; nil where it is not set.
        var keyVariable: String?
        /// Reads a key file.
        var readKeyFile: (String) throws(FileError) -> [UInt8]
        /// Whether others than the owner can read a file.
        var isReadableByOthers: (String) -> Bool
        /// Whether the processor can do a method.
        var isAvailable: (CryptoMethod) -> Bool
        /// Why ipsec-mb cannot be used; nil where it can.
        var providerFault: () -> ProviderFault?
    }

    /// The plan that settings make.
    ///
    /// - Parameters:
    ///   - commandLine: what the options say.
    ///   - file: what the configuration file says, where there is one, and its name.
    init(
        commandLine: Settings, file: (settings: Settings, name: String)?, in surroundings: Surroundings
    ) throws(Failure) {
        let settings = commandLine.over(file?.settings ?? Settings())
        warnings = []
        deviceType = settings.deviceType ?? .tap
        deviceName = settings.deviceName ?? "vpncloud%d"
        devicePath = settings.devicePath ?? "/dev/net/tun"
        offload = settings.offload ?? true
        ifup = settings.ifup
        ifdown = settings.ifdown
        network = try Network(settings)
        provider = settings.cryptoProvider ?? .automatic
        guard settings.subnets.count <= InitMessage.maximumSubnets else {
            throw .usage(ConfigurationError.tooManySubnets(settings.subnets.count).description)
        }
        user = settings.user
        group = settings.group
        // Looked up again long after start: from another directory, possibly.
        pidFile = settings.pidFile.map(FileBytes.absolute)
        logFile = settings.logFile.map(FileBytes.absolute)
        statsFile = settings.statsFile.map(FileBytes.absolute)
        capture = CapturePlan(settings)
        recording = RecordingPlan(settings)
        if capture == nil && commandLine.describeCapture {
            warnings.append("nothing is captured: the options say how, and none says where to; see --capture")
        }
        key = try Self.key(commandLine: commandLine, file: file, settings, surroundings, &warnings)
        try checkTogether()
    }

    /// Faults that no single setting has.
    private mutating func checkTogether() throws(Failure) {
        let files = [pidFile, logFile, statsFile, recording?.path].compactMap { $0 }
        guard Set(files).count == files.count else {
            throw .usage("two of pid file, log file, statistics file and recording are the same; name different ones")
        }
        let isRouter = network.mode == .router || network.mode == .normal && deviceType == .tun
        if isRouter && network.subnets.isEmpty {
            warnings.append("this node claims no subnets, so that as a router it gets no data; see --subnet")
        }
    }

    private static func key(
        commandLine: Settings, file: (settings: Settings, name: String)?, _ settings: Settings,
        _ surroundings: Surroundings, _ warnings: inout [String]
    ) throws(Failure) -> Key? {
        var source = commandLine.key
        if source == nil { source = try KeySource(variableIn: surroundings) }
        if source == nil, case .text? = settings.key, let file, surroundings.isReadableByOthers(file.name) {
            warnings.append("others can read '\(file.name)', which holds the shared key; forbid it with 'chmod 600'")
        }
        guard let chosen = source ?? settings.key else {
            warnings.append("no shared key is set: traffic is NOT encrypted, and anyone can take part")
            return nil
        }
        let password = try chosen.password(in: surroundings)
        if case .file(let path) = chosen, surroundings.isReadableByOthers(path) {
            warnings.append("others can read the key file '\(path)'; forbid it with 'chmod 600'")
        }
        if let fault = (settings.dialect ?? .manual).keyFault(password) { throw .usage(fault) }
        let method = settings.crypto ?? .chacha20
        guard surroundings.isAvailable(method) else { throw .usage(KeyError.methodUnavailable(method).description) }
        if settings.cryptoProvider == .ipsecMB, let fault = surroundings.providerFault() {
            throw .usage(KeyError.providerUnavailable(fault).description)
        }
        return Key(method: method, password: password)
    }
}

extension RunPlan.Network {
    /// What settings say, with the program's defaults.
    init(_ settings: Settings) throws(Failure) {
        dialect = settings.dialect ?? .manual
        let text = settings.magic ?? Magic.standard.description
        guard let magic = Magic(text, dialect: dialect) else { throw .usage("'\(text)' is no magic") }
        self.magic = magic
        mode = settings.mode ?? .normal
        port = settings.port ?? PeerName.defaultPort
        peers = settings.peers
        subnets = settings.subnets
        peerTimeout = .seconds(Int(settings.peerTimeout ?? 1800))
        stationTimeout = .seconds(Int(settings.stationTimeout ?? 300))
        portForwarding = settings.portForwarding ?? true
    }

    /// The node's configuration under a seal.
    func configuration(
        _ deviceType: DeviceType, seal: PacketSeal, reportsMessages: Bool
    ) -> NodeConfiguration {
        var configuration = NodeConfiguration(seal: seal)
        configuration.deviceType = deviceType
        configuration.mode = mode
        configuration.dialect = dialect
        configuration.subnets = subnets
        configuration.peers = peers
        configuration.peerTimeout = peerTimeout
        configuration.stationTimeout = stationTimeout
        configuration.port = port
        configuration.portForwarding = portForwarding
        configuration.reportsMessages = reportsMessages
        return configuration
    }
}

extension RunPlan {
    /// Makes the key out of the password, which takes some 50 ms, and the seal out of the key.
    func seal() throws(KeyError) -> PacketSeal {
        guard let key else { return PacketSeal(unencrypted: network.magic) }
        return try PacketSeal(
            magic: network.magic, method: key.method, key: network.dialect.keyDerivation.key(from: key.password),
            provider: provider)
    }
}
