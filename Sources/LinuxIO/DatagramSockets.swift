import CLinux
import Glibc
import VPNProtocol

/// The UDP sockets of a node, one for each address family that this machine has, on one port.
public struct DatagramSockets: ~Copyable {
    private let ipv4: Descriptor
    private let ipv6: Descriptor
    /// Whether the kernel hands over several datagrams of one source and size at once (`UDP_GRO`, Linux 5.0).
    public let receivesRuns: Bool
    /// Whether it takes several datagrams of one size to one address at once (`UDP_SEGMENT`, Linux 4.18).
    public let sendsRuns: Bool
    /// The port; where 0 was asked for, the one that the kernel chose.
    public let port: UInt16

    /// What each socket may hold for the node until it gets to it, and for the network likewise: some 20 ms at
    /// 1.6 Gbit/s. Without rights the kernel holds this down to `net.core.rmem_max`.
    public static let bufferBytes = 4 << 20

    /// What the socket with the least may hold, of what came and of what is to go; ``bufferBytes`` or less.
    public var grantedBufferBytes: Int {
        var least = Self.bufferBytes
        for socket in [ipv4.number, ipv6.number] where socket >= 0 {
            // The kernel tells twice what it was asked for, the half for its own records (socket(7)).
            for option in [SO_RCVBUF, SO_SNDBUF] { least = min(least, Int(Self.value(socket, of: option)) / 2) }
        }
        return least
    }

    /// Binds the port for IPv4 and IPv6. One of them is enough, where the machine has no more.
    ///
    /// - Parameter wantsRuns: whether to exchange several datagrams at once with the kernel, where it can.
    /// - Throws: where the port is taken in either family, or neither is there.
    public init(port: UInt16, wantsRuns: Bool = true) throws(SystemError) {
        try self.init(port: port, wantsRuns: wantsRuns, open: Self.open)
    }

    /// - Parameter open: makes a bound socket, or throws `EAFNOSUPPORT` where the machine has not the family.
    init(
        port: UInt16, wantsRuns: Bool = true, open: (AddressFamily, UInt16) throws(SystemError) -> Descriptor
    ) throws(SystemError) {
        let first = try Self.openIfPresent(.ipv4, port, open)
        let port = port == 0 && first.number >= 0 ? Self.port(of: first.number) : port
        let isOnly = first.number < 0
        let second = isOnly ? try open(.ipv6, port) : try Self.openIfPresent(.ipv6, port, open)
        self.port = port == 0 ? Self.port(of: second.number) : port
        // What one family can, the other can as well.
        let any = first.number >= 0 ? first.number : second.number
        sendsRuns = wantsRuns && Self.knowsSegments(any)
        var receivesRuns = wantsRuns
        for socket in [first.number, second.number] where socket >= 0 && receivesRuns {
            receivesRuns = Self.set(socket, Int32(IPPROTO_UDP), CLINUX_UDP_GRO, 1)
        }
        self.receivesRuns = receivesRuns
        ipv4 = consume first
        ipv6 = consume second
    }

    /// The families in use, for the log: `IPv4 and IPv6`, or one of them with `only`.
    public var families: String {
        has(.ipv4) ? has(.ipv6) ? "IPv4 and IPv6" : "IPv4 only" : "IPv6 only"
    }

    /// Whether there is a socket for a family.
    public func has(_ family: AddressFamily) -> Bool { number(family) != nil }

    /// The descriptor of a family's socket.
    func number(_ family: AddressFamily) -> Int32? {
        let number = family == .ipv4 ? ipv4.number : ipv6.number
        return number >= 0 ? number : nil
    }
}

extension DatagramSockets {
    /// The socket of a family, or none where the error says that the machine has not the family at all.
    private static func openIfPresent(
        _ family: AddressFamily, _ port: UInt16,
        _ open: (AddressFamily, UInt16) throws(SystemError) -> Descriptor
    ) throws(SystemError) -> Descriptor {
        do throws(SystemError) {
            return try open(family, port)
        } catch {
            guard [EAFNOSUPPORT, EPROTONOSUPPORT, EADDRNOTAVAIL].contains(error.code) else { throw error }
            return .none
        }
    }

    static func open(_ family: AddressFamily, _ port: UInt16) throws(SystemError) -> Descriptor {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let socket = try Descriptor(
            socket(family == .ipv4 ? AF_INET : AF_INET6, kind, 0),
            orThrow: "cannot make a UDP socket for \(family.rawValue)")
        if family == .ipv6 {
            // Otherwise it would take the port for IPv4 as well.
            guard set(socket.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) else {
                throw SystemError.last("cannot keep a UDP socket to IPv6")
            }
        }
        // Neither SO_REUSEADDR nor SO_REUSEPORT: two processes on one port would each get a part of the packets.
        var address = sockaddr_in6()
        let any = Endpoint(family == .ipv4 ? IPAddress(0, 0, 0, 0) : IPAddress(bits: 0), port: port)
        let byteCount = unsafe any.write(to: &address)
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            // Both kinds of address begin like a sockaddr, and the length says which one it is.
            unsafe bind(socket.number, UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), byteCount)
        }
        guard status == 0 else { throw bindError(family, port, code: errno) }
        for (forced, plain) in [(SO_RCVBUFFORCE, SO_RCVBUF), (SO_SNDBUFFORCE, SO_SNDBUF)] {
            // Beyond the limit for ordinary processes where allowed, else up to it. Small buffers work, too.
            if !set(socket.number, SOL_SOCKET, forced, Int32(bufferBytes)) {
                _ = set(socket.number, SOL_SOCKET, plain, Int32(bufferBytes))
            }
        }
        return socket
    }

    private static func bindError(_ family: AddressFamily, _ port: UInt16, code: Int32) -> SystemError {
        let advice =
            switch code {
            case EADDRINUSE: "another process uses this port; end it, or choose another port with '--listen'"
            case EACCES: "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
            default: ""
            }
        return SystemError("cannot listen on UDP port \(port) for \(family.rawValue)", code: code, advice: advice)
    }

    /// Whether the kernel has heard of `UDP_SEGMENT`. Whether the way of a datagram allows it shows when it is sent.
    private static func knowsSegments(_ socket: Int32) -> Bool {
        var value: Int32 = 0
        var byteCount = socklen_t(MemoryLayout<Int32>.size)
        return unsafe getsockopt(socket, Int32(IPPROTO_UDP), CLINUX_UDP_SEGMENT, &value, &byteCount) == 0
    }

    private static func set(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
        var value = value
        return unsafe setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// What a number option of a socket is set to. `SO_ERROR` is cleared by this.
    static func value(_ socket: Int32, of option: Int32) -> Int32 {
        var value: Int32 = 0
        var byteCount = socklen_t(MemoryLayout<Int32>.size)
        unsafe _ = getsockopt(socket, SOL_SOCKET, option, &value, &byteCount)
        return value
    }

    private static func port(of socket: Int32) -> UInt16 {
        var address = sockaddr_in6()
        var byteCount = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            // A sockaddr_in6 has room for the address of either family.
            unsafe getsockname(
                socket, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), &byteCount)
        }
        guard status == 0 else { return 0 }
        return unsafe withUnsafePointer(to: address) { unsafe Endpoint($0, byteCount: byteCount)?.port ?? 0 }
    }
}
