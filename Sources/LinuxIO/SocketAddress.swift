import Glibc
import VPNProtocol

/// The two families of addresses, each with its own socket.
public enum AddressFamily: String, Sendable, CaseIterable {
    /// IPv4
    case ipv4 = "IPv4"
    /// IPv6
    case ipv6 = "IPv6"
}

extension Endpoint {
    var family: AddressFamily { address.isIPv4 ? .ipv4 : .ipv6 }

    /// Writes the endpoint as the `sockaddr_in` or `sockaddr_in6` that the kernel reads, and returns its length.
    ///
    /// - Parameter target: has room for a `sockaddr_in6`, the larger of the two, and is aligned for it.
    @unsafe func write(to target: UnsafeMutablePointer<sockaddr_in6>) -> socklen_t {
        if let ipv4 = address.ipv4 {
            var short = sockaddr_in()
            short.sin_family = sa_family_t(AF_INET)
            short.sin_port = port.bigEndian
            short.sin_addr = in_addr(s_addr: ipv4.bigEndian)
            // Shorter than the target, and aligned no more strictly.
            unsafe UnsafeMutableRawPointer(target).storeBytes(of: short, as: sockaddr_in.self)
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        }
        var long = sockaddr_in6()
        long.sin6_family = sa_family_t(AF_INET6)
        long.sin6_port = port.bigEndian
        long.sin6_scope_id = scope
        let bits = address.bits.bigEndian
        // Both have 16 bytes.
        unsafe withUnsafeMutableBytes(of: &long.sin6_addr) { unsafe $0.storeBytes(of: bits, as: UInt128.self) }
        unsafe target.pointee = long
        return socklen_t(MemoryLayout<sockaddr_in6>.size)
    }

    /// Reads what the kernel wrote; nil where it is of another family or too short.
    ///
    /// - Parameter source: has room for a `sockaddr_in6`; the kernel has filled `byteCount` bytes of it.
    @unsafe init?(_ source: UnsafePointer<sockaddr_in6>, byteCount: socklen_t) {
        switch Int32(unsafe source.pointee.sin6_family) {
        case AF_INET where byteCount >= MemoryLayout<sockaddr_in>.size:
            let short = unsafe UnsafeRawPointer(source).load(as: sockaddr_in.self)
            self.init(
                IPAddress(ipv4: UInt32(bigEndian: short.sin_addr.s_addr)), port: UInt16(bigEndian: short.sin_port))
        case AF_INET6 where byteCount >= MemoryLayout<sockaddr_in6>.size:
            let long = unsafe source.pointee
            let bits = unsafe withUnsafeBytes(of: long.sin6_addr) { unsafe $0.loadUnaligned(as: UInt128.self) }
            self.init(
                IPAddress(bits: UInt128(bigEndian: bits)), port: UInt16(bigEndian: long.sin6_port),
                scope: long.sin6_scope_id)
        default: return nil
        }
    }
}
