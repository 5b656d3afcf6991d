import TestNumbers
import Testing
import VPNNode

@testable import VPNLinuxIO

/// What a joiner makes of frames that lie behind each other.
struct Joining {
    /// The headers and frames that would be written.
    private(set) var written: [(header: OffloadHeader, frame: [UInt8])] = []
    private(set) var counts: [Int] = []
    /// In how many ranges the bytes of each lie.
    private(set) var pieces: [Int] = []

    init(_ frames: [[UInt8]], _ deviceType: DeviceType, joinsTCP: Bool = true, joinsUDP: Bool = true) {
        var joiner = FrameJoiner(deviceType: deviceType, joinsTCP: joinsTCP, joinsUDP: joinsUDP)
        var bytes: [UInt8] = []
        var ranges: [Range<Int>] = []
        for frame in frames {
            bytes += [0xa5, 0xa5, 0xa5]
            ranges.append(bytes.count..<bytes.count + frame.count)
            bytes += frame
        }
        for range in ranges {
            if joiner.isFull { empty(&joiner, &bytes) }
            var span = bytes.mutableSpan
            joiner.append(range, in: &span)
        }
        empty(&joiner, &bytes)
    }

    private mutating func empty(_ joiner: inout FrameJoiner, _ bytes: inout [UInt8]) {
        var span = bytes.mutableSpan
        joiner.finish(&span)
        for group in 0..<joiner.groupCount {
            let frame = (0..<joiner.pieceCount(of: group)).flatMap { bytes[joiner.piece($0, of: group)] }
            written.append((joiner.header(of: group), frame))
            counts.append(joiner.frameCount(of: group))
            pieces.append(joiner.pieceCount(of: group))
        }
        joiner.removeAll()
    }
}

@Suite("Segments of a flow") struct JoinTests {
    @Test("are one range of bytes where nothing that is wanted lies between them", arguments: DeviceType.allCases)
    func pieces(deviceType: DeviceType) {
        let flows = [1, 2].map { number in
            JoinRuleTests.segments(4, isIPv6: false, isUDP: false) {
                $0.source[3] = UInt8(number)
                if deviceType == .tun { $0.link = [] }
            }.map { $0.encoded() }
        }
        let together = Joining(flows[0] + flows[1], deviceType)
        #expect(together.pieces == [1, 1])
        #expect(together.counts == [4, 4])
        // What another flow has between two segments must stay.
        let mixed = zip(flows[0], flows[1]).flatMap { [$0, $1] }
        let apart = Joining(mixed, deviceType)
        #expect(apart.pieces == [4, 4])
        #expect(apart.written.map(\.frame) == together.written.map(\.frame))
        // Segments that follow each other again are put together again.
        let (first, second) = (flows[0], flows[1])
        let partly = Joining([first[0], second[0], first[1], first[2], first[3], second[1]], deviceType)
        #expect(partly.pieces == [2, 2])
    }

    @Test("are joined into the frame that they were cut from", arguments: DeviceType.allCases)
    func roundTrip(deviceType: DeviceType) {
        var numbers = SplitMix(7)
        for _ in 0..<(Machine.isOptimised ? 300 : 30) {
            let count = Int.random(in: 2...60, using: &numbers)
            let segmentBytes = Int.random(in: 1...65_000 / count, using: &numbers)
            let payloadBytes = Int.random(in: segmentBytes * (count - 1) + 1...segmentBytes * count, using: &numbers)
            var packet = PlainPacket.random(
                deviceType, payloadBytes: payloadBytes, hasOptions: false, using: &numbers)
            if !packet.isUDP, .random(using: &numbers) { packet.flags |= 0x08 }
            let frames = packet.segments(of: segmentBytes).map { $0.encoded() }
            let joining = Joining(frames, deviceType)
            #expect(joining.counts == [count])
            #expect(joining.written.first?.frame == packet.encoded(isPartial: true))
            var expected = packet.offload(segmentBytes: segmentBytes)
            expected.headerBytes = UInt16(packet.headerBytes)
            #expect(joining.written.first?.header == expected)
        }
    }
}
