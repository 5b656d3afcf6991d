import Foundation
import TestVectors
import Testing
import VPNNode
import VPNProtocol

@testable import VPNCaptures

/// A folder that goes with the last reference to it.
final class Folder {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "vpncloud-captures-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        return "\(path)/\(name)"
    }
}

/// The packets of a capture, with their times in nanoseconds.
func packets(of path: String) throws -> (link: LinkType, packets: [(bytes: [UInt8], time: UInt64)]) {
    let reader = try CaptureReader(path)
    var all: [(bytes: [UInt8], time: UInt64)] = []
    while reader.next({ packet, wireBytes, time in
        all.append((packet.indices.map { packet[$0] }, time.nanoseconds))
        #expect(wireBytes == packet.count)
    }) {}
    #expect(reader.ending == .complete)
    return (reader.link, all)
}

extension CaptureDecryption {
    /// Decrypts a file.
    static func run(_ path: String, _ rules: OpeningRules, _ outputs: Outputs) throws -> CaptureDecryption {
        let reader = try CaptureReader(path)
        var decryption = try CaptureDecryption(PacketOpener(rules), reader.link, outputs)
        while reader.next({ decryption.take($0, wireBytes: $1, at: $2) }) {}
        try decryption.finish()
        return decryption
    }
}

@Suite("Golden captures, decrypted")
struct GoldenTests {
    @Test("hold the frames and the messages of their descriptions, at their times", arguments: Capture.all)
    func decrypted(capture: Capture) throws {
        let file = try #require(capture.file).path
        let folder = try Folder()
        var outputs = CaptureDecryption.Outputs()
        outputs.outer = "\(folder.path)/outer"
        outputs.inner = "\(folder.path)/inner"
        var rules = OpeningRules()
        rules.password = capture.sharedKey
        let decryption = try CaptureDecryption.run(file, rules, outputs)
        #expect(decryption.counts.isComplete && decryption.counts.opened == UInt64(capture.packets.count))
        #expect(decryption.counts.packets == UInt64(capture.packets.count))
        #expect(decryption.networks.count == 1 && decryption.networks[0].contains("magic \(capture.magic)"))
        #expect(decryption.deviceType?.rawValue == capture.device && decryption.framesOfOtherKind == 0)

        let original = try packets(of: file).packets
        let inner = try packets(of: "\(folder.path)/inner")
        #expect(inner.link == (capture.device == "tun" ? .raw : .ethernet))
        #expect(inner.packets.map(\.bytes.hexadecimal) == capture.packets.compactMap(\.message.frame))
        let times = zip(original, capture.packets).filter { $1.message.frame != nil }.map(\.0.time)
        #expect(inner.packets.map(\.time) == times)

        let outer = try packets(of: "\(folder.path)/outer")
        #expect(outer.link == .ethernet && outer.packets.map(\.time) == original.map(\.time))
        let datagrams = try readCaptureFile(URL(filePath: "\(folder.path)/outer"))
        #expect(datagrams.map(\.source.description) == capture.packets.map(\.from))
        #expect(datagrams.map(\.destination.description) == capture.packets.map(\.to))
        let seal = try capture.seal
        for (datagram, packet) in zip(datagrams, capture.packets) {
            var bytes = try #require([UInt8](hexadecimal: packet.packet))
            var span = bytes.mutableSpan
            let message = try seal.open(&span).message
            let type = String(packet.packet.dropFirst(14).prefix(2))
            #expect(datagram.payload.hexadecimal == "\(capture.magic)000000\(type)" + Array(bytes[message]).hexadecimal)
        }
        for (opened, packet) in zip(outer.packets, original) { #expect(opened.bytes[..<12] == packet.bytes[..<12]) }
    }

    @Test("are files that their owner alone may read")
    func modes() throws {
        let folder = try Folder()
        var outputs = CaptureDecryption.Outputs()
        outputs.outer = "\(folder.path)/outer"
        outputs.inner = "\(folder.path)/inner"
        let capture = try #require(Capture.all.first?.file)
        _ = try CaptureDecryption.run(capture.path, OpeningRules(), outputs)
        for name in ["outer", "inner"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
            #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o077 } == 0)
        }
    }

    @Test("have what is not opened besides, where that is asked for")
    func keepsOther() throws {
        let folder = try Folder()
        let seal = try Sample.seal(.chacha20, .scrypt)
        let good = WirePacket.sealed(seal, .data, WirePacket.innerPacket())
        var bad = good
        bad[40] ^= 1
        let run = [good, bad, good].flatMap { $0 }
        let all = [
            WirePacket.ipv4(WirePacket.udp(good)), WirePacket.ipv4(1, [1, 2, 3]), WirePacket.ipv4(WirePacket.udp(bad)),
            WirePacket.ipv4(WirePacket.udp(run)),
        ]
        let file = try folder.file("in", CaptureBytes(link: 101, all.map { CaptureBytes.Packet($0, at: 1_000) }).bytes)
        var outputs = CaptureDecryption.Outputs()
        outputs.outer = "\(folder.path)/outer"
        for keeps in [false, true] {
            outputs.keepsOther = keeps
            let decryption = try CaptureDecryption.run(file, Sample.rules(), outputs)
            let written = try packets(of: "\(folder.path)/outer").packets.map(\.bytes)
            #expect(decryption.counts.opened == 3 && decryption.counts.refused(.wrongKey) == 2)
            #expect(decryption.packetsWritten == UInt64(written.count) && decryption.counts.runs == 1)
            #expect(written.count == (keeps ? 6 : 3))
            guard keeps else { continue }
            #expect(written[1] == all[1] && written[2] == all[2])
            #expect(Array(written[4].dropFirst(28)) == bad && written[3].count == written[0].count)
        }
    }

    @Test("have the frames of one kind of device, that of the first or the one asked for")
    func kinds() throws {
        let folder = try Folder()
        let seal = PacketSeal(unencrypted: .standard)
        let frames = [WirePacket.innerPacket(), WirePacket.ethernet(WirePacket.innerPacket()), [1, 2, 3]]
        var outputs = CaptureDecryption.Outputs()
        outputs.inner = "\(folder.path)/inner"
        let cases: [([Int], DeviceType?, [Int], LinkType)] = [
            ([0, 1, 2], nil, [0], .raw), ([1, 0, 2], nil, [1], .ethernet), ([0, 1, 2], .tap, [0, 1], .ethernet),
            ([1, 0, 2], .tun, [0], .raw), ([], nil, [], .ethernet), ([], .tun, [], .raw),
        ]
        for (order, type, kept, link) in cases {
            outputs.deviceType = type
            let all = order.map {
                CaptureBytes.Packet(WirePacket.ipv4(WirePacket.udp(WirePacket.sealed(seal, .data, frames[$0]))))
            }
            let file = try folder.file("in", CaptureBytes(link: 101, all).bytes)
            let decryption = try CaptureDecryption.run(file, OpeningRules(), outputs)
            let inner = try packets(of: "\(folder.path)/inner")
            #expect(inner.link == link && inner.packets.map(\.bytes) == kept.map { frames[$0] }, "\(order)")
            #expect(decryption.framesOfOtherKind == UInt64(order.count - kept.count))
        }
    }
}
