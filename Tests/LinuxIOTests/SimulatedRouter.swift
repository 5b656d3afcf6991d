import Glibc
import Synchronization
import VPNProtocol

@testable import VPNLinuxIO

/// A router that speaks just enough of UPnP, with the manners that real ones have, on a port of the loopback device.
final class SimulatedRouter: Sendable {
    struct Manners: Sendable {
        /// Leases end never (error 725).
        var knowsOnlyPermanentLeases = false
        /// It chooses a free port itself (version 2 of the standard).
        var choosesPorts = false
        /// It forwards nothing (error 606).
        var refuses = false
        /// It takes orders and never answers them.
        var hangs = false
    }

    struct Mapping: Hashable, Sendable {
        var client: String
        var port: String
        var lease: String
    }

    private struct State {
        var mappings: [String: Mapping]
        var requests: [String] = []
        var manners: Manners
    }

    private let state: Mutex<State>
    private let listener: Int32
    let port: UInt16

    var mappings: [String: Mapping] { state.withLock { $0.mappings } }
    /// The names of the actions that were asked for.
    var requests: [String] { state.withLock { $0.requests } }
    func change(_ manners: Manners) { state.withLock { $0.manners = manners } }
    func forget() { state.withLock { $0.mappings = [:] } }

    init(_ manners: Manners = Manners(), mappings: [String: Mapping] = [:]) throws {
        state = Mutex(State(mappings: mappings, manners: manners))
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in6()
        var byteCount = unsafe Endpoint(IPAddress(127, 0, 0, 1), port: 0).write(to: &address)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { [listener] pointer in
            // A sockaddr_in6 has room for either kind of address.
            let pointer = unsafe UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            return unsafe bind(listener, pointer, byteCount) == 0 && listen(listener, 16) == 0
                && getsockname(listener, pointer, &byteCount) == 0
        }
        let endpoint = unsafe withUnsafePointer(to: address) { unsafe Endpoint($0, byteCount: byteCount) }
        guard bound, let endpoint else { throw TestFailure("no router") }
        port = endpoint.port
        detach { [weak self, listener] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0, let self else { return }
                serve(connection)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// The router as a node sees it.
    var found: Router? { Router(descriptionURL: "http://127.0.0.1:\(port)/desc.xml") }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        var request = ""
        var buffer = [UInt8](repeating: 0, count: 8192)
        while !Self.isComplete(request) {
            let count = unsafe read(connection, &buffer, buffer.count)
            guard count > 0 else { return }
            request += String(decoding: buffer[..<count], as: UTF8.self)
        }
        guard !state.withLock({ $0.manners.hangs }) else {
            // Until the other side gives up.
            unsafe _ = read(connection, &buffer, buffer.count)
            return
        }
        let (status, body) = request.hasPrefix("GET") ? ("200 OK", description) : answer(to: request)
        let text = Array(
            ("HTTP/1.1 \(status)\r\nContent-Type: text/xml\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Connection: close\r\n\r\n\(body)").utf8)
        unsafe _ = write(connection, text, text.count)
    }

    private static func isComplete(_ request: String) -> Bool {
        guard let end = request.range(of: "\r\n\r\n") else { return false }
        let head = request[..<end.lowerBound].lowercased()
        guard let length = head.split(separator: "\r\n").first(where: { $0.hasPrefix("content-length:") }) else {
            return true
        }
        let count = Int(length.dropFirst("content-length:".count).filter(\.isNumber)) ?? 0
        return request[end.upperBound...].utf8.count >= count
    }

    private func answer(to request: String) -> (String, String) {
        func argument(_ name: String) -> String {
            guard let start = request.range(of: "<\(name)>"), let end = request.range(of: "</\(name)>") else {
                return ""
            }
            return String(request[start.upperBound..<end.lowerBound])
        }
        let actions = [
            "GetExternalIPAddress", "GetSpecificPortMappingEntry", "AddPortMapping", "AddAnyPortMapping",
            "DeletePortMapping",
        ]
        guard let action = actions.first(where: { request.contains("#\($0)\"") }) else { return Self.fault(401) }
        return state.withLock { state in
            state.requests.append(action)
            let external = argument("NewExternalPort")
            let wanted = Mapping(
                client: argument("NewInternalClient"), port: argument("NewInternalPort"),
                lease: argument("NewLeaseDuration"))
            switch action {
            case "GetExternalIPAddress":
                return Self.success(action, "<NewExternalIPAddress>203.0.113.7</NewExternalIPAddress>")
            case "GetSpecificPortMappingEntry":
                guard let entry = state.mappings[external] else { return Self.fault(714) }
                return Self.success(
                    action,
                    "<NewInternalPort>\(entry.port)</NewInternalPort><NewInternalClient>\(entry.client)</NewInternalClient>"
                        + "<NewEnabled>1</NewEnabled><NewPortMappingDescription>x</NewPortMappingDescription>"
                        + "<NewLeaseDuration>\(entry.lease)</NewLeaseDuration>")
            case "AddPortMapping":
                if state.manners.refuses { return Self.fault(606) }
                if state.manners.knowsOnlyPermanentLeases, wanted.lease != "0" { return Self.fault(725) }
                if let entry = state.mappings[external], entry.client != wanted.client { return Self.fault(718) }
                state.mappings[external] = wanted
                return Self.success(action, "")
            case "AddAnyPortMapping":
                guard state.manners.choosesPorts else { return Self.fault(401) }
                state.mappings["40000"] = wanted
                return Self.success(action, "<NewReservedPort>40000</NewReservedPort>")
            default:
                return state.mappings.removeValue(forKey: external) == nil ? Self.fault(714) : Self.success(action, "")
            }
        }
    }

    private static let service = "urn:schemas-upnp-org:service:WANIPConnection:1"

    private static func success(_ action: String, _ arguments: String) -> (String, String) {
        ("200 OK", envelope("<u:\(action)Response xmlns:u=\"\(service)\">\(arguments)</u:\(action)Response>"))
    }

    private static func fault(_ code: Int) -> (String, String) {
        (
            "500 Internal Server Error",
            envelope(
                "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError>"
                    + "<errorCode>\(code)</errorCode></UPnPError></detail></s:Fault>")
        )
    }

    private static func envelope(_ body: String) -> String {
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\(body)</s:Body>"
            + "</s:Envelope>"
    }

    private var description: String {
        """
        <?xml version="1.0"?>
        <root xmlns="urn:schemas-upnp-org:device-1-0"><URLBase>http://127.0.0.1:\(port)</URLBase><device>
        <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><deviceList><device>
        <deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
        <deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
        <serviceType>\(Self.service)</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
        <controlURL>/control</controlURL><eventSubURL>/event</eventSubURL><SCPDURL>/service.xml</SCPDURL>
        </service></serviceList></device></deviceList></device></deviceList></device></root>
        """
    }
}

extension String {
    /// Where a text stands in this one first.
    fileprivate func range(of text: String) -> Range<Index>? {
        let (bytes, wanted) = (Array(utf8), Array(text.utf8))
        guard wanted.count <= bytes.count else { return nil }
        for start in 0...bytes.count - wanted.count where bytes[start..<start + wanted.count].elementsEqual(wanted) {
            let first = utf8.index(startIndex, offsetBy: start)
            return first..<utf8.index(first, offsetBy: wanted.count)
        }
        return nil
    }
}
