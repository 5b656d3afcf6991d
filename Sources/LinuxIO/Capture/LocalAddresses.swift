import Glibc
package import VPNProtocol

/// The address that the kernel sends from, by destination, asked of its routes. The sockets of a node are bound to no address,
/// so that no datagram tells its own.
package struct LocalAddresses {
    /// Destinations that are remembered.
    static let capacity = 1024
    /// How long, in nanoseconds: routes change rarely, but they do.
    static let lifetime: UInt64 = 10_000_000_000

    private var addresses: [IPAddress: IPAddress] = [:]
    private var start: UInt64 = 0

    /// Nothing is known yet.
    package init() {}

    /// The address that a datagram to a destination leaves from; the unspecified one where there is no way to it.
    ///
    /// - Parameter time: in nanoseconds of any clock.
    package mutating func address(towards destination: Endpoint, at time: UInt64) -> IPAddress {
        if time < start || time - start > Self.lifetime || addresses.count >= Self.capacity {
            addresses.removeAll(keepingCapacity: true)
            start = time
        }
        if let known = addresses[destination.address] { return known }
        let isIPv4 = destination.address.isIPv4
        let found = (try? Self.ask(destination)) ?? (isIPv4 ? IPAddress(0, 0, 0, 0) : IPAddress(bits: 0))
        addresses[destination.address] = found
        return found
    }

    private static func ask(_ destination: Endpoint) throws(SystemError) -> IPAddress? {
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        let family = destination.address.isIPv4 ? AF_INET : AF_INET6
        let descriptor = try Descriptor(socket(family, kind, 0), orThrow: "cannot make a UDP socket")
        var address = sockaddr_in6()
        var byteCount = unsafe destination.write(to: &address)
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            // Both kinds of address begin like a sockaddr, and a sockaddr_in6 has room for either. Nothing is sent by this:
            // connecting a UDP socket only chooses its own address.
            let generic = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            guard unsafe connect(descriptor.number, generic, byteCount) == 0 else { return Int32(-1) }
            byteCount = socklen_t(MemoryLayout<sockaddr_in6>.size)
            return unsafe getsockname(descriptor.number, generic, &byteCount)
        }
        guard status == 0 else { return nil }
        return unsafe withUnsafePointer(to: address) { unsafe Endpoint($0, byteCount: byteCount)?.address }
    }
}
