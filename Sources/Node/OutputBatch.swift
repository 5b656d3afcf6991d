public import VPNProtocol

/// Where frames from the device stand in a batch: one, or a run of one length that goes the same way, as it is cut from
/// what the kernel hands over in one piece.
public struct StagedFrames: Hashable, Sendable {
    /// From the first byte of the first frame to the end of the last, counted from the start of the batch's arena. Between
    /// two frames is the ``OutputBatch/gapBytes`` that header, nonce and tag take.
    public let range: Range<Int>
    /// The length of each frame; the last of a run may be shorter.
    public let frameBytes: Int
    /// How many frames there are.
    public let count: Int

    /// The first frame.
    public var first: Range<Int> { range.lowerBound..<min(range.lowerBound + frameBytes, range.upperBound) }

    /// The bytes of all frames, without what is between them.
    func byteCount(gapBytes: Int) -> Int { range.count - (count - 1) * gapBytes }
}

/// One message to one or more destinations, or a run of messages of one size to a single destination.
public struct Transmit: Hashable, Sendable {
    /// The packets in the batch's arena, one behind the other.
    public fileprivate(set) var range: Range<Int>
    /// The length of each packet; the last of a run may be shorter.
    public let segmentBytes: Int
    /// What the messages are.
    public let type: MessageType
    /// The receivers in the batch's list of destinations. Each gets the same bytes.
    public let destinations: Range<Int>

    fileprivate var end: Int {
        get { range.upperBound }
        set { range = range.lowerBound..<newValue }
    }

    /// The packets, each a range of the batch's arena.
    public var segments: Segments { Segments(rest: range, segmentBytes: segmentBytes) }

    /// The packets of a transmit one after another. A type of its own, since a lazy map allocates its closure.
    public struct Segments: Sequence, IteratorProtocol {
        var rest: Range<Int>
        let segmentBytes: Int

        /// The next packet.
        public mutating func next() -> Range<Int>? {
            guard !rest.isEmpty else { return nil }
            let end = Swift.min(rest.lowerBound + segmentBytes, rest.upperBound)
            defer { rest = end..<rest.upperBound }
            return rest.lowerBound..<end
        }
    }
}

/// A wish to the router in front of this node.
public enum PortMappingRequest: Hashable, Sendable {
    /// Forward this UDP port for so long.
    case map(port: UInt16, lease: Duration)
    /// Forward it no more.
    case unmap(port: UInt16)
}

/// What comes out of a node: packets, wishes and events, in the order in which they arose.
///
/// Messages lie in one arena with room for header, nonce and tag around each, and are sealed in place
/// by ``NodeEngine/seal(_:)`` as the last step. A batch is used again and again and then allocates nothing.
public struct OutputBatch: ~Copyable {
    /// The packets to send.
    public private(set) var transmits: [Transmit] = []
    /// The receivers that transmits refer to.
    public private(set) var destinations: [Endpoint] = []
    /// What happened.
    public private(set) var events: [Event] = []
    /// Names to be resolved, answered by ``NodeEngine/resolved(_:to:at:into:)``.
    public private(set) var names: [PeerName] = []
    /// Wishes to the router, answered by ``NodeEngine/portMapped(to:lease:at:into:)`` or
    /// ``NodeEngine/portMappingFailed(at:into:)``.
    public private(set) var portMappings: [PortMappingRequest] = []

    private var arena: [UInt8]
    private var used = 0
    /// How many of the transmits are sealed.
    private var sealed = 0
    private let headBytes: Int
    private let tailBytes: Int
    private var run = OpenRun()

    /// The longest run of segments: what `UDP_SEGMENT` takes at once (Linux, UDP_MAX_SEGMENTS).
    static let maximumSegments = 64
    /// The most bytes of a run: what fits one UDP datagram over IPv4 (65507).
    static let maximumRunBytes = 65_507

    /// An empty batch for packets of one seal.
    ///
    /// - Parameter capacity: the bytes of the arena to begin with. It grows where control messages need more.
    public init(for seal: PacketSeal, capacity: Int) {
        headBytes = seal.headBytes
        tailBytes = seal.tailBytes
        arena = [UInt8](repeating: 0, count: capacity)
    }

    /// Forgets everything, and keeps the memory.
    public mutating func reset() {
        transmits.removeAll(keepingCapacity: true)
        destinations.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        portMappings.removeAll(keepingCapacity: true)
        used = 0
        sealed = 0
        run.limit = 0
    }

    /// The bytes of all packets. Sealed ones are what goes out, others are plaintext with room around it.
    public var bytes: Span<UInt8> {
        @_lifetime(borrow self) get { arena.span }
    }

    /// The longest frame that still fits the arena.
    public var roomForFrame: Int { max(0, arena.count - used - headBytes - tailBytes) }

    /// What stands between two frames of a run: the tag of one, and header and nonce of the next.
    public var gapBytes: Int { headBytes + tailBytes }

