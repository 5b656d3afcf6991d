import Foundation
import VPNCaptures
import VPNProtocol

/// A capture of sealed datagrams over Ethernet and IPv4, which is decrypted as 'vpncloud pcap decrypt' does it, with both
/// outputs. What is written goes nowhere: how fast a disk is would be another question.
final class CaptureBench {
    private static let count = 2000
    private static let headerBytes = 42
    private static let password = "a password for benchmarks"

    private let method: CryptoMethod
    private let path: String
    private let opener: PacketOpener
    private let outputs: CaptureDecryption.Outputs

    init(_ method: CryptoMethod) throws {
        self.method = method
        path = FileManager.default.temporaryDirectory.appending(path: "vpncloud-bench-\(getpid())-\(method).pcap").path
        var rules = OpeningRules()
        rules.password = Self.password
        rules.dialects = [.v1]
        opener = try PacketOpener(rules)
        var outputs = CaptureDecryption.Outputs()
        outputs.outer = "/dev/null"
        outputs.inner = "/dev/null"
        self.outputs = outputs
        try write()
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var measurement: Measurement {
        Measurement("pcap decrypt, \(method)", reference: SodiumReference.name(method), count: Self.count) { [self] in
            do {
                try decrypt()
            } catch {
                fatalError("what was written must be read: \(error)")
            }
        }
    }

    private func decrypt() throws {
        let reader = try CaptureReader(path)
        var decryption = try CaptureDecryption(opener, reader.link, outputs)
        while reader.next({ decryption.take($0, wireBytes: $1, at: $2) }) {}
        try decryption.finish()
        precondition(decryption.framesWritten == UInt64(Self.count), "every packet must be opened")
    }

    private func write() throws {
        let key = try KeyDerivation.pbkdf2.key(from: Self.password)
        let seal = try PacketSeal(magic: .standard, method: method, key: key)
        let payload = seal.headBytes + SodiumReference.messageBytes + seal.tailBytes
        var packet = header(payloadBytes: payload) + [UInt8](repeating: 0, count: payload)
        let file = try CaptureFile(emptying: path, .ethernet)
        let start = Self.headerBytes + seal.headBytes
        let message = start..<start + SodiumReference.messageBytes
        for number in 0..<Self.count {
            packet.replaceSubrange(message.lowerBound..<message.lowerBound + 20, with: innerHeader)
            var span = packet.mutableSpan
            seal.seal(&span, message: message, type: .data, nonce: Nonce(bits: UInt128(number)))
            try file.append(packet.span, nanoseconds: UInt64(number) * 1000)
        }
        try file.close()
    }

    /// The header of an IPv4 packet as long as the message, with its checksum.
    private var innerHeader: [UInt8] {
        let length = SodiumReference.messageBytes
        var bytes: [UInt8] = [0x45, 0, UInt8(length >> 8), UInt8(length & 0xff), 0, 0, 0x40, 0, 64, 17, 0, 0]
        bytes += [10, 0, 0, 1, 10, 0, 0, 2]
        var sum = stride(from: 0, to: 20, by: 2).reduce(0) { $0 + Int(bytes[$1]) << 8 + Int(bytes[$1 + 1]) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        bytes[10] = UInt8(~sum >> 8 & 0xff)
        bytes[11] = UInt8(~sum & 0xff)
        return bytes
    }

    /// Ethernet, IPv4 and UDP, without checksums, which nobody looks at.
    private func header(payloadBytes: Int) -> [UInt8] {
        let (total, udp) = (28 + payloadBytes, 8 + payloadBytes)
        return [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]
            + [
                0x45, 0, UInt8(total >> 8), UInt8(total & 0xff), 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2,
                2,
            ]
            + [12, 138, 12, 138, UInt8(udp >> 8), UInt8(udp & 0xff), 0, 0]
    }
}
