import Testing
import VPNProtocol

@testable import VPNNode

@Suite("A batch of outputs")
struct OutputBatchTests {
    /// Stages a frame of so many equal bytes for receivers by number.
    private func stage(_ count: Int, _ byte: UInt8 = 7, to receivers: [Int], in batch: inout OutputBatch) {
        let bytes = [UInt8](repeating: byte, count: count)
        let frame = batch.stageFrame(copying: bytes.span)
        let mark = batch.destinationMark
        for receiver in receivers { batch.appendDestination(endpoint(receiver)) }
        batch.transmit(frame, toDestinationsSince: mark)
    }

    private func stageClose(to receivers: [Int], in batch: inout OutputBatch) {
        let mark = batch.destinationMark
        for receiver in receivers { batch.appendDestination(endpoint(receiver)) }
        batch.transmit(.close, byteCount: 0, toDestinationsSince: mark) { _ in }
    }

    /// The plaintext lengths of each transmit's segments.
    private func shape(_ batch: borrowing OutputBatch, overhead: Int) -> [[Int]] {
        batch.transmits.map { transmit in transmit.segments.map { $0.count - overhead } }
    }

    /// Every packet of the batch, opened, with its receivers.
    private func packets(
        _ batch: borrowing OutputBatch, _ seal: PacketSeal
    ) throws -> [(text: [UInt8], nonce: Nonce?, receivers: [Endpoint])] {
        var result: [(text: [UInt8], nonce: Nonce?, receivers: [Endpoint])] = []
        for transmit in batch.transmits {
            for segment in transmit.segments {
                let bytes = segment.map { batch.bytes[$0] }
                let opened = try #require(open(bytes, seal: seal))
                #expect(opened.type == transmit.type)
                result.append((opened.message, opened.nonce, Array(batch.destinations[transmit.destinations])))
            }
        }
        return result
    }

    @Test(
        "joins frames of one size to one receiver into a run, which a shorter one ends", arguments: [encrypted, plain])
    func runs(seal: PacketSeal) throws {
        var batch = OutputBatch(for: seal, capacity: 100_000)
        for count in [100, 100, 100, 40, 40, 50] { stage(count, to: [1], in: &batch) }
        #expect(shape(batch, overhead: seal.headBytes + seal.tailBytes) == [[100, 100, 100, 40], [40], [50]])
        #expect(batch.destinations == [endpoint(1), endpoint(1), endpoint(1)])
        var nonce = Nonce(bits: 10)
        batch.seal(with: seal, nonce: &nonce)
        let packets = try packets(batch, seal)
        #expect(packets.map(\.text.count) == [100, 100, 100, 40, 40, 50])
        #expect(packets.allSatisfy { $0.receivers == [endpoint(1)] })
        if seal.method != .none {
            #expect(packets.map(\.nonce) == (11...16).map { Nonce(bits: $0) })
            #expect(nonce == Nonce(bits: 16))
        } else {
            #expect(nonce == Nonce(bits: 10))
        }
    }

