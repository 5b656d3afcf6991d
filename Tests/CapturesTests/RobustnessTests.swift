import TestVectors
import Testing
import VPNNode
import VPNProtocol

@testable import VPNCaptures

/// The generator SplitMix64, so that random arguments are the same in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

extension [UInt8] {
    /// The same with some bytes changed, taken out, or put in.
    fileprivate func mutated(_ numbers: inout SplitMix) -> [UInt8] {
        var bytes = self
        for _ in 0..<Int.random(in: 1...6, using: &numbers) {
            guard !bytes.isEmpty else { return bytes }
            let place = Int.random(in: 0..<bytes.count, using: &numbers)
            switch Int.random(in: 0..<5, using: &numbers) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert([0, 0xff, 0x81].randomElement(using: &numbers) ?? 0, at: place)
            case 2: bytes.removeLast(bytes.count - place)
            default: bytes[place] = UInt8(truncatingIfNeeded: numbers.next() >> 11)
            }
        }
        return bytes
    }
}

@Suite("Whatever the bytes are, the reading of captures comes to an end")
struct RobustnessTests {
    /// Takes packets of a link type as both commands do.
    private struct Reading {
        var opener: CaptureOpener
        let link: LinkType
        var findings = 0

        mutating func take(_ packet: [UInt8], wireBytes: Int) {
            let span = packet.span
            opener.begin(span, wireBytes: wireBytes)
            while let finding = opener.next(in: span) {
                findings += 1
                guard let place = finding.place else { continue }
                precondition(place.payload.upperBound <= packet.count)
                _ = (place.source(in: span), place.destination(in: span))
                var payload = finding.payload
                if case .opened(let opened, let plain) = finding.outcome {
                    payload = plain
                    let message = opener.bytes.span.extracting(opened.message)
                    let decoded = DecodedMessage(opened.type, message)
                    precondition(!decoded.text.isEmpty && !decoded.json.isEmpty)
                    _ = FrameSummary.text(message, of: .tap) + FrameSummary.text(message, of: .tun)
                } else if place.extent != .whole {
                    continue
                }
                var bytes = opener.bytes.mutableSpan
                let whole = place.writeHeaders(of: span, before: payload, in: &bytes)
                precondition(whole.count <= packet.count)
            }
        }
    }

    private static let seeds: [(LinkType, [UInt8])] = {
        let plain = PacketSeal(unencrypted: .standard)
        let initial: [UInt8] = Sample.init_.dropLast() + [2, 4, 10, 0, 1, 0, 24, 6, 2, 0, 0, 0, 0, 1, 48]
        let list: [UInt8] = [1, 192, 0, 2, 1, 12, 138, 0]
        let frames = [
            WirePacket.innerPacket(),
            WirePacket.ethernet(0x86dd, tags: [(0x8100, 1)], WirePacket.ipv6(58, [128, 0, 0, 0, 0, 1, 0, 2])),
        ]
        let messages: [(MessageType, [UInt8])] =
            [(.initial, initial), (.peers, list), (.close, [])] + frames.map { (.data, $0) }
        return messages.flatMap { (type, message) -> [(LinkType, [UInt8])] in
            let udp = WirePacket.udp(WirePacket.sealed(plain, type, message))
            let run = WirePacket.udp(WirePacket.sealed(plain, type, message) + WirePacket.sealed(plain, type, message))
            let extensions: [(UInt8, [UInt8])] = [(0, [0, 0, 1, 4, 0, 0, 0, 0]), (44, [0, 0, 0, 0, 0, 0, 0, 1])]
            return [
                (
                    .ethernet,
                    WirePacket.ethernet(tags: [(0x88a8, 7), (0x8100, 100)], WirePacket.ipv4(optionBytes: 8, run))
                ),
                (.linuxCooked, WirePacket.cooked(0x86dd, WirePacket.ipv6(extensions: extensions, udp))),
                (.linuxCooked2, WirePacket.cooked2(WirePacket.ipv4(udp))), (.raw, WirePacket.ipv4(run)),
                (.null, [2, 0, 0, 0] + WirePacket.ipv4(udp)),
            ]
        }
    }()

    @Test("of packets of random bytes, and of right ones that were changed")
    func packets() throws {
        var numbers = SplitMix(state: 11)
        let packets = try PacketOpener(OpeningRules())
        for link in LinkType.allCases {
            var reading = Reading(opener: CaptureOpener(packets, link), link: link)
            var taken = 0
            for round in 0..<2000 {
                var bytes = numbers.bytes(Int.random(in: 0...120, using: &numbers))
                // So that some are taken for IP.
                if round % 2 == 0, link != .ethernet, let index = bytes.indices.randomElement(using: &numbers) {
                    bytes[index] = 0x45
                }
                reading.take(bytes, wireBytes: bytes.count + Int.random(in: 0...1, using: &numbers) * 50)
                taken += 1
            }
            for (of, seed) in Self.seeds where of == link {
                for _ in 0..<2000 {
                    let bytes = seed.mutated(&numbers)
                    reading.take(bytes, wireBytes: bytes.count + Int.random(in: 0...1, using: &numbers) * 50)
                    taken += 1
                }
            }
            #expect(reading.findings >= taken)
        }
    }

    @Test(
        "of files of random bytes, and of right ones that were changed",
        arguments: [CaptureBytes.Form.microseconds, .swappedNanoseconds, .pcapng])
    func files(form: CaptureBytes.Form) throws {
        var numbers = SplitMix(state: 12)
        let folder = try Folder()
        let packets = try PacketOpener(OpeningRules())
        let whole = CaptureBytes(
            form, Self.seeds.filter { $0.0 == .ethernet }.map { CaptureBytes.Packet($0.1, at: 1_000_000) }
        ).bytes
        var opened = 0
        for round in 0..<400 {
            let bytes = round % 8 == 0 ? whole.prefix(round % 40) + numbers.bytes(300) : whole.mutated(&numbers)
            let path = try folder.file("in", Array(bytes))
            guard let reader = try? CaptureReader(path) else { continue }
            opened += 1
            var reading = Reading(opener: CaptureOpener(packets, reader.link), link: reader.link)
            while reader.next({ packet, wireBytes, _ in
                reading.take(packet.indices.map { packet[$0] }, wireBytes: wireBytes)
            }) {}
            #expect(reader.ending != nil)
        }
        #expect(opened > 100)
    }
}
