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
    public init(_ type: DeviceType, name: String, path: String = standardPath) throws(SystemError) {
        try Self.check(name)
        let descriptor = try Self.open(path)
        // The kernel reads and writes 16 bytes; the name was checked to be shorter.
        var buffer = [CChar](repeating: 0, count: Int(CLINUX_NAME_BYTES))
        for (index, byte) in name.utf8.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        guard unsafe clinux_tunnel_attach(descriptor.number, &buffer, type == .tap ? 1 : 0) >= 0 else {
            throw Self.refusal(of: name, type, path: path, code: errno)
        }
        self.name = String(zeroTerminated: buffer)
        self.type = type
        self.descriptor = consume descriptor
    }

    /// Reads the next frame. Returns its length, or an error code: `EAGAIN` where there is none.
    static func read(_ descriptor: Int32, into buffer: inout MutableSpan<UInt8>) -> Result<Int> {
        // The kernel writes no more bytes than the span has.
        unsafe buffer.withUnsafeMutableBytes { bytes in
            while true {
                let count = unsafe Glibc.read(descriptor, bytes.baseAddress, bytes.count)
                if count >= 0 { return .done(count) }
                if errno != EINTR { return .failed(errno) }
            }
        }
    }

    /// Writes one frame. Returns its length or an error code.
    func write(_ frame: Span<UInt8>) -> Result<Int> {
        // The kernel reads no more bytes than the span has.
        unsafe frame.withUnsafeBufferPointer { bytes in
            while true {
                let count = unsafe Glibc.write(descriptor.number, bytes.baseAddress, bytes.count)
                if count >= 0 { return .done(count) }
                if errno != EINTR { return .failed(errno) }
            }
        }
    }

    /// The outcome of a call, without the cost of throwing.
    enum Result<Value> {
        case done(Value)
        case failed(Int32)
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