    @Test("joins nothing across other receivers, several receivers or a control message")
    func breaks() {
        var batch = OutputBatch(for: encrypted, capacity: 100_000)
        stage(100, to: [1], in: &batch)
        stage(100, to: [2], in: &batch)
        stage(100, to: [1], in: &batch)
        stage(100, to: [1, 2], in: &batch)
        stage(100, to: [1, 2], in: &batch)
        stage(100, to: [2], in: &batch)
        stageClose(to: [2], in: &batch)
        stage(100, to: [2], in: &batch)
        #expect(shape(batch, overhead: 36) == [[100], [100], [100], [100], [100], [100], [0], [100]])
        #expect(
            batch.transmits.map { batch.destinations[$0.destinations].map { $0 == endpoint(1) ? 1 : 2 } }
                == [[1], [2], [1], [1, 2], [1, 2], [2], [2], [2]])
    }

    @Test(
        "has runs of at most 64 packets and 65507 bytes",
        arguments: [(1, 150, [64, 64, 22]), (1400, 100, [45, 45, 10])])
    func runBounds(count: Int, frames: Int, expected: [Int]) {
        var batch = OutputBatch(for: encrypted, capacity: 1000)
        for _ in 0..<frames { stage(count, to: [1], in: &batch) }
        #expect(batch.transmits.map { Array($0.segments).count } == expected)
        #expect(batch.transmits.allSatisfy { $0.range.count <= 65_507 })
    }

    @Test("is sealed once: what is sealed changes no more and takes no further frames")
    func sealedOnce() throws {
        var batch = OutputBatch(for: encrypted, capacity: 10_000)
        var nonce = Nonce(bits: 0)
        stage(100, 1, to: [1], in: &batch)
        batch.seal(with: encrypted, nonce: &nonce)
        let first = (0..<136).map { batch.bytes[$0] }
        batch.seal(with: encrypted, nonce: &nonce)
        #expect(nonce == Nonce(bits: 1))
        stage(100, 2, to: [1], in: &batch)
        batch.seal(with: encrypted, nonce: &nonce)
        #expect((0..<136).map { batch.bytes[$0] } == first)
        let packets = try packets(batch, encrypted)
        #expect(packets.map(\.text.first) == [1, 2])
        #expect(packets.map(\.nonce) == [Nonce(bits: 1), Nonce(bits: 2)])
        #expect(batch.transmits.count == 2)
    }

    @Test("seals a message to several receivers once")
    func broadcast() throws {
        var batch = OutputBatch(for: encrypted, capacity: 10_000)
        var nonce = Nonce(bits: 0)
        stage(100, to: [1, 2, 3], in: &batch)
        batch.seal(with: encrypted, nonce: &nonce)
        #expect(nonce == Nonce(bits: 1))
        let packets = try packets(batch, encrypted)
        #expect(packets.count == 1)
        #expect(packets.first?.receivers == [endpoint(1), endpoint(2), endpoint(3)])
    }

    @Test("has no transmit without a receiver, and reuses the room of a frame that goes nowhere")
    func noReceiver() {
        var batch = OutputBatch(for: encrypted, capacity: 10_000)
        stage(100, to: [], in: &batch)
        stageClose(to: [], in: &batch)
        #expect(batch.transmits.isEmpty)
        let again = batch.stageFrame(copying: [1, 2, 3].span)
        #expect(again.range == 20..<23)
    }

    @Test("gives a reader the room between head and tail, and takes what it read")
    func stagingInPlace() throws {
        var batch = OutputBatch(for: encrypted, capacity: 136)
        #expect(batch.roomForFrame == 100)
        var rooms: [Int] = []
        let nothing = batch.stageFrame { target in
            rooms.append(target.count)
            return nil
        }
        let empty = batch.stageFrame { _ in 0 }
        #expect(nothing == nil && empty == nil)
        let staged = batch.stageFrame { target in
            for index in 0..<100 { target[index] = UInt8(index) }
            return 100
        }
        let frame = try #require(staged)
        #expect(rooms == [100])
        #expect(frame.range == 20..<120)
        let mark = batch.destinationMark
        batch.appendDestination(endpoint(1))
        batch.transmit(frame, toDestinationsSince: mark)
        #expect(batch.roomForFrame == 0)
        let full = batch.stageFrame { _ in 1 }
        #expect(full == nil)
        var nonce = Nonce(bits: 0)
        batch.seal(with: encrypted, nonce: &nonce)
        #expect(try packets(batch, encrypted).map(\.text) == [(0..<100).map { UInt8($0) }])
    }

    @Test("without room has none, and grows for what must go out", arguments: [0, 1, 35, 36])
    func noRoom(capacity: Int) throws {
        var batch = OutputBatch(for: encrypted, capacity: capacity)
        #expect(batch.roomForFrame == 0)
        let staged = batch.stageFrame { _ in 1 }
        #expect(staged == nil)
        stageClose(to: [1], in: &batch)
        stage(5000, 9, to: [1], in: &batch)
        var nonce = Nonce(bits: 0)
        batch.seal(with: encrypted, nonce: &nonce)
        #expect(try packets(batch, encrypted).map(\.text.count) == [0, 5000])
    }

    @Test("is empty after a reset, and keeps its memory")
    func reset() {
        var batch = OutputBatch(for: encrypted, capacity: 100)
        stage(5000, to: [1], in: &batch)
        batch.append(.portMappingLost)
        batch.requestResolution(of: peerName(endpoint(1)))
        batch.requestPortMapping(.unmap(port: 1))
        let grown = batch.bytes.count
        #expect(grown >= 5036)
        batch.reset()
        #expect(batch.transmits.isEmpty && batch.destinations.isEmpty && batch.events.isEmpty)
        #expect(batch.names.isEmpty && batch.portMappings.isEmpty)
        #expect(batch.bytes.count == grown)
        #expect(batch.roomForFrame == grown - 36)
        stage(5000, to: [1], in: &batch)
        #expect(batch.bytes.count == grown)
    }
}
