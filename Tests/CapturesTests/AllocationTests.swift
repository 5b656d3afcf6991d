import CAllocations
import TestVectors
import Testing
import VPNNode
import VPNProtocol

@testable import VPNCaptures

@Suite("Memory of decryption")
struct AllocationTests {
    /// Whether the program is optimised. Without optimisation the standard library's generic code allocates by itself.
    static var isOptimised: Bool {
        var assertionsRun = false
        assert({ assertionsRun = true }() == ())
        return !assertionsRun
    }

    /// What a capture is full of.
    enum Content: String, CaseIterable, CustomTestStringConvertible {
        case datagrams
        case otherTraffic = "other traffic"
        case datagramsOfAnotherKey = "datagrams of another key"
        /// Longer than one datagram can be on a usual network.
        case longRuns = "long runs of datagrams"
        /// Of which it shows only in vain attempts to open them that they are no single datagram.
        case shortRuns = "short runs of datagrams"

        var testDescription: String { rawValue }

        /// How many keys are tried in vain for a packet: the password means one of two.
        var vainAttempts: UInt64 { self == .datagramsOfAnotherKey || self == .shortRuns ? 2 : 0 }

        func payload(_ number: Int, _ seal: PacketSeal, _ other: PacketSeal) -> [UInt8]? {
            func datagram(_ seal: PacketSeal, _ byteCount: Int, _ index: Int = 0) -> [UInt8] {
                let message = WirePacket.innerPacket(byteCount: byteCount)
                return WirePacket.sealed(seal, .data, message, nonce: UInt128(8 * number + index))
            }
            return switch self {
            case .datagrams: datagram(seal, 100 + number)
            case .otherTraffic: nil
            case .datagramsOfAnotherKey: datagram(other, 100 + number)
            case .longRuns: (0..<5).flatMap { datagram(seal, 900, $0) }
            case .shortRuns: (0..<3).flatMap { datagram(seal, 100 + number / 4, $0) }
            }
        }
    }

    @inline(never)
    private static func fail() throws(OpenError) { throw .unauthentic }

    /// What the testing library allocates for an error that is thrown, since it keeps where that was. A program does not.
    private static func allocationsForError() -> UInt64 {
        let before = allocations_of_this_thread()
        do throws(OpenError) { try fail() } catch {}
        return allocations_of_this_thread() - before
    }

    @Test(
        "is not allocated for any packet, whatever it holds",
        .enabled(if: AllocationTests.isOptimised, "only optimised code allocates nothing"),
        arguments: Content.allCases)
    func none(content: Content) throws {
        let folder = try Folder()
        let seal = try Sample.seal(.chacha20, .pbkdf2)
        let strangers = try PacketSeal(
            magic: .standard, method: .chacha20, key: try KeyDerivation.pbkdf2.key(from: "another"),
            provider: .libsodium)
        let packets = (0..<500).map { number in
            // A frame of the protocol comes first, so that the files are open and the network is known.
            let payload = number < 20 ? Content.datagrams.payload(number, seal, strangers) : nil
            guard let payload = payload ?? content.payload(number, seal, strangers) else {
                return CaptureBytes.Packet(WirePacket.ethernet(0x0806, [UInt8](repeating: 0, count: 46)))
            }
            return CaptureBytes.Packet(WirePacket.ethernet(0x0800, WirePacket.ipv4(WirePacket.udp(payload))))
        }
        let path = try folder.file("in", CaptureBytes(packets).bytes)
        var outputs = CaptureDecryption.Outputs()
        outputs.outer = "\(folder.path)/outer"
        outputs.inner = "\(folder.path)/inner"
        let reader = try CaptureReader(path)
        var decryption = try CaptureDecryption(PacketOpener(Sample.rules()), reader.link, outputs)
        var before: UInt64 = 0
        var read = 0
        while reader.next({ decryption.take($0, wireBytes: $1, at: $2) }) {
            read += 1
            // libpcap makes room for a longer packet once.
            if read == 25 { before = allocations_of_this_thread() }
        }
        let after = allocations_of_this_thread()
        #expect(read == 500 && decryption.failure == nil)
        #expect(after - before == 475 * content.vainAttempts * Self.allocationsForError())
        let counts = decryption.counts
        switch content {
        case .datagrams: #expect(counts.opened == 500)
        case .otherTraffic: #expect(counts.refused(.notIP) == 480)
        case .datagramsOfAnotherKey: #expect(counts.refused(.wrongKey) == 480)
        case .longRuns: #expect(counts.opened == 20 + 480 * 5 && counts.runs == 480)
        case .shortRuns: #expect(counts.opened == 20 + 480 * 3 && counts.runs == 480)
        }
        try decryption.finish()
    }
}
