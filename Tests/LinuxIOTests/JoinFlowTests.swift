import TestNumbers
import Testing
import VPNNode

@testable import VPNLinuxIO

/// A sender whose packets meet with all that happens to packets.
private struct Sender {
    let number: UInt8
    var packet: PlainPacket
    var segmentBytes: Int
    var lastFrame: [UInt8] = []

    init(_ number: Int, tags: Int?, using numbers: inout SplitMix) {
        self.number = UInt8(number)
        packet = .random(.tun, payloadBytes: 0, hasOptions: false, using: &numbers)
        packet.source[packet.source.count - 1] = self.number
        if let tags { packet.link = PlainPacket.link(tags: tags, isIPv6: packet.isIPv6) }
        segmentBytes = .random(in: 1...1400, using: &numbers)
    }

    /// The next frame; nil where it is lost.
    mutating func next(_ trouble: Int, using numbers: inout SplitMix) -> [UInt8]? {
        packet.payload = numbers.bytes(segmentBytes)
        var sent = packet
        var damagesFrame = false
        var padding: [UInt8] = []
        switch trouble {
        case 0:
            advance(sent)
            return nil
        case 1: return lastFrame.isEmpty ? nil : lastFrame
        case 2: sent.flags |= 0x08
        case 3: sent.flags ^= 1 << UInt8.random(in: 0...7, using: &numbers)
        case 4:
            packet.transportOptions = packet.isUDP ? [] : numbers.bytes(4 * Int.random(in: 0...4, using: &numbers))
            sent.transportOptions = packet.transportOptions
        case 5:
            segmentBytes = .random(in: 1...1400, using: &numbers)
            sent.payload = numbers.bytes(segmentBytes)
        case 6: sent.payload.removeLast(Int.random(in: 0..<segmentBytes, using: &numbers))
        case 7: damagesFrame = true
        case 8: sent.payload = []
        case 9: packet.acknowledgement &+= 1
        case 10: packet.window &+= 1
        case 11: sent.hopLimit ^= 3
        case 12: sent.identification &+= 5
        case 13: padding = [0, 0, 0]
        case 14: sent.fragment |= packet.isIPv6 ? 0 : 0x2000
        case 15: sent.networkOptions = packet.isIPv6 ? [] : [1, 1, 1, 1]
        case 16: packet.fragment ^= packet.isIPv6 ? 0 : 0x4000
        case 17: sent.sequence &-= 1
        default: break
        }
        advance(sent)
        var frame = sent.encoded() + padding
        if damagesFrame {
            frame[.random(in: frame.count - sent.payload.count..<frame.count, using: &numbers)] ^= 0x40
        }
        lastFrame = frame
        return frame
    }

    private mutating func advance(_ sent: PlainPacket) {
        packet.sequence &+= UInt32(sent.payload.count)
        // Some machines count packets, others do not where fragments are forbidden.
        if number % 3 != 0 || packet.fragment == 0 { packet.identification &+= 1 }
    }
}

@Suite("Flows that are mixed") struct JoinFlowTests {
    /// The frames of one sender, as they went in and came out.
    private struct Passage {
        var sent: [[UInt8]] = []
        var received = 0

        /// Whether a group is the next frames.
        mutating func takes(_ header: OffloadHeader, _ frame: [UInt8], count: Int, linkBytes: Int) -> Bool {
            guard received + count <= sent.count else { return false }
            let expected = Array(sent[received..<received + count])
            received += count
            if count == 1 { return header == OffloadHeader() && frame == expected[0] }
            let packet = PlainPacket(reading: frame, linkBytes: linkBytes)
            var offload = packet.offload(segmentBytes: Int(header.segmentBytes))
            offload.headerBytes = UInt16(packet.headerBytes)
            guard header == offload, packet.encoded(isPartial: true) == frame else { return false }
            return [UInt16(1), 0].contains { step in
                packet.segments(of: Int(header.segmentBytes), identificationStep: step).map { $0.encoded() } == expected
            }
        }
    }

    @Test("come out each with its frames in order, none lost, doubled or changed", arguments: 0..<24)
    func order(seed: Int) {
        var numbers = SplitMix(UInt64(100 + seed))
        let tags = seed % 4 == 0 ? nil : seed % 4 - 1
        let flows = [1, 2, 5, 16, 20, 40][seed % 6]
        var senders = (0..<flows).map { Sender($0, tags: tags, using: &numbers) }
        var passages = [Passage](repeating: Passage(), count: flows)
        let joinsUDP = seed % 5 != 0
        var frames: [[UInt8]] = []
        while frames.count < 600 {
            let index = Int.random(in: 0..<flows, using: &numbers)
            for _ in 0..<Int.random(in: 1...30, using: &numbers) {
                let trouble = numbers.chance(1, in: 6) ? Int.random(in: 0...17, using: &numbers) : 18
                guard let frame = senders[index].next(trouble, using: &numbers) else { continue }
                frames.append(frame)
                // Now and then the network swaps two.
                if numbers.chance(1, in: 40), frames.count > 1 { frames.swapAt(frames.count - 1, frames.count - 2) }
            }
        }
        let linkBytes = tags.map { 14 + 4 * $0 } ?? 0
        let sender: ([UInt8]) -> Int = { Int($0[linkBytes + ($0[linkBytes] >> 4 == 6 ? 23 : 15)]) }
        for frame in frames { passages[sender(frame)].sent.append(frame) }
        let joining = Joining(frames, tags == nil ? .tun : .tap, joinsUDP: joinsUDP)
        for (written, count) in zip(joining.written, joining.counts) {
            let isRight = passages[sender(written.frame)].takes(
                written.header, written.frame, count: count, linkBytes: linkBytes)
            #expect(isRight)
        }
        for passage in passages { #expect(passage.received == passage.sent.count) }
        // The test is worth nothing where nothing is joined.
        if joinsUDP { #expect(joining.counts.count { $0 > 1 } > 10) }
    }
}
