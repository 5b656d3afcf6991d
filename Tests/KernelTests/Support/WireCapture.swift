import Foundation

/// What tcpdump saw come in on a device.
final class WireCapture {
    private let path: String
    private let process: Child

    /// Begins to capture the datagrams of nodes that come in, whole.
    init(on host: Host, device: String = "eth0", port: Int = 3210) async throws {
        let lab = host.namespace.lab
        path = "\(lab.directory)/\(host.namespace.name).pcap"
        // Not as another user, who could not write into the lab's folder. The buffer is in KiB.
        let command = [
            "tcpdump", "-Z", "root", "-n", "-i", device, "-Q", "in", "-s", "0", "-B", "65536", "-w", path,
            "udp port \(port)",
        ]
        let process = try lab.start(host.namespace.inside(command), name: "tcpdump")
        self.process = process
        try await waitUntil("tcpdump listens") { process.output.contains("listening on") }
    }

    /// Ends the capture, and returns the Ethernet frames in it.
    func finish() async throws -> [ArraySlice<UInt8>] {
        process.signal(SIGINT)
        try await process.wait()
        let file = try require(FileManager.default.contents(atPath: path), path)
        defer { removeFile(path) }
        let bytes = Array(file)
        // Magic of a file with microseconds, as this machine writes it; the header has 24 bytes.
        try claim(bytes.count >= 24 && bytes[..<4].elementsEqual([0xd4, 0xc3, 0xb2, 0xa1]), "no capture")
        var frames: [ArraySlice<UInt8>] = []
        var offset = 24
        while offset + 16 <= bytes.count {
            let length = (0..<4).reduce(0) { $0 | Int(bytes[offset + 8 + $1]) << (8 * $1) }
            offset += 16
            guard offset + length <= bytes.count else { break }
            frames.append(bytes[offset..<offset + length])
            offset += length
        }
        return frames
    }
}

/// What was found in the datagrams of an unencrypted network.
struct WireFindings {
    /// Packets with TCP, and with UDP, that are right.
    private(set) var tcp = 0
    private(set) var udp = 0
    /// The longest inner packet.
    private(set) var longest = 0
    /// What is wrong, the first of it in words.
    private(set) var faults = 0
    private(set) var firstFault: String?

    /// Looks at the inner packets of captured frames.
    init(_ frames: [ArraySlice<UInt8>], device: NodeOptions.Device) {
        for frame in frames { read(frame, device) }
    }

    private mutating func fault(_ words: String) {
        faults += 1
        firstFault = firstFault ?? words
    }

    /// Reads the payload of a frame with IPv4 and UDP. Where no device has cut it, there are several datagrams in it.
    private mutating func read(_ frame: ArraySlice<UInt8>, _ device: NodeOptions.Device) {
        let start = frame.startIndex
        guard frame.count > 42, frame.big(start + 12) == 0x0800, frame[start + 23] == 17 else { return }
        var rest = frame[(start + 42)...].prefix(frame.big(start + 38) - 8)
        let headerBytes = device == .tap ? 22 : 8
        // The type is 0 for what a device sent; others are the node's own.
        while rest.count > headerBytes + 20, rest[rest.startIndex + 7] == 0 {
            let packet = rest[(rest.startIndex + headerBytes)...]
            let type = device == .tap ? frame.big(packet.startIndex - 2) : 0
            guard device == .tun || type == 0x0800 || type == 0x86dd else { return }
            let isIPv6 = packet[packet.startIndex] >> 4 == 6
            let length = isIPv6 ? 40 + packet.big(packet.startIndex + 4) : packet.big(packet.startIndex + 2)
            guard length <= packet.count else { return fault("a packet of \(length) bytes in \(packet.count)") }
            check(packet.prefix(length), isIPv6: isIPv6)
            rest = packet.dropFirst(length)
        }
    }

    private mutating func check(_ packet: ArraySlice<UInt8>, isIPv6: Bool) {
        let start = packet.startIndex
        longest = max(longest, packet.count)
        let headerBytes = isIPv6 ? 40 : Int(packet[start] & 15) * 4
        if !isIPv6, packet.prefix(headerBytes).sum() != 0xffff { fault("the checksum of an IPv4 header") }
        let number = packet[start + (isIPv6 ? 6 : 9)]
        // A fragment has the checksum of the whole.
        guard number == 6 || number == 17, isIPv6 || packet.big(start + 6) & 0x3fff == 0 else { return }
        let addresses = isIPv6 ? packet[(start + 8)..<(start + 40)] : packet[(start + 12)..<(start + 20)]
        let payload = packet.dropFirst(headerBytes)
        let sum = addresses.sum() + Int(number) + payload.count + payload.sum()
        let folded = (sum & 0xffff) + sum >> 16
        guard (folded & 0xffff) + folded >> 16 == 0xffff else {
            return fault("the checksum of protocol \(number) in \(packet.count) bytes")
        }
        if number == 6 { tcp += 1 } else { udp += 1 }
    }
}

extension ArraySlice<UInt8> {
    /// The number of 16 bits at an index.
    fileprivate func big(_ index: Int) -> Int { Int(self[index]) << 8 | Int(self[index + 1]) }

    /// The one's complement sum of 16-bit numbers, which is 0xffff over what contains its checksum (RFC 1071).
    fileprivate func sum() -> Int {
        // The bytes are only read within the closure.
        var sum = unsafe withUnsafeBufferPointer { bytes in
            var sum = 0
            for index in Swift.stride(from: 0, to: bytes.count - 1, by: 2) {
                unsafe sum += Int(bytes[index]) << 8 | Int(bytes[index + 1])
            }
            return unsafe bytes.count & 1 == 1 ? sum + Int(bytes[bytes.count - 1]) << 8 : sum
        }
        while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
        return sum
    }
}