    /// Lets `read` write a frame into the arena, and returns where it is.
    ///
    /// - Parameter read: gets ``roomForFrame`` bytes and returns how many of them it has written; nil or 0 for none.
    public mutating func stageFrame(_ read: (inout MutableSpan<UInt8>) -> Int?) -> StagedFrames? {
        let start = used + headBytes
        let room = roomForFrame
        guard room > 0 else { return nil }
        var whole = arena.mutableSpan
        var target = whole._mutatingExtracting(start..<start + room)
        guard let count = read(&target), count > 0 else { return nil }
        precondition(count <= room, "a frame is no longer than the room it was given")
        return StagedFrames(range: start..<start + count, frameBytes: count, count: 1)
    }

    /// How a run of frames stands in the room for it: one each `frameBytes` and ``OutputBatch/gapBytes``.
    public struct FrameLayout: Hashable, Sendable {
        /// The length of each but the last.
        public let frameBytes: Int
        /// The length of the last.
        public let lastBytes: Int
        /// How many frames there are.
        public let count: Int

        /// - Parameters:
        ///   - frameBytes: the length of each frame but the last.
        ///   - count: how many there are, at least 1.
        ///   - lastBytes: the length of the last one, 1 to `frameBytes`.
        public init(frameBytes: Int, count: Int, lastBytes: Int) {
            precondition(count > 0 && lastBytes > 0 && lastBytes <= frameBytes, "a run has frames, the last no longer")
            // One frame is as long as it is: it is no shorter end of a run.
            self.frameBytes = count == 1 ? lastBytes : frameBytes
            self.count = count
            self.lastBytes = lastBytes
        }
    }

    /// Lets `read` write frames into the arena, and returns where they are.
    ///
    /// - Parameter read: gets ``roomForFrame`` bytes and returns what of them it has written; nil for nothing.
    public mutating func stageFrames(_ read: (inout MutableSpan<UInt8>) -> FrameLayout?) -> StagedFrames? {
        let start = used + headBytes
        let room = roomForFrame
        guard room > 0 else { return nil }
        var whole = arena.mutableSpan
        var target = whole._mutatingExtracting(start..<start + room)
        guard let layout = read(&target) else { return nil }
        let length = (layout.count - 1) * (layout.frameBytes + gapBytes) + layout.lastBytes
        precondition(length <= room, "frames are no longer than the room they were given")
        return StagedFrames(range: start..<start + length, frameBytes: layout.frameBytes, count: layout.count)
    }

    /// Copies frames into the arena, which grows where it must.
    ///
    /// - Parameters:
    ///   - frames: one behind the other, without what stands between them in the arena.
    ///   - frameBytes: the length of each but the last; 0 for one without a byte.
    package mutating func stageFrames(copying frames: Span<UInt8>, frameBytes: Int) -> StagedFrames {
        guard frames.count > frameBytes else { return stageFrame(copying: frames) }
        precondition(frameBytes > 0, "frames of a run have a length")
        let (count, gap) = ((frames.count + frameBytes - 1) / frameBytes, gapBytes)
        let room = reserve(byteCount: frames.count + (count - 1) * gap)
        var whole = arena.mutableSpan
        for index in 0..<count {
            let start = index * frameBytes
            let frame = frames.extracting(start..<min(start + frameBytes, frames.count))
            whole.copy(frame, to: room.lowerBound + index * (frameBytes + gap))
        }
        return StagedFrames(range: room, frameBytes: frameBytes, count: count)
    }

    /// Copies a frame into the arena, which grows where it must.
    public mutating func stageFrame(copying frame: Span<UInt8>) -> StagedFrames {
        let message = reserve(byteCount: frame.count)
        for index in 0..<frame.count { arena[message.lowerBound + index] = frame[index] }
        return StagedFrames(range: message, frameBytes: frame.count, count: 1)
    }
}

extension OutputBatch {
    /// The transmits that are not sealed yet.
    var unsealed: ArraySlice<Transmit> { transmits[sealed...] }

    /// Where the message of a packet stands.
    package func message(of packet: Range<Int>) -> Range<Int> {
        packet.lowerBound + headBytes..<packet.upperBound - tailBytes
    }

    /// Room for a message at the end of the arena, not yet taken.
    private mutating func reserve(byteCount: Int) -> Range<Int> {
        let start = used + headBytes
        let missing = start + byteCount + tailBytes - arena.count
        if missing > 0 { arena.append(contentsOf: repeatElement(0, count: max(missing, arena.count))) }
        return start..<start + byteCount
    }

    mutating func append(_ event: Event) { events.append(event) }
    mutating func requestResolution(of name: PeerName) { names.append(name) }
    mutating func requestPortMapping(_ request: PortMappingRequest) { portMappings.append(request) }

    /// Begins the list of receivers of the next transmit.
    var destinationMark: Int { destinations.count }
    mutating func appendDestination(_ endpoint: Endpoint) { destinations.append(endpoint) }

