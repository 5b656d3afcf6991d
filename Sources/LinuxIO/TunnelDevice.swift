import CLinux
import Glibc
public import VPNNode

/// A TUN or TAP device of the kernel: what is written to it arrives on this machine, what this machine sends to it
/// can be read. It is gone when its owner lets go, unless it existed before.
public struct TunnelDevice: ~Copyable {
    /// The name as the kernel gave it.
    public let name: String
    /// What its frames are.
    public let type: DeviceType
    /// What the kernel leaves to this program.
    public let offload: DeviceOffload
    /// Whether an ``OffloadHeader`` stands before each frame.
    let hasHeader: Bool
    let descriptor: Descriptor

    /// The manual's `--device-path`.
    public static let standardPath = "/dev/net/tun"
    /// The longest name (IFNAMSIZ, less the final zero).
    public static let maximumNameBytes = Int(CLINUX_NAME_BYTES) - 1
    /// More bytes than any frame has: the largest MTU (65535, drivers/net/tun.c) with an Ethernet header (14)
    /// and a VLAN tag (4). A shorter buffer would cut a frame without a word.
    static let maximumFrameBytes = 65_553

    /// Makes a device, or takes one that was set up for this before (`ip tuntap add`).
    ///
    /// - Parameters:
    ///   - name: its name, in which `%d` stands for the first free number.
    ///   - path: the base device, usually ``standardPath``.
    ///   - wantsOffload: whether to take over from the kernel what it can leave to this program.
    public init(
        _ type: DeviceType, name: String, path: String = standardPath, wantsOffload: Bool = true
    ) throws(SystemError) {
        try Self.check(name)
        let descriptor = try Self.open(path)
        // The kernel reads and writes 16 bytes; the name was checked to be shorter.
        var buffer = [CChar](repeating: 0, count: Int(CLINUX_NAME_BYTES))
        for (index, byte) in name.utf8.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        let isTap: Int32 = type == .tap ? 1 : 0
        var hasHeader = wantsOffload
        var status = unsafe clinux_tunnel_attach(descriptor.number, &buffer, isTap, hasHeader ? 1 : 0)
        if hasHeader, status < 0, errno == EINVAL {
            // A kernel without the header, or a base device that is none: tried once more without.
            hasHeader = false
            status = unsafe clinux_tunnel_attach(descriptor.number, &buffer, isTap, 0)
        }
        guard status >= 0 else { throw Self.refusal(of: name, type, path: path, code: errno) }
        // A device that was there before keeps what others set, so all of it is set, also to nothing.
        if hasHeader {
            // Every kernel that has the header has this length, which is the one to begin with.
            _ = clinux_tunnel_set_header_bytes(descriptor.number, Int32(OffloadHeader.byteCount))
        }
        offload = DeviceOffload.take(hasHeader ? .all : [], from: descriptor.number)
        self.hasHeader = hasHeader
        self.name = String(zeroTerminated: buffer)
        self.type = type
        self.descriptor = consume descriptor
    }

    /// Whether an error code says that the device exists no more, rather than that it is down.
    static func isLoss(_ code: Int32) -> Bool { code == EBADFD || code == EBADF || code == ENODEV || code == ENXIO }
}

extension TunnelDevice {
    private static func check(_ name: String) throws(SystemError) {
        let operation = "cannot create the device '\(name)'"
        guard !name.isEmpty else {
            throw SystemError("cannot create a device without a name", code: 0, advice: "name it, as in 'vpncloud%d'")
        }
        guard name.utf8.count <= maximumNameBytes else {
            throw SystemError(
                operation, code: 0,
                advice: "the name has \(name.utf8.count) bytes, and Linux takes at most \(maximumNameBytes)")
        }
        let plain = name.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        guard plain, name != ".", name != ".." else {
            throw SystemError(
                operation, code: 0, advice: "a device name has no spaces, slashes or colons, and is not '.' or '..'")
        }
        let parts = name.split(separator: "%", omittingEmptySubsequences: false)
        guard parts.count == 1 || parts.count == 2 && parts[1].hasPrefix("d") else {
            throw SystemError(operation, code: 0, advice: "'%' may only stand once, as '%d', for a free number")
        }
    }

    private static func open(_ path: String) throws(SystemError) -> Descriptor {
        let number = unsafe clinux_open(path, O_RDWR | O_NONBLOCK, 0)
        let code = errno
        if number >= 0 { return try Descriptor(number, orThrow: path) }
        let advice =
            switch code {
            case ENOENT:
                "load the driver with 'modprobe tun'; inside a container, pass the device in, or make it with "
                    + "'mkdir -p /dev/net && mknod /dev/net/tun c 10 200'"
            case ENODEV, ENXIO: "the kernel has no TUN/TAP driver; load it with 'modprobe tun'"
            case EACCES, EPERM: "run as root, or give the user access to it"
            default: ""
            }
        throw SystemError("cannot open the base device '\(path)'", code: code, advice: advice)
    }

    private static func refusal(of name: String, _ type: DeviceType, path: String, code: Int32) -> SystemError {
        let exists = unsafe if_nametoindex(name) != 0
        let advice =
            switch code {
            case EPERM, EACCES: "run as root, or with the capability CAP_NET_ADMIN"
            case EBUSY: "another process uses a device of this name; choose another name, or one with '%d'"
            case EINVAL where exists:
                "a device of this name exists and is no \(type.rawValue) device; choose another name, or one with '%d'"
            case EEXIST: "a device of this name exists; choose another name, or one with '%d'"
            case ENFILE: "all numbers for '%d' are taken"
            case ENOTTY, EBADFD: "'\(path)' is not the base device of the TUN/TAP driver, usually \(standardPath)"
            default: ""
            }
        return SystemError("cannot create the \(type.rawValue) device '\(name)'", code: code, advice: advice)
    }
}
