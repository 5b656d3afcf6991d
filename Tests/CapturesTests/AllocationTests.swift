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

    @Test(
        "is not allocated for any datagram that was captured by itself",
        .enabled(if: AllocationTests.isOptimised, "only optimised code allocates nothing"))
    func none() throws {
        let folder = try Folder()
        let seal = try Sample.seal(.chacha20, .pbkdf2)
        let packets = (0..<500).map { number in
            let message = WirePacket.innerPacket(byteCount: 100 + number)
            let payload = WirePacket.sealed(seal, .data, message, nonce: UInt128(number))
            return CaptureBytes.Packet(
                number % 7 == 0
                    ? WirePacket.ethernet(0x0806, [UInt8](repeating: 0, count: 46))
                    : WirePacket.ethernet(
                        WirePacket.ipv4(WirePacket.udp(payload))))
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
            // The first ones open files and learn the network.
            if read == 20 { before = allocations_of_this_thread() }
        }
        let after = allocations_of_this_thread()
        #expect(read == 500 && decryption.counts.isComplete)
        #expect(after - before == 0)
        try decryption.finish()
    }
}