    /// Stages a control message for the receivers appended since `mark`.
    mutating func transmit(
        _ type: MessageType, byteCount: Int, toDestinationsSince mark: Int,
        encode: (inout ByteWriter) -> Void
    ) {
        guard destinations.count > mark else { return }
        let message = reserve(byteCount: byteCount)
        if byteCount > 0 {
            var whole = arena.mutableSpan
            var writer = ByteWriter(whole._mutatingExtracting(message))
            encode(&writer)
            precondition(writer.count == byteCount, "a message must be as long as its byteCount says")
        }
        let packet = message.lowerBound - headBytes..<message.upperBound + tailBytes
        transmits.append(
            Transmit(range: packet, segmentBytes: packet.count, type: type, destinations: mark..<destinations.count))
        used = packet.upperBound
        run.limit = 0
    }

    /// Sends staged frames to the receivers appended since `mark`, in as few transmits as the bounds of one allow.
    mutating func transmit(_ frames: StagedFrames, toDestinationsSince mark: Int) {
        switch destinations.count - mark {
        case ...0: return
        case 1: transmit(frames, to: destinations.removeLast())
        default:
            startRuns(takePackets(frames), of: frames.frameBytes + gapBytes, to: mark..<destinations.count)
            run.limit = 0
        }
    }

    /// Sends staged frames to one receiver, as a part of the last transmit as far as they continue it: with the same
    /// single receiver, of the same length or one that is shorter, and no shorter one before them.
    @inline(__always)
    mutating func transmit(_ frames: StagedFrames, to endpoint: Endpoint) {
        let segmentBytes = frames.frameBytes + gapBytes
        var packets = takePackets(frames)
        let isWhole = frames.count == 1 || packets.count == frames.count * segmentBytes
        if packets.lowerBound < run.limit, run.destination.isSame(as: endpoint),
            segmentBytes == run.segmentBytes || segmentBytes < run.segmentBytes && frames.count == 1
        {
            let end = min(packets.upperBound, run.limit)
            transmits[transmits.count - 1].end = end
            if end == packets.upperBound {
                if !isWhole || segmentBytes < run.segmentBytes { run.limit = 0 }
                return
            }
            packets = end..<packets.upperBound
        }
        startRun(packets, of: segmentBytes, isWhole: isWhole, to: endpoint)
    }

    /// Starts a transmit to one receiver, which what is sent next may continue.
    private mutating func startRun(_ packets: Range<Int>, of segmentBytes: Int, isWhole: Bool, to endpoint: Endpoint) {
        let mark = destinations.count
        destinations.append(endpoint)
        let start = startRuns(packets, of: segmentBytes, to: mark..<mark + 1)
        run.destination = endpoint
        run.limit = isWhole ? start + run.longest : 0
    }

    /// The packets of staged frames, which are no longer free room from now on.
    @inline(__always)
    private mutating func takePackets(_ frames: StagedFrames) -> Range<Int> {
        precondition(
            frames.range.lowerBound == used + headBytes, "a staged frame is sent before anything else is staged")
        let packets = used..<frames.range.upperBound + tailBytes
        used = packets.upperBound
        return packets
    }

    /// Adds transmits for packets, each as long as may be. Returns where the last of them starts.
    @discardableResult
    private mutating func startRuns(_ packets: Range<Int>, of segmentBytes: Int, to receivers: Range<Int>) -> Int {
        if segmentBytes != run.segmentBytes {
            run.segmentBytes = segmentBytes
            run.longest = max(1, min(Self.maximumSegments, Self.maximumRunBytes / segmentBytes)) * segmentBytes
        }
        var start = packets.lowerBound
        while true {
            let end = min(start + run.longest, packets.upperBound)
            transmits.append(
                Transmit(
                    range: start..<end, segmentBytes: min(segmentBytes, end - start), type: .data,
                    destinations: receivers))
            if end == packets.upperBound { return start }
            start = end
        }
    }

    /// Seals every transmit that is not sealed yet, each message under the next nonce.
    mutating func seal(with seal: PacketSeal, nonce: inout Nonce) {
        Self.seal(&arena, transmits[sealed...], with: seal, nonce: &nonce)
        sealed = transmits.count
        run.limit = 0
    }

    private static func seal(
        _ arena: inout [UInt8], _ transmits: ArraySlice<Transmit>, with seal: PacketSeal, nonce: inout Nonce
    ) {
        var whole = arena.mutableSpan
        for transmit in transmits {
            seal.seal(
                &whole, packets: transmit.range, segmentBytes: transmit.segmentBytes, type: transmit.type, nonce: &nonce
            )
        }
    }
}

/// The last transmit of a batch, while more can be added to it.
private struct OpenRun {
    /// Its only receiver.
    var destination = Endpoint(IPAddress(bits: 0), port: 0)
    /// The length of its packets.
    var segmentBytes = 0
    /// The most bytes that a run of packets of that length has.
    var longest = 0
    /// Where in the arena it ends at the latest; 0 where nothing can be added.
    var limit = 0
}
