import Dispatch
import Synchronization
import Testing
import VPNNode

@testable import VPNLinuxIO

extension ByteQueue {
    /// Puts a record whose head is its first bytes.
    fileprivate func put(_ bytes: [UInt8], headBytes: Int = 0) -> Bool {
        put(bytes.span.extracting(first: headBytes), bytes.span.extracting(droppingFirst: headBytes))
    }

    /// The next record; nil once the queue is finished and empty.
    fileprivate func next() -> [UInt8]? {
        var record: [UInt8] = []
        let isThere = take { bytes in record = bytes.indices.map { bytes[$0] } }
        return isThere ? record : nil
    }
}

/// A record that tells its number and length, and whether it is whole.
private func record(_ number: Int, of byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: number &* 31 &+ byteCount &+ $0 &* 7) }
}

@Suite("A queue of bytes between two threads")
struct ByteQueueTests {
    @Test("gives records back whole and in order, whatever their length and parts")
    func order() throws {
        let queue = try ByteQueue(capacity: 1 << 16)
        let records = [0, 1, 7, 8, 9, 15, 16, 17, 1400, 0, 3].enumerated().map { record($0, of: $1) }
        for (index, record) in records.enumerated() {
            let isTaken = queue.put(record, headBytes: min(index, record.count))
            #expect(isTaken)
        }
        for record in records { #expect(queue.next() == record) }
        #expect(queue.isEmpty)
    }

    @Test("has a bound: what does not fit is refused, and fits once there is room")
    func bound() throws {
        let queue = try ByteQueue(capacity: 1024)
        #expect(queue.capacity == 1024)
        // With its length, each takes up 64 bytes.
        var accepted = 0
        while queue.put(record(accepted, of: 56)) { accepted += 1 }
        #expect(accepted == 16)
        #expect(queue.next() == record(0, of: 56))
        // No larger one fits where one was taken out, and one of the same size does.
        let larger = queue.put(record(16, of: 57))
        let same = queue.put(record(16, of: 56))
        let another = queue.put(record(17, of: 0))
        #expect(!larger && same && !another)
        for number in 1...16 { #expect(queue.next() == record(number, of: 56)) }
        #expect(queue.isEmpty)
    }

    @Test("never takes a record of more than half of it, and always one of half of it where it is empty")
    func longest() throws {
        let queue = try ByteQueue(capacity: 1000)
        #expect(queue.capacity == 1024)
        for start in stride(from: 0, to: 1024, by: 8) {
            let longer = queue.put(record(start, of: 505))
            let longest = queue.put(record(start, of: 504))
            #expect(!longer && longest, "at \(start)")
            #expect(queue.next() == record(start, of: 504))
            // Lets the next one begin elsewhere.
            let isTaken = queue.put([])
            #expect(isTaken && queue.next() == [])
        }
    }

    @Test("goes round and round with records of all lengths, as a model does")
    func wrapAround() throws {
        let queue = try ByteQueue(capacity: 4096)
        var numbers = Seed(1, 2, 3, 4).numbers(for: "records")
        var model: [[UInt8]] = []
        var (refused, position) = (0, 0)
        for number in 0..<20_000 {
            let record = record(number, of: numbers.next(below: 600))
            if queue.put(record, headBytes: numbers.next(below: record.count + 1)) {
                model.append(record)
            } else {
                refused += 1
                // An empty queue refuses none of these.
                #expect(position < model.count)
            }
            for _ in 0..<numbers.next(below: 3) where position < model.count {
                #expect(queue.next() == model[position])
                position += 1
            }
        }
        while position < model.count {
            #expect(queue.next() == model[position])
            position += 1
        }
        #expect(queue.isEmpty && refused > 100 && model.count > 10_000)
    }

    @Test("ends for the reader once it is finished and empty")
    func finish() throws {
        let queue = try ByteQueue(capacity: 1024)
        let isTaken = queue.put([1, 2, 3])
        #expect(isTaken)
        queue.finish()
        queue.finish()
        #expect(queue.next() == [1, 2, 3])
        #expect(queue.next() == nil)
        #expect(queue.next() == nil)
    }

    @Test("wakes a reader that sleeps, for each record and for the end")
    func wakes() async throws {
        let queue = try ByteQueue(capacity: 1024)
        let (seen, ended) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        try await onThread {
            detach {
                while queue.next() != nil { seen.signal() }
                ended.signal()
            }
            for number in 0..<200 {
                let isTaken = queue.put([UInt8(number)])
                queue.wakeReader()
                #expect(isTaken)
                #expect(seen.wait(timeout: .now() + 5) == .success)
            }
            queue.finish()
            #expect(ended.wait(timeout: .now() + 5) == .success)
        }
    }

    @Test(
        "carries what one thread puts to another one at full speed, whole and in order, or refuses it",
        arguments: [1, 40])
    func twoThreads(recordsARound: Int) async throws {
        let queue = try ByteQueue(capacity: 1 << 14)
        let count = 200_000
        let taken = Mutex<[Int]>([])
        let faults = Atomic<Int>(0)
        let ended = DispatchSemaphore(value: 0)
        let refused = try await onThread {
            detach {
                var numbers: [Int] = []
                while queue.take({ bytes in
                    // Four bytes of a number, and then its lowest byte as often as the number says.
                    let number = (0..<4).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
                    numbers.append(number)
                    let isWhole =
                        bytes.count == 4 + number % 97
                        && (4..<bytes.count).allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: number) }
                    if !isWhole { faults.wrappingAdd(1, ordering: .relaxed) }
                }) {}
                taken.withLock { $0 = numbers }
                ended.signal()
            }
            var refused: Set<Int> = []
            for number in 0..<count {
                let head = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
                let body = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 97)
                if !queue.put(head.span, body.span) { refused.insert(number) }
                if number % recordsARound == 0 { queue.wakeReader() }
            }
            queue.finish()
            #expect(ended.wait(timeout: .now() + 30) == .success)
            return refused
        }
        #expect(faults.load(ordering: .relaxed) == 0)
        #expect(taken.withLock { $0 } == (0..<count).filter { !refused.contains($0) })
    }
}
