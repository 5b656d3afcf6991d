import CLinux

/// What the kernel leaves to this program at a device, so that it hands over many packets at once and takes them back so.
public struct DeviceOffload: OptionSet, Hashable, Sendable {
    /// One bit for each member.
    public let rawValue: UInt8

    /// A set of bits, see the members.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Checksums of all packets, and to cut TCP into segments.
    public static let tcp = Self(rawValue: 1)
    /// To cut UDP into datagrams of one size (Linux 6.2).
    public static let udp = Self(rawValue: 2)

    static let all: Self = [.tcp, .udp]

    private var flags: UInt32 {
        (contains(.tcp) ? CLINUX_TUN_CHECKSUM | CLINUX_TUN_TCP4 | CLINUX_TUN_TCP6 : 0)
            | (contains(.udp) ? CLINUX_TUN_UDP4 | CLINUX_TUN_UDP6 : 0)
    }

    /// Takes over as much of what is wanted as the kernel grants, and returns that.
    static func take(_ wanted: Self, from device: Int32) -> Self {
        for offload in [wanted, wanted.subtracting(.udp)] where clinux_tunnel_set_offload(device, offload.flags) == 0 {
            return offload
        }
        _ = clinux_tunnel_set_offload(device, 0)
        return []
    }
}

extension DeviceOffload: CustomStringConvertible {
    /// For the log: `TCP and UDP`, `TCP` or `none`.
    public var description: String {
        contains(.tcp) ? contains(.udp) ? "TCP and UDP" : "TCP" : "none"
    }
}
