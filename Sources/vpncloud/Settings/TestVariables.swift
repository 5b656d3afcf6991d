import Glibc

/// Variables of the environment for tests: they shorten what else takes minutes, or make a fault. Users have no need of them.
enum TestVariables {
    /// The time from one statistics file to the next.
    static var statisticsInterval: Duration? { seconds("VPNCLOUD_STATS_INTERVAL") }
    /// The lease that a router is asked for.
    static var portLease: Duration? { seconds("VPNCLOUD_PORT_LEASE") }

    /// Whether the simulator is to take the nodes of a scenario in the order of a dictionary, which differs from process to
    /// process: a fault for `sim verify` to find.
    static var walksDictionary: Bool { unsafe getenv("VPNCLOUD_SIM_DICTIONARY") != nil }

    /// Whole seconds, at least 1; anything else is as if the variable were not set.
    private static func seconds(_ name: String) -> Duration? {
        // The text ends with a zero byte, and is copied at once.
        guard let text = unsafe getenv(name).map({ unsafe String(cString: $0) }), let number = UInt16(text), number > 0
        else { return nil }
        return .seconds(Int(number))
    }
}
