import CMiniUPnPc
import Glibc
import VPNProtocol

/// A router that forwards ports by UPnP (Internet Gateway Device). Its calls block.
struct Router: Hashable, Sendable {
    /// Where it takes orders.
    private let control: String
    /// The kind of service that it offers there.
    private let service: String
    /// This machine's address as the router sees it.
    let localAddress: String
    /// The router's address for messages.
    let description: String

    /// The results of UPnP that mean something here (IGD WANIPConnection, 2.4.16).
    private enum Code {
        static let conflict: Int32 = 718
        static let onlyPermanentLeases: Int32 = 725
    }

    /// Why a router does not forward a port.
    enum Refusal: Error, Hashable {
        /// Another machine has the port.
        case taken
        /// Another reason, in the router's words.
        case failed(String)
    }

    /// Looks for a router in the local network, as long as `milliseconds`.
    static func find(milliseconds: Int32 = 2_000) -> Router? {
        var status: Int32 = 0
        // A hop count of 2 is what the standard asks for.
        guard let devices = unsafe upnpDiscover(milliseconds, nil, nil, UPNP_LOCAL_PORT_ANY, 0, 2, &status) else {
            return nil
        }
        defer { unsafe freeUPNPDevlist(devices) }
        return unsafe Router { urls, data, local, byteCount in
            unsafe cminiupnpc_find_router(devices, urls, data, local, byteCount)
        }
    }

    /// The router with a known description, without a search.
    init?(descriptionURL: String) {
        unsafe self.init { urls, data, local, byteCount in
            unsafe UPNP_GetIGDFromUrl(descriptionURL, urls, data, local, byteCount)
        }
    }

    private init?(
        _ ask: (
            UnsafeMutablePointer<UPNPUrls>, UnsafeMutablePointer<IGDdatas>, UnsafeMutablePointer<CChar>, Int32
        ) -> Int32
    ) {
        var urls = unsafe UPNPUrls()
        var data = IGDdatas()
        var local = [CChar](repeating: 0, count: 64)
        guard unsafe ask(&urls, &data, &local, Int32(local.count)) == 1 else { return nil }
        defer { unsafe FreeUPNPUrls(&urls) }
        guard let control = unsafe urls.controlURL else { return nil }
        self.control = unsafe String(cString: control)
        description = unsafe urls.rootdescURL.map { unsafe String(cString: $0) } ?? self.control
        // The library ends its texts with a zero within the room it has for them.
        service = unsafe withUnsafeBytes(of: data.first.servicetype) { text in
            unsafe String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        }
        localAddress = String(zeroTerminated: local)
    }

    /// The address that the router has outside, where it tells.
    func externalAddress() -> IPAddress? {
        var text = [CChar](repeating: 0, count: 64)
        guard unsafe UPNP_GetExternalIPAddress(control, service, &text) == UPNPCOMMAND_SUCCESS else { return nil }
        return IPAddress(String(zeroTerminated: text))
    }

    /// Forwards an external UDP port to a port of this machine. Returns the lease, nil for one without an end.
    func map(external: UInt16, to port: UInt16, lease: Duration) throws(Refusal) -> Duration? {
        // Some routers hand a port over to whoever asks last.
        guard !isTaken(external, port) else { throw .taken }
        var code = add(external, port, seconds: max(lease.components.seconds, 1))
        var granted: Duration? = lease
        if code == Code.onlyPermanentLeases {
            code = add(external, port, seconds: 0)
            granted = nil
        }
        if code == Code.conflict { throw .taken }
        guard code == UPNPCOMMAND_SUCCESS else { throw .failed(Self.reason(code)) }
        return granted
    }

    /// Forwards any external port that is free, where the router can choose one (version 2 of the standard).
    func mapAny(preferring external: UInt16, to port: UInt16, lease: Duration) throws(Refusal) -> UInt16 {
        var reserved = [CChar](repeating: 0, count: 16)
        // The library writes at most 6 bytes of the port it got.
        let code = unsafe UPNP_AddAnyPortMapping(
            control, service, String(external), String(port), localAddress, Self.label, "UDP", nil,
            String(max(lease.components.seconds, 1)), &reserved)
        guard code == UPNPCOMMAND_SUCCESS, let chosen = UInt16(String(zeroTerminated: reserved)), chosen != 0
        else { throw .failed(Self.reason(code)) }
        return chosen
    }

    /// Forwards an external port no more. Returns why not, where it fails.
    func unmap(external: UInt16) -> String? {
        let code = unsafe UPNP_DeletePortMapping(control, service, String(external), "UDP", nil)
        return code == UPNPCOMMAND_SUCCESS ? nil : Self.reason(code)
    }

    /// What the router's user sees in its list.
    private static let label = "vpncloud"

    private func add(_ external: UInt16, _ port: UInt16, seconds: Int64) -> Int32 {
        unsafe UPNP_AddPortMapping(
            control, service, String(external), String(port), localAddress, Self.label, "UDP", nil, String(seconds))
    }

    private func isTaken(_ external: UInt16, _ port: UInt16) -> Bool {
        var client = [CChar](repeating: 0, count: 64)
        var inside = [CChar](repeating: 0, count: 16)
        var text = [CChar](repeating: 0, count: 256)
        var enabled = [CChar](repeating: 0, count: 16)
        var lease = [CChar](repeating: 0, count: 32)
        // All five have more room than the library's documentation asks for (16, 6, 80, 4 and 16 bytes).
        let code = unsafe UPNP_GetSpecificPortMappingEntry(
            control, service, String(external), "UDP", nil, &client, &inside, &text, &enabled, &lease)
        guard code == UPNPCOMMAND_SUCCESS else { return false }
        return String(zeroTerminated: client) != localAddress || String(zeroTerminated: inside) != String(port)
    }

    private static func reason(_ code: Int32) -> String {
        // The text is a constant of the library.
        guard let text = unsafe strupnperror(code) else { return "error \(code)" }
        return unsafe "\(String(cString: text)) (\(code))"
    }
}
