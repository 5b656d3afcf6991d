import VPNProtocol

/// What ties the blocks of a recording to each other: the checksum of each is made under that of the one before, so that no
/// block can be changed, left out, or moved without notice.
struct BlockChain {
    /// The checksum of the last block; of the start, before there is one.
    private(set) var last: UInt64

    /// Nothing but the start was written.
    init() { last = RecordingFormat.start.reduce(0) { $0 << 8 | UInt64($1) } }

    /// The check of a block's length: whoever reads knows whether to believe it before the block is there as a whole.
    func check(ofLength length: UInt32) -> UInt32 {
        var hash = SipHash128(key: last, 1)
        hash.append(length)
        return UInt32(truncatingIfNeeded: hash.digest >> 96)
    }

    /// The checksum of a block.
    func checksum(length: UInt32, _ records: Span<UInt8>) -> UInt64 {
        var hash = SipHash128(key: last, 2)
        hash.append(length)
        hash.append(records)
        return UInt64(truncatingIfNeeded: hash.digest >> 64)
    }

    /// Goes on with the checksum of the next block.
    mutating func advance(to checksum: UInt64) { last = checksum }
}

extension SipHash128 {
    /// Takes in the four bytes of a number, the highest first.
    fileprivate mutating func append(_ number: UInt32) {
        for shift in [24, 16, 8, 0] as [UInt32] { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}

/// Makes blocks of records.
package struct BlockWriter {
    /// What is to be written next: once ``close()`` was called a whole block, and before the first one the start.
    package private(set) var bytes = RecordingFormat.start
    private var head = RecordingFormat.start.count
    private var chain = BlockChain()
    /// The chain before the block at hand.
    private var before = BlockChain()

    /// Nothing is written yet.
    package init() { begin() }

    /// The bytes of records in the block at hand.
    package var recordBytes: Int { bytes.count - head - RecordingFormat.blockHeadBytes }

    /// How long ``bytes`` will be once the block is closed.
    package var closedBytes: Int { bytes.count + RecordingFormat.blockTailBytes }

    /// How long a block is that holds nothing but the end.
    package static let endBytes = RecordingFormat.blockHeadBytes + 2 + RecordingFormat.blockTailBytes

    /// Adds records to the block at hand. All of it stays within what a block may hold.
    package mutating func append(_ records: Span<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: records.count))
        var target = bytes.mutableSpan
        target.copy(records, to: start)
    }

    /// Adds the end.
    package mutating func append(_ end: RecordingEnd) {
        bytes += [RecordingFormat.Kind.end.rawValue, end.rawValue]
    }

    /// Completes the block at hand.
    package mutating func close() {
        precondition(recordBytes <= RecordingFormat.maximumBlockBytes, "a block is not longer than its reader takes")
        let length = UInt32(recordBytes)
        let first = head + RecordingFormat.blockHeadBytes
        let checksum = chain.checksum(length: length, bytes.span.extracting(first..<bytes.count))
        let check = chain.check(ofLength: length)
        chain.advance(to: checksum)
        let (start, end) = (head, bytes.count)
        bytes.append(contentsOf: repeatElement(0, count: RecordingFormat.blockTailBytes))
        var target = bytes.mutableSpan
        target.setBig(length, at: start)
        target.setBig(check, at: start + 4)
        target.setBig(checksum, at: end)
    }

    /// Goes on with the next block, once the last one was closed and is written.
    package mutating func next() {
        bytes.removeAll(keepingCapacity: true)
        head = 0
        begin()
    }

    /// Forgets the block at hand, closed or not, as if it had never been.
    package mutating func discard() {
        chain = before
        bytes.removeLast(recordBytes)
    }

    private mutating func begin() {
        before = chain
        bytes.append(contentsOf: repeatElement(0, count: RecordingFormat.blockHeadBytes))
    }
}

/// Takes blocks apart again, from bytes that come piece by piece.
struct BlockReader {
    private var pending: [UInt8] = []
    /// How many of the pending bytes are done with.
    private var done = 0
    private var hasStart = false
    private var chain = BlockChain()
    /// Where the block begins that comes next, counted from the start of the recording.
    private(set) var position = 0

    /// Whether there are bytes that make no whole block yet.
    var hasRest: Bool { done < pending.count }

    /// Whether all of the start was there.
    var isStarted: Bool { hasStart }

    mutating func append(_ bytes: some Collection<UInt8>) {
        if done > 0 {
            pending.removeFirst(done)
            done = 0
        }
        pending.append(contentsOf: bytes)
    }

    /// The records of the next block; nil where more bytes are needed.
    mutating func next() throws(RecordingError) -> [UInt8]? {
        guard try takeStart() else { return nil }
        let available = pending.count - done
        guard available >= RecordingFormat.blockHeadBytes else { return nil }
        let head = pending.span.big(UInt64.self, at: done)
        let length = UInt32(head >> 32)
        guard length <= RecordingFormat.maximumBlockBytes,
            UInt32(truncatingIfNeeded: head) == chain.check(ofLength: length)
        else { throw .damaged(position: position) }
        let byteCount = RecordingFormat.blockHeadBytes + Int(length) + RecordingFormat.blockTailBytes
        guard available >= byteCount else { return nil }
        let first = done + RecordingFormat.blockHeadBytes
        let end = first + Int(length)
        let checksum = chain.checksum(length: length, pending.span.extracting(first..<end))
        guard pending.span.big(UInt64.self, at: end) == checksum else { throw .damaged(position: position) }
        chain.advance(to: checksum)
        done += byteCount
        position += byteCount
        return Array(pending[first..<end])
    }

    /// Whether the start was there as a whole.
    private mutating func takeStart() throws(RecordingError) -> Bool {
        guard !hasStart else { return true }
        let start = RecordingFormat.start
        let magic = RecordingFormat.magic
        guard pending.prefix(magic.count).elementsEqual(magic.prefix(pending.count)) else { throw .notARecording }
        guard pending.count >= start.count else { return false }
        guard pending[magic.count] == RecordingFormat.version else { throw .unknownVersion(pending[magic.count]) }
        hasStart = true
        done = start.count
        position = start.count
        return true
    }
}
