import Glibc

/// Variables of the environment for tests: they shorten what else takes minutes, or make a fault. Users have no need of them.
enum TestVariables {
    /// The time from one statistics file to the next: whole seconds, or milliseconds as in `100ms`.
    static var statisticsInterval: Duration? {
        guard let text = text("VPNCLOUD_STATS_INTERVAL"), text.hasSuffix("ms") else {
            return seconds("VPNCLOUD_STATS_INTERVAL")
        }
        return UInt16(text.dropLast(2)).flatMap { $0 >= 10 ? .milliseconds(Int($0)) : nil }
    }
    /// The lease that a router is asked for.
    static var portLease: Duration? { seconds("VPNCLOUD_PORT_LEASE") }

    /// Whether the simulator is to take the nodes of a scenario in the order of a dictionary, which differs from process to
    /// process: a fault for `sim verify` to find.
    static var walksDictionary: Bool { unsafe getenv("VPNCLOUD_SIM_DICTIONARY") != nil }

    /// Whole seconds, at least 1; anything else is as if the variable were not set.
    private static func seconds(_ name: String) -> Duration? {
        guard let number = text(name).flatMap(UInt16.init), number > 0 else { return nil }
        return .seconds(Int(number))
    }

    private static func text(_ name: String) -> String? {
        // The text ends with a zero byte, and is copied at once.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
