import CLinux
import Glibc
import VPNProtocol

/// What became of a name.
enum Resolution: Hashable, Sendable {
    /// Its addresses, IPv4 before IPv6.
    case endpoints([Endpoint])
    /// None, and why.
    case failed(String)
}

/// Resolves names on threads of its own.
struct NameResolver: Sendable {
    /// How many names are resolved at once. A name that nobody answers for takes some 10 to 30 s (resolv.conf(5)).
    static let threads = 4
    /// How many names may wait; peers are configured by hand, so that this is far away.
    static let queue = 1_024
    /// More addresses than a name in use has; the others are not used.
    static let maximumEndpoints = 64

    private let workers: Workers<PeerName>
    private let answer: @Sendable (PeerName, Resolution) -> Void

    /// - Parameters:
    ///   - lookUp: finds the addresses of a name, however long that takes.
    ///   - answer: gets exactly one answer for each name, on any thread.
    init(
        lookUp: @escaping @Sendable (PeerName) -> Resolution = NameResolver.lookUp,
        answer: @escaping @Sendable (PeerName, Resolution) -> Void
    ) {
        self.answer = answer
        workers = Workers(threads: Self.threads, queue: Self.queue) { name in answer(name, lookUp(name)) }
    }

    /// Begins to resolve a name.
    func resolve(_ name: PeerName) {
        if !workers.take(name) { answer(name, .failed("too many names are being resolved")) }
    }

    /// Asks the system, which may take long.
    static func lookUp(_ name: PeerName) -> Resolution {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(name.host, nil, &hints, &list)
        let code = errno
        guard status == 0 else {
            // The text is a constant of the C library.
            let reason = unsafe status == EAI_SYSTEM ? SystemError.reason(code) : String(cString: gai_strerror(status))
            return .failed(reason)
        }
        defer { unsafe freeaddrinfo(list) }
        var found: [AddressFamily: [Endpoint]] = [:]
        var next = unsafe list
        while let entry = unsafe next {
            unsafe next = entry.pointee.ai_next
            guard let endpoint = unsafe endpoint(entry.pointee, port: name.port) else { continue }
            let isKnown = found[endpoint.family]?.contains(endpoint) ?? false
            if !isKnown { found[endpoint.family, default: []].append(endpoint) }
        }
        let endpoints = (found[.ipv4] ?? []) + (found[.ipv6] ?? [])
        return endpoints.isEmpty ? .failed("it has no address") : .endpoints(Array(endpoints.prefix(maximumEndpoints)))
    }

    private static func endpoint(_ entry: addrinfo, port: UInt16) -> Endpoint? {
        guard let address = unsafe entry.ai_addr, unsafe Int(entry.ai_addrlen) <= MemoryLayout<sockaddr_in6>.size
        else { return nil }
        // Copied, since the list gives no room for the larger kind of address where it holds the smaller one.
        var copy = sockaddr_in6()
        unsafe withUnsafeMutableBytes(of: &copy) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
        }
        guard let found = unsafe withUnsafePointer(to: copy, { unsafe Endpoint($0, byteCount: entry.ai_addrlen) })
        else { return nil }
        return Endpoint(found.address, port: port, scope: found.scope)
    }
}
