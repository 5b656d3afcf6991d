import Glibc
package import VPNSimulator

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

extension Scenario {
    /// Why this kernel has no room for it; nil where it has. To be asked outside of the lab.
    package func lackOfRoom() -> String? {
        let path = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"
        guard let bytes = readFile(path, atMost: 64),
            let room = Int(String(decoding: bytes, as: UTF8.self).filter(\.isNumber))
        else { return nil }
        return lackOfRoom(forNeighbours: room)
    }

    /// All namespaces of a machine share one table of neighbours for each family (arp(7): gc_thresh3). A lab that fills it
    /// would cut off others as well.
    func lackOfRoom(forNeighbours room: Int) -> String? {
        // Each node of a network knows each other one, and its gateway.
        let needed = networks.reduce(0) { sum, network in
            let members = nodes.filter { $0.network == network.name }.reduce(0) { $0 + ($1.count ?? 1) }
            return sum + members * members
        }
        // Half of it, so that others and a second lab find some.
        guard needed > room / 2 else { return nil }
        let (key, more) = ("neigh.default.gc_thresh3", 8 * needed)
        return
            "its nodes would have \(needed) neighbours, and this machine has room for \(room) in all its namespaces; "
            + "make more: sysctl net.ipv4.\(key)=\(more) net.ipv6.\(key)=\(more)"
    }
}
