import Glibc
import Synchronization

/// Records of bytes on their way from one thread that must not wait to another one that may.
///
/// One thread puts, one thread takes; the records come out whole and in order. They lie in a ring of bytes, each behind its
/// length and without a break: what is left at the end of the ring is skipped where a record does not fit there.
@safe package final class ByteQueue: @unchecked Sendable {
    // Sendable: the bytes from `read` to `written` belong to the thread that takes, all others to the one that puts. Each of
    // the two positions is moved by one thread only, once it is done with the bytes.

    /// The bytes of the ring, a power of two. A record with its length takes up at most half of them.
    package let capacity: Int
    private let memory: UnsafeMutablePointer<UInt8>
    /// Wakes the thread that takes.
    private let signal: Descriptor

    /// All bytes ever written. Moved by the thread that puts, as are the next two.
    private let written = Position()
    /// How far the reader was when it was last looked after.
    private let knownRead = Position()
    /// How far the queue was written when the reader was last woken.
    private let announced = Position()
    /// All bytes ever read. Moved by the thread that takes.
    private let read = Position()
    private let isAsleep = Atomic<Bool>(false)
    private let isFinished = Atomic<Bool>(false)

    /// A count of bytes, far enough from others that two threads do not compete for a line of the processor's caches.
    private struct Position: ~Copyable {
        let value = Atomic<Int>(0)
        /// 128 bytes in all: two lines, since some processors fetch them in pairs.
        private let rest = InlineArray<15, Int>(repeating: 0)
    }

    /// The length before each record, and what all records are a multiple of.
    private static let headerBytes = 8
    /// Instead of a length: the rest of the ring is skipped.
    private static let skip = UInt64.max

    /// An empty queue.
    ///
    /// - Parameter capacity: the bytes of the ring, at least; rounded up to a power of two. Memory is there once it is used.
    package init(capacity: Int) throws(SystemError) {
        precondition(capacity > 0 && capacity <= 1 << 32, "a queue has some room, and not all there is")
        var size = 64
        while size < capacity { size *= 2 }
        signal = try Descriptor.wakeUp()
        guard let zeroes = unsafe calloc(size, 1) else {
            throw SystemError.last("cannot have \(size) bytes for a queue")
        }
        self.capacity = size
        // As long as the capacity, and there as long as this queue.
        unsafe memory = zeroes.bindMemory(to: UInt8.self, capacity: size)
    }

    deinit { unsafe free(memory) }
}

// For the thread that puts.
extension ByteQueue {
    /// Puts a record made of two parts, and never waits. Returns false where it does not fit, and then nothing has changed.
    ///
    /// The reader is not woken by this, see ``wakeReader()``.
    package func put(_ head: Span<UInt8>, _ body: Span<UInt8>) -> Bool {
        let byteCount = head.count + body.count
        let needed = Self.footprint(of: byteCount)
        guard needed <= capacity / 2 else { return false }
        var position = written.value.load(ordering: .relaxed)
        let rest = capacity - offset(of: position)
        let isSkipping = rest < needed
        let end = position + (isSkipping ? rest : 0) + needed
        if end - knownRead.value.load(ordering: .relaxed) > capacity {
            // Acquired, so that what is written from here on does not reach the reader's last record.
            let current = read.value.load(ordering: .acquiring)
            knownRead.value.store(current, ordering: .relaxed)
            guard end - current <= capacity else { return false }
        }
        if isSkipping {
            setLength(Self.skip, at: position)
            position += rest
        }
        setLength(UInt64(byteCount), at: position)
        let start = offset(of: position) + Self.headerBytes
        copy(head, to: start)
        copy(body, to: start + head.count)
        written.value.store(end, ordering: .releasing)
        return true
    }

    /// Wakes the reader, if it sleeps and there is something new for it. Meant for the end of a round; costs next to nothing
    /// where there is nothing new.
    package func wakeReader() {
        let position = written.value.load(ordering: .relaxed)
        guard position != announced.value.load(ordering: .relaxed) else { return }
        announced.value.store(position, ordering: .relaxed)
        wake()
    }

    /// Ends the queue: what is in it can still be taken. May be called again.
    package func finish() {
        isFinished.store(true, ordering: .releasing)
        wake()
    }

    private func wake() {
        // Either the reader sees what was stored before this, or this sees that it sleeps.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard isAsleep.load(ordering: .relaxed), isAsleep.exchange(false, ordering: .relaxed) else { return }
        signal.wake()
    }
}

// For the thread that takes.
extension ByteQueue {
    /// Whether there is nothing to be taken just now.
    package var isEmpty: Bool { written.value.load(ordering: .acquiring) == read.value.load(ordering: .relaxed) }

    /// Waits for the next record and lends it to `body`. Returns false, without a call of `body`, once the queue is finished
    /// and empty.
    package func take(_ body: (Span<UInt8>) -> Void) -> Bool {
        while true {
            // In this order: whoever finishes the queue has put everything before.
            let isLast = isFinished.load(ordering: .acquiring)
            if takeIfThere(body) { return true }
            if isLast { return false }
            sleep()
        }
    }

    private func takeIfThere(_ body: (Span<UInt8>) -> Void) -> Bool {
        let end = written.value.load(ordering: .acquiring)
        var position = read.value.load(ordering: .relaxed)
        guard position != end else { return false }
        if length(at: position) == Self.skip { position += capacity - offset(of: position) }
        let byteCount = Int(length(at: position))
        let start = offset(of: position) + Self.headerBytes
        // The record lies within the ring without a break, and the other thread leaves it alone until it is given back.
        body(unsafe Span(_unsafeStart: memory + start, count: byteCount))
        read.value.store(position + Self.footprint(of: byteCount), ordering: .releasing)
        return true
    }

    private func sleep() {
        isAsleep.store(true, ordering: .relaxed)
        // As in ``wake()``, from the other side.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isEmpty, !isFinished.load(ordering: .acquiring) { _ = signal.waitForInput(milliseconds: -1) }
        isAsleep.store(false, ordering: .relaxed)
        signal.drain()
    }
}

extension ByteQueue {
    /// What a record of so many bytes takes up with its length, rounded up so that a length fits wherever a record may begin.
    private static func footprint(of byteCount: Int) -> Int { headerBytes + (byteCount + 7) & ~7 }

    private func offset(of position: Int) -> Int { position & (capacity - 1) }

    private func setLength(_ length: UInt64, at position: Int) {
        // Positions are multiples of 8, as is the capacity, so that 8 bytes fit behind each.
        unsafe UnsafeMutableRawPointer(memory + offset(of: position)).storeBytes(of: length, as: UInt64.self)
    }

    private func length(at position: Int) -> UInt64 {
        // As above; there is a length at every position where a record begins.
        unsafe UnsafeRawPointer(memory + offset(of: position)).load(as: UInt64.self)
    }

    private func copy(_ bytes: Span<UInt8>, to offset: Int) {
        precondition(offset >= 0 && offset <= capacity - bytes.count)
        // Within the ring, as was checked, and in the part of it that belongs to the thread that puts.
        unsafe bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(memory + offset).copyMemory(from: base, byteCount: bytes.count)
        }
    }
}
