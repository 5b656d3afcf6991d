import TestVectors
import Testing
import VPNNode

@testable import VPNCaptures

@Suite("A capture")
struct ReaderTests {
    private static let times: [UInt64] = [0, 1_600_000_000_123_456_789, 4_294_967_295_999_999_999]

    @Test("is read in every format", arguments: CaptureBytes.Form.allCases)
    func formats(form: CaptureBytes.Form) throws {
        let folder = try Folder()
        let packets = Self.times.enumerated().map { number, time in
            CaptureBytes.Packet([UInt8](repeating: UInt8(number), count: 20 + number), at: time)
        }
        let reader = try CaptureReader(try folder.file("in", CaptureBytes(form, packets).bytes))
        #expect(reader.link == .ethernet)
        let isNano = form == .nanoseconds || form == .swappedNanoseconds
        for packet in packets {
            let isRead = reader.next { bytes, wireBytes, time in
                #expect(bytes.indices.map { bytes[$0] } == packet.bytes && wireBytes == packet.wireBytes)
                #expect(time.nanoseconds == (isNano ? packet.time : packet.time / 1000 * 1000))
            }
            #expect(isRead)
        }
        let isRead = reader.next { _, _, _ in }
        #expect(!isRead && reader.ending == .complete)
        #expect(reader.position == reader.byteCount)
    }

    @Test("with several interfaces of one link type is read whole")
    func interfaces() throws {
        let folder = try Folder()
        var file = CaptureBytes(.pcapng, links: [(113, 262_144), (113, 262_144)])
        file.append(CaptureBytes.Packet([1], interface: 1))
        file.append(CaptureBytes.Packet([2], interface: 0))
        #expect(try packets(of: folder.file("in", file.bytes)).packets.map(\.bytes) == [[1], [2]])
    }

    @Test(
        "that is cut anywhere behind its header gives the packets before, and says so",
        arguments: [CaptureBytes.Form.microseconds, .pcapng])
    func cut(form: CaptureBytes.Form) throws {
        let folder = try Folder()
        let packet = CaptureBytes.Packet([UInt8](repeating: 3, count: 60))
        let whole = CaptureBytes(form, [packet, packet]).bytes
        let one = CaptureBytes(form, [packet]).bytes.count
        for count in [one + 1, one + 15, one + 17, whole.count - 1] {
            let reader = try CaptureReader(try folder.file("in", Array(whole.prefix(count))))
            var read = 0
            while reader.next({ _, _, _ in read += 1 }) {}
            #expect(read == 1 && reader.ending == .cutShort, "\(count)")
        }
    }

    @Test("that is damaged within gives the packets before, and says so")
    func damaged() throws {
        let folder = try Folder()
        var bytes = CaptureBytes([CaptureBytes.Packet([1, 2, 3])]).bytes
        bytes += [UInt8](repeating: 0xee, count: 100)
        let reader = try CaptureReader(try folder.file("in", bytes))
        var read = 0
        while reader.next({ _, _, _ in read += 1 }) {}
        guard case .damaged? = reader.ending else {
            Issue.record("\(String(describing: reader.ending))")
            return
        }
        #expect(read == 1)
    }
}
