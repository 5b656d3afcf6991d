import CAllocations
import TestNumbers
import Testing
import VPNNode

@testable import VPNLinuxIO

@Suite("Frames and headers that are malformed") struct OffloadRobustnessTests {
    /// Fewer without optimisation, which takes a hundred times as long.
    private static let rounds = Machine.isOptimised ? 100_000 : 3_000

    /// A frame with a header that fits, of which a few bytes are then changed, or one of random bytes.
    private static func malformed(
        _ deviceType: DeviceType, using numbers: inout SplitMix
    ) -> (frame: [UInt8], header: [UInt8]) {
        if numbers.chance(1, in: 4) { return (numbers.bytes(.random(in: 0...120, using: &numbers)), numbers.bytes(10)) }
        let packet = PlainPacket.random(
            deviceType, payloadBytes: .random(in: 0...100, using: &numbers), hasOptions: numbers.chance(1, in: 3),
            using: &numbers)
        var frame = packet.encoded(isPartial: true)
        var header = [UInt8](repeating: 0, count: 10)
        var span = header.mutableSpan
        packet.offload(segmentBytes: .random(in: 0...120, using: &numbers)).write(to: &span, at: 0)
        for _ in 0..<Int.random(in: 0...3, using: &numbers) {
            let index = Int.random(in: 0..<min(frame.count, 90), using: &numbers)
            frame[index] = .random(using: &numbers) ? .random(in: 0...255, using: &numbers) : frame[index] ^ 0x10
        }
        if numbers.chance(1, in: 2) {
            header[.random(in: 0..<10, using: &numbers)] ^= 1 << UInt8.random(in: 0...7, using: &numbers)
        }
        if numbers.chance(1, in: 4) { frame.removeLast(Int.random(in: 0...frame.count, using: &numbers)) }
        return (frame, header)
    }

    @Test("are refused or split within their room, and never trap", arguments: DeviceType.allCases)
    func splitting(deviceType: DeviceType) {
        var numbers = SplitMix(8)
        var bytes = [UInt8](repeating: 0, count: 20_000)
        var (refused, split) = (0, 0)
        for _ in 0..<Self.rounds {
            let (frame, headerBytes) = Self.malformed(deviceType, using: &numbers)
            guard let header = OffloadHeader(headerBytes.span) else {
                refused += 1
                continue
            }
            let spread = spreadBytes(header, frame: frame, gap: 3, deviceType: deviceType)
            for index in frame.indices { bytes[7 + index] = frame[index] }
            bytes[7 + max(frame.count, spread ?? 0)] = 0xa5
            var span = bytes.mutableSpan
            let outcome = FrameSplitter.split(
                &span, frame: 7..<7 + frame.count, header: header, gap: 3, deviceType: deviceType)
            if let outcome, let spread {
                split += 1
                if outcome.range(outcome.count - 1, from: 7, gap: 3).upperBound + 3 > 7 + spread {
                    Issue.record("too long")
                }
                if outcome.count < 1 || outcome.count > SegmentLayout.maximumCount { Issue.record("too many") }
            } else {
                refused += 1
                if outcome != nil { Issue.record("split though it has no length") }
                if Array(bytes[7..<7 + frame.count]) != frame { Issue.record("changed though refused") }
            }
            if bytes[7 + max(frame.count, spread ?? 0)] != 0xa5 { Issue.record("wrote beyond its room") }
        }
        #expect(refused > Self.rounds / 10)
        #expect(split > Self.rounds / 10)
    }

    @Test("are written as they came, and never trap", arguments: DeviceType.allCases)
    func joining(deviceType: DeviceType) {
        var numbers = SplitMix(9)
        var joiner = FrameJoiner(deviceType: deviceType, joinsTCP: true, joinsUDP: true)
        var bytes: [UInt8] = []
        var frames: [[UInt8]] = []
        for _ in 0..<Self.rounds {
            let frame = Self.malformed(deviceType, using: &numbers).frame
            bytes += frame
            var span = bytes.mutableSpan
            joiner.append(span.count - frame.count..<span.count, in: &span)
            frames.append(frame)
            guard joiner.isFull else { continue }
            joiner.finish(&span)
            // Random packets are of different flows.
            let written = (0..<joiner.groupCount).map { Array(bytes[joiner.piece(0, of: $0)]) }
            if written != frames { Issue.record("changed") }
            joiner.removeAll()
            bytes = []
            frames = []
        }
    }

    @Test("a header is read as it was written")
    func headers() {
        for number in stride(from: UInt16(0), through: .max, by: Machine.isOptimised ? 1 : 17) {
            let bytes = [UInt8(truncatingIfNeeded: number), UInt8(number >> 8), 1, 2, 3, 4, 5, 6, 7, 8]
            let header = OffloadHeader(bytes.span)
            let isKnown = [0, 1, 4, 5].contains(bytes[1] & 0x7f)
            if (header != nil) != isKnown { Issue.record("\(bytes)") }
            var written = [UInt8](repeating: 0xa5, count: 12)
            var span = written.mutableSpan
            header?.write(to: &span, at: 1)
            if header != nil, written != [0xa5, bytes[0] & 1] + bytes[1...] + [0xa5] { Issue.record("\(bytes)") }
        }
        #expect(OffloadHeader([UInt8](repeating: 0, count: 9).span) == nil)
    }

    @Test(
        "splitting and joining allocate nothing",
        .enabled(if: Machine.isOptimised, "allocations are counted in optimised builds; run with -c release"))
    func noAllocations() {
        var packet = PlainPacket()
        packet.payload = [UInt8](repeating: 1, count: 50_000)
        let header = packet.offload(segmentBytes: 1000)
        let frame = packet.encoded(isPartial: true)
        var bytes = [UInt8](repeating: 0, count: 100_000)
        var joiner = FrameJoiner(deviceType: .tun, joinsTCP: true, joinsUDP: true)
        var span = bytes.mutableSpan
        var joined = 0
        let before = allocations_of_this_thread()
        for _ in 0..<100 {
            for index in 0..<frame.count { span[index] = frame[index] }
            guard
                let split = FrameSplitter.split(
                    &span, frame: 0..<frame.count, header: header, gap: 16, deviceType: .tun)
            else { break }
            for index in 0..<split.count { joiner.append(split.range(index, from: 0, gap: 16), in: &span) }
            joiner.finish(&span)
            joined += joiner.frameCount(of: 0)
            joiner.removeAll()
        }
        let allocated = allocations_of_this_thread() - before
        #expect(allocated == 0)
        #expect(joined == 5000)
    }
}
