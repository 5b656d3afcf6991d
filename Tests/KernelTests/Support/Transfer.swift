import CNamespaces
import Glibc
import TestNumbers

/// A UDP or TCP socket in a namespace that does not wait.
final class InternetSocket {
    let descriptor: Int32

    /// Binds a socket; `isListening` makes it one that others connect to.
    init(_ namespace: Namespace, isStream: Bool, address: String, port: UInt16 = 0, isListening: Bool = false) throws {
        // The strings live for the call.
        descriptor = unsafe bound_socket_in_namespace(namespace.path, isStream ? 1 : 0, address, port)
        guard descriptor >= 0 else {
            throw LabError("no socket at \(address) in \(namespace.name): \(errorText(-descriptor))")
        }
        if isListening, listen(descriptor, 1) != 0 { throw LabError("cannot listen: \(errorText(errno))") }
    }

    private init(taking descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func connect(to address: String, port: UInt16) throws {
        // The string lives for the call.
        let status = unsafe socket_connect(descriptor, address, port)
        guard status == 0 else { throw LabError("no connection to \(address): \(errorText(-status))") }
    }

    /// The connection that waits, or nil where none does.
    func accepted() -> InternetSocket? {
        let number = socket_accept(descriptor)
        return number < 0 ? nil : InternetSocket(taking: number)
    }

    /// Makes the kernel cut what is sent into datagrams of this many bytes (UDP_SEGMENT).
    func cutInto(_ bytes: Int32) throws {
        var bytes = bytes
        // 103 is UDP_SEGMENT (linux/udp.h); the value is a local.
        guard unsafe setsockopt(descriptor, Int32(IPPROTO_UDP), 103, &bytes, socklen_t(MemoryLayout<Int32>.size)) == 0
        else { throw LabError("the kernel cuts no datagrams: \(errorText(errno))") }
    }

    /// Sends bytes; returns how many were taken, 0 where none can be now.
    func send(_ bytes: ArraySlice<UInt8>) throws -> Int {
        // The slice lives for the call.
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0) }
        if count >= 0 { return count }
        guard errno == EAGAIN || errno == ENOTCONN else { throw LabError("sending failed: \(errorText(errno))") }
        return 0
    }

    /// Receives into a buffer; nil where nothing waits.
    func receive(into buffer: inout [UInt8]) throws -> Int? {
        // The kernel writes no more than the buffer has.
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count >= 0 { return count }
        guard errno == EAGAIN else { throw LabError("receiving failed: \(errorText(errno))") }
        return nil
    }
}

/// Waits until one of the sockets can be used, or a moment is over.
func waitForAny(of sockets: [InternetSocket], toSend: Bool) {
    var entries = sockets.map {
        pollfd(fd: $0.descriptor, events: Int16(toSend ? POLLIN | POLLOUT : POLLIN), revents: 0)
    }
    // The entries are a local that outlives the call.
    _ = unsafe poll(&entries, nfds_t(entries.count), 50)
}

/// How long a transfer may stand still.
private let patience: Duration = .seconds(10)

/// Sends so many bytes through a TCP connection, and claims that they arrive as they were sent.
func transferStream(from sender: Host, to receiver: Host, address: String, ownAddress: String, count: Int) throws {
    let port: UInt16 = 5001
    let listener = try InternetSocket(
        receiver.namespace, isStream: true, address: address, port: port, isListening: true)
    let source = try InternetSocket(sender.namespace, isStream: true, address: ownAddress)
    try source.connect(to: address, port: port)
    // A length that no power of two divides: what comes at a wrong place differs.
    let block = SplitMix.bytes(1_048_573, seed: UInt64(sender.number))
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    var target: InternetSocket?
    var (sent, received) = (0, 0)
    var lastProgress = ContinuousClock.now
    while received < count {
        target = target ?? listener.accepted()
        let place = sent % block.count
        let taken =
            sent < count ? try source.send(block[place..<min(block.count, place + 1 << 18, place + count - sent)]) : 0
        sent += taken
        let got = try target?.receive(into: &buffer) ?? nil
        if got == 0 { throw LabError("the connection ended after \(received) bytes") }
        if let got {
            let isRight = equals(buffer[..<got], block, at: received % block.count)
            try claim(isRight, "bytes after \(received) to \(address) are not those that were sent")
            received += got
        }
        if taken > 0 || got != nil {
            lastProgress = .now
        } else {
            try claim(.now - lastProgress < patience, "\(received) of \(count) bytes came to \(address)")
            waitForAny(of: [source, target ?? listener], toSend: sent < count)
        }
    }
}

