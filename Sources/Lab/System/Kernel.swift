import Glibc

/// What the kernel and the tools of this machine can do for the lab.
package struct KernelFeatures: Hashable, Sendable {
    /// Whether packets can be delayed, doubled and damaged (tc-netem(8)).
    package var hasDelay = false
    /// Whether rates can be limited (tc-tbf(8)).
    package var hasRate = false

    package init() {}

    /// Finds out in a namespace, on its loopback device.
    init(probing namespace: LabNamespace) {
        hasDelay = (try? namespace.tc("qdisc add dev lo root netem delay 1ms")) != nil
        if hasDelay { try? namespace.tc("qdisc del dev lo root") }
        hasRate = (try? namespace.tc("qdisc add dev lo root tbf rate 1mbit burst 10kb limit 64kb")) != nil
        if hasRate { try? namespace.tc("qdisc del dev lo root") }
    }

    /// What is missing on this machine, each with what to do; empty where the lab can be built.
    package static func missing() -> [String] {
        var missing: [String] = []
        for (tool, package) in [("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables")]
        where !LabProcess.canStart(tool) {
            missing.append("'\(tool)' is not in PATH; install the package \(package)")
        }
        if unsafe access("/dev/net/tun", R_OK | W_OK) != 0 {
            let reason = LabError.text(of: errno)
            missing.append(
                "/dev/net/tun cannot be opened (\(reason)); run as root, or let this user read and write the device")
        }
        return missing
    }
}
