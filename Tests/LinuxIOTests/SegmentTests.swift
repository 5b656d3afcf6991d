import TestNumbers
import Testing
import VPNNode

@testable import VPNLinuxIO

/// A frame in the middle of memory, split there.
private struct Splitting {
    let frames: [[UInt8]]
    let split: OutputBatch.FrameLayout?
    let spreadBytes: Int?
    /// Whether all bytes outside are as they were.
    let isConfined: Bool

    init(
        _ frame: [UInt8], _ header: OffloadHeader, gap: Int, _ deviceType: DeviceType, start: Int = 37, room: Int? = nil
    ) {
        let spread = LinuxIOTests.spreadBytes(header, frame: frame, gap: gap, deviceType: deviceType)
        let end = start + max(frame.count, room ?? spread ?? 0)
        var bytes = [UInt8](repeating: 0xa5, count: end + 64)
        bytes.replaceSubrange(start..<start + frame.count, with: frame)
        var span = bytes.mutableSpan
        var reachable = span._mutatingExtracting(first: room == nil ? end + 64 : end)
        let split = FrameSplitter.split(
            &reachable, frame: start..<start + frame.count, header: header, gap: gap, deviceType: deviceType)
        self.split = split
        spreadBytes = spread
        frames =
            split.map { split in (0..<split.count).map { Array(bytes[split.range($0, from: start, gap: gap)]) } } ?? []
        isConfined = bytes[..<start].allSatisfy { $0 == 0xa5 } && bytes[end...].allSatisfy { $0 == 0xa5 }
    }
}

@Suite("Frames of many segments") struct SegmentTests {
    @Test("are cut into what a plain segmentation gives", arguments: DeviceType.allCases, [false, true])
    func segments(deviceType: DeviceType, hasOptions: Bool) {
        var numbers = SplitMix(hasOptions ? 3 : 4)
        for round in 0..<(Machine.isOptimised ? 400 : 40) {
            let segmentBytes = Int.random(in: 1...(round % 2 == 0 ? 9000 : 100), using: &numbers)
            let most = min(65_000, segmentBytes * (round % 4 == 1 ? 1366 : 70))
            var packet = PlainPacket.random(
                deviceType, payloadBytes: .random(in: 0...most, using: &numbers), hasOptions: hasOptions,
                using: &numbers)
            if !packet.isUDP { packet.flags = .random(in: 0...255, using: &numbers) }
            var header = packet.offload(segmentBytes: segmentBytes)
            // What the kernel says of the length of the headers means nothing.
            header.headerBytes = .random(in: 0...(.max), using: &numbers)
            let gap = Int.random(in: 0...64, using: &numbers)
            let expected = packet.segments(of: segmentBytes).map { $0.encoded() }
            let outcome = Splitting(packet.encoded(isPartial: true), header, gap: gap, deviceType)
            #expect(outcome.frames == expected)
            #expect(outcome.spreadBytes == expected.reduce(0) { $0 + $1.count + gap })
            #expect(outcome.isConfined)
        }
    }

    @Test("without segmentation get the checksum that they need", arguments: DeviceType.allCases)
    func checksumOnly(deviceType: DeviceType) {
        var numbers = SplitMix(5)
        for _ in 0..<500 {
            let packet = PlainPacket.random(
                deviceType, payloadBytes: .random(in: 0...1500, using: &numbers), hasOptions: true, using: &numbers)
            var header = packet.offload(segmentBytes: 1)
            header.segmentation = .none
            header.segmentBytes = 0
            let outcome = Splitting(packet.encoded(isPartial: true), header, gap: 16, deviceType)
            #expect(outcome.frames == [packet.encoded()])
        }
    }

    @Test("that need nothing are as they were")
    func untouched() {
        var numbers = SplitMix(6)
        for count in [1, 20, 1400] {
            let frame = numbers.bytes(count)
            let outcome = Splitting(frame, OffloadHeader(), gap: 16, .tap)
            #expect(outcome.frames == [frame])
            #expect(outcome.spreadBytes == count + 16)
        }
        #expect(Splitting([], OffloadHeader(), gap: 16, .tap).split == nil)
    }

    @Test("need all the room that was told, or nothing is changed")
    func room() {
        var packet = PlainPacket()
        packet.payload = [UInt8](repeating: 7, count: 5000)
        let frame = packet.encoded(isPartial: true)
        let header = packet.offload(segmentBytes: 1000)
        let spread = 5 * (40 + 1000 + 16)
        #expect(Splitting(frame, header, gap: 16, .tun, room: spread).frames.count == 5)
        #expect(Splitting(frame, header, gap: 16, .tun, room: spread - 1).split == nil)
    }
}