/// Whether bytes are those of a block that repeats, from a place in it on.
private func equals(_ bytes: ArraySlice<UInt8>, _ block: [UInt8], at place: Int) -> Bool {
    var rest = bytes
    var place = place
    while !rest.isEmpty {
        let part = rest.prefix(block.count - place)
        guard part.elementsEqual(block[place..<place + part.count]) else { return false }
        rest = rest.dropFirst(part.count)
        place = 0
    }
    return true
}

/// Sends datagrams of many sizes, single ones and such that the kernel cuts, and claims that all arrive unchanged.
func transferDatagrams(from sender: Host, to receiver: Host, address: String, ownAddress: String) throws {
    let port: UInt16 = 5002
    let target = try InternetSocket(receiver.namespace, isStream: false, address: address, port: port)
    let source = try InternetSocket(sender.namespace, isStream: false, address: ownAddress)
    try source.connect(to: address, port: port)
    let bytes = SplitMix.bytes(64 << 10, seed: 7)
    // Odd and even, single bytes, as long as fits both families, and one that is sent in fragments.
    let sizes = [1, 2, 3, 47, 48, 511, 512, 513, 1199, 1200, 1351, 1352, 5001]
    let singles = (0..<sizes.count * 4).map { number in
        bytes[number * 37..<number * 37 + sizes[number % sizes.count]]
    }
    try exchange(singles, over: source, to: target, asOne: nil)
    for size in [1, 63, 511, 1199, 1352] {
        try source.cutInto(Int32(size))
        for count in [2, 3, 44] {
            // The last is shorter by one, or as long.
            let whole = bytes[size..<size + max(size + 1, size * count - (count & 1))]
            try exchange(whole.cut(into: size), over: source, to: target, asOne: whole)
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func cut(into size: Int) -> [ArraySlice<UInt8>] {
        stride(from: startIndex, to: endIndex, by: size).map { self[$0..<Swift.min($0 + size, endIndex)] }
    }
}

/// Sends datagrams, one by one or as one piece that the kernel cuts into them, and waits until all have arrived. Their
/// order may have changed on the way, and nothing else.
private func exchange(
    _ datagrams: [ArraySlice<UInt8>], over source: InternetSocket, to target: InternetSocket,
    asOne whole: ArraySlice<UInt8>?
) throws {
    for datagram in whole.map({ [$0] }) ?? datagrams {
        let sent = try source.send(datagram)
        try claim(sent == datagram.count, "\(sent) of \(datagram.count) bytes were sent")
    }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var received: [[UInt8]] = []
    let start = ContinuousClock.now
    while received.count < datagrams.count {
        if let count = try target.receive(into: &buffer) {
            received.append(Array(buffer[..<count]))
        } else {
            try claim(
                .now - start < patience,
                "\(received.count) of \(datagrams.count) datagrams of \(datagrams[0].count) came")
            waitForAny(of: [target], toSend: false)
        }
    }
    let isSame = sorted(received) == sorted(datagrams.map { Array($0) })
    try claim(isSame, "datagrams of \(datagrams[0].count) bytes arrived changed")
}

private func sorted(_ datagrams: [[UInt8]]) -> [[UInt8]] { datagrams.sorted { $0.lexicographicallyPrecedes($1) } }
