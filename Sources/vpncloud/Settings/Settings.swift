import VPNNode
import VPNProtocol

/// Where a shared key comes from.
enum KeySource: Hashable, Sendable {
    /// The key itself.
    case text(String)
    /// The path of a file that holds it.
    case file(String)
}

/// What one source, a configuration file or a command line, says. Nil and empty mean that it says nothing.
struct Settings: Hashable, Sendable {
    var deviceType: DeviceType?
    var deviceName: String?
    var devicePath: String?
    var ifup: String?
    var ifdown: String?
    var mode: ForwardingMode?
    var port: UInt16?
    var peers: [PeerName] = []
    var subnets: [Subnet] = []
    var peerTimeout: UInt16?
    var stationTimeout: UInt32?
    var portForwarding: Bool?
    var offload: Bool?
    var dialect: Dialect?
    var key: KeySource?
    var crypto: CryptoMethod?
    var cryptoProvider: CryptoProvider?
    var magic: String?
    var user: String?
    var group: String?
    var pidFile: String?
    var logFile: String?
    var statsFile: String?
    var capture: String?
    var captureFilter: String?
    /// In megabytes.
    var captureSize: UInt32?
    /// In seconds.
    var captureAge: UInt32?
    var captureFiles: UInt32?
    var record: String?
    /// In megabytes.
    var recordLimit: UInt32?

    /// Whether these say anything of a capture, apart from where it goes.
    var describeCapture: Bool {
        captureFilter != nil || captureSize != nil || captureAge != nil || captureFiles != nil
    }

    /// These settings over others, which hold where these say nothing. Peers and subnets of both count.
    func over(_ base: Settings) -> Settings {
        var result = self
        result.deviceType = deviceType ?? base.deviceType
        result.deviceName = deviceName ?? base.deviceName
        result.devicePath = devicePath ?? base.devicePath
        result.ifup = ifup ?? base.ifup
        result.ifdown = ifdown ?? base.ifdown
        result.mode = mode ?? base.mode
        result.port = port ?? base.port
        result.peers = Self.union(base.peers, peers)
        result.subnets = Self.union(base.subnets, subnets)
        result.peerTimeout = peerTimeout ?? base.peerTimeout
        result.stationTimeout = stationTimeout ?? base.stationTimeout
        result.portForwarding = portForwarding ?? base.portForwarding
        result.offload = offload ?? base.offload
        result.dialect = dialect ?? base.dialect
        result.key = key ?? base.key
        result.crypto = crypto ?? base.crypto
        result.cryptoProvider = cryptoProvider ?? base.cryptoProvider
        result.magic = magic ?? base.magic
        result.user = user ?? base.user
        result.group = group ?? base.group
        result.pidFile = pidFile ?? base.pidFile
        result.logFile = logFile ?? base.logFile
        result.statsFile = statsFile ?? base.statsFile
        result.capture = capture ?? base.capture
        result.captureFilter = captureFilter ?? base.captureFilter
        result.captureSize = captureSize ?? base.captureSize
        result.captureAge = captureAge ?? base.captureAge
        result.captureFiles = captureFiles ?? base.captureFiles
        result.record = record ?? base.record
        result.recordLimit = recordLimit ?? base.recordLimit
        return result
    }

    private static func union<Value: Hashable>(_ first: [Value], _ second: [Value]) -> [Value] {
        var seen: Set<Value> = []
        return (first + second).filter { seen.insert($0).inserted }
    }
}
