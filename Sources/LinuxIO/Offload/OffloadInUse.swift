/// Which of its shortcuts a node uses at present: those that the kernel offers and has not refused since.
public struct OffloadInUse: Hashable, Sendable {
    /// At the device.
    public internal(set) var device: DeviceOffload = []
    /// Whether several datagrams of one source come as one (UDP_GRO).
    public internal(set) var receivesRuns = false
    /// Whether several datagrams to one address go as one, for each family (UDP_SEGMENT).
    public internal(set) var sendsRuns: [Bool] = AddressFamily.allCases.map { _ in false }

    /// None.
    public init() {}

    /// Whether several datagrams to one address of a family go as one.
    public func sendsRuns(_ family: AddressFamily) -> Bool { sendsRuns[family == .ipv4 ? 0 : 1] }
}

extension OffloadInUse: CustomStringConvertible {
    /// For the log: `segments of TCP and UDP on the device, runs of datagrams both ways`.
    public var description: String {
        let sends = sendsRuns.contains(true)
        let runs =
            switch (sends, receivesRuns) {
            case (true, true): "runs of datagrams both ways"
            case (true, false): "runs of datagrams when sending"
            case (false, true): "runs of datagrams when receiving"
            case (false, false): "single datagrams"
            }
        return "\(device.isEmpty ? "single packets" : "segments of \(device)") on the device, \(runs)"
    }
}
