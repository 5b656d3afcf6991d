package import VPNNode
import VPNProtocol

/// Joins consecutive segments of flows into frames that the kernel takes as one.
///
/// What is joined follows Linux's own receive offload, or is stricter (`tcp_gro_receive`, `udp_gro_receive_segment`): data
/// segments with all headers equal but for what numbers them, each with right checksums, of one size but for a shorter
/// last. Every frame comes out once. Frames of one flow keep their order: what cannot be joined to the flow's last group
/// ends that group. Frames of different flows may change places: groups are in the order of their first frames.
///
/// The frames stay in the bytes where they came. A group is a list of ranges, which are written one after the other. Where
/// the payloads of two frames of a group follow each other with nothing between them that is still wanted, the second one
/// is moved up to the first, so that both are one range: the kernel copies one long range faster than many short ones, and
/// the move is of bytes that are in the processor's nearest cache.
@safe package struct FrameJoiner: ~Copyable {
    /// Groups at most, until the joiner is emptied.
    static let maximumGroups = 64
    /// Ranges at most that the frames are in, until the joiner is emptied.
    static let maximumPieces = 512
    /// Flows that are joined at the same time. Another one ends the group of the flow that was still the longest.
    static let maximumFlows = 16
    /// Datagrams of a group (UDP_MAX_SEGMENTS of linux/udp.h, which later versions have raised to 128).
    static let maximumDatagrams = 64
    /// The longest frame: the length fields of IP have 16 bits.
    private static let maximumFrameBytes = Int(UInt16.max)

    private struct Group {
        var segment = FlowSegment()
        /// The first frame.
        var frame = 0..<0
        var count = 1
        /// Bytes of payload of all its frames.
        var payloadBytes = 0
        var pieceCount = 1
        /// Whether its last segment has PSH set.
        var isPushed = false
        /// Where its pieces begin among those in order.
        var firstPiece = 0
    }

    private struct Piece {
        var range = 0..<0
        var group = 0
    }

    /// A flow whose last group can take more.
    private struct Flow {
        var key = FlowKey()
        var group = 0
        /// Whether the checksums of the group's first frame were found right. Not looked at before a second one comes.
        var isVerified = false
        var nextSequence: UInt32 = 0
        /// What the identification grows by; nil while there is only one frame.
        var identificationStep: UInt16?
    }

    private let deviceType: DeviceType
    private let joinsTCP: Bool
    private let joinsUDP: Bool
    private let groups: UnsafeMutablePointer<Group>
    private let pieces: UnsafeMutablePointer<Piece>
    private let orderedPieces: UnsafeMutablePointer<Range<Int>>
    /// The last used first.
    private let flows: UnsafeMutablePointer<Flow>
    package private(set) var groupCount = 0
    private var pieceCount = 0
    private var flowCount = 0
    private var isFinished = false

    /// - Parameters:
    ///   - joinsTCP: whether the device takes TCP segments joined.
    ///   - joinsUDP: whether it takes UDP datagrams joined.
    package init(deviceType: DeviceType, joinsTCP: Bool, joinsUDP: Bool) {
        self.deviceType = deviceType
        self.joinsTCP = joinsTCP
        self.joinsUDP = joinsUDP
        // Each is as long as its bound, which every index is checked against, and lives as long as this joiner.
        unsafe groups = .allocate(capacity: Self.maximumGroups)
        unsafe groups.initialize(repeating: Group(), count: Self.maximumGroups)
        unsafe pieces = .allocate(capacity: Self.maximumPieces)
        unsafe pieces.initialize(repeating: Piece(), count: Self.maximumPieces)
        unsafe orderedPieces = .allocate(capacity: Self.maximumPieces)
        unsafe orderedPieces.initialize(repeating: 0..<0, count: Self.maximumPieces)
        unsafe flows = .allocate(capacity: Self.maximumFlows)
        unsafe flows.initialize(repeating: Flow(), count: Self.maximumFlows)
    }

    deinit {
        unsafe groups.deallocate()
        unsafe pieces.deallocate()
        unsafe orderedPieces.deallocate()
        unsafe flows.deallocate()
    }

    /// Whether there is no room for another frame.
    var isFull: Bool { groupCount == Self.maximumGroups || pieceCount == Self.maximumPieces }

    var isEmpty: Bool { groupCount == 0 }

    /// Forgets all frames.
    package mutating func removeAll() {
        groupCount = 0
        pieceCount = 0
        flowCount = 0
        isFinished = false
    }
}

extension FrameJoiner {
    /// Takes the next frame, which there must be room for. It stays in `bytes`, which nobody else may change until the joiner
    /// is emptied: what lies between two frames that were taken may be overwritten. Each frame lies behind those before it.
    package mutating func append(_ frame: Range<Int>, in bytes: inout MutableSpan<UInt8>) {
        precondition(!isFull && !isFinished)
        precondition(frame.lowerBound >= 0 && frame.upperBound <= bytes.count)
        if continuesFirstFlow(frame, in: &bytes) { return }
        var segment = FlowSegment()
        switch segment.read(bytes.span, frame, deviceType) {
        case .unrelated: return startGroup(frame, segment)
        case .unclear:
            flowCount = 0
            return startGroup(frame, segment)
        case .segment: break
        }
        guard segment.isUDP ? joinsUDP : joinsTCP else { return startGroup(frame, segment) }
        guard useFlow(segment.key) else {
            if segment.isJoinable, !segment.isPushed { openFlow(segment, isVerified: false) }
            return startGroup(frame, segment)
        }
        switch fit(of: frame, segment, in: bytes.span) {
        case .joins: join(frame, segment, in: &bytes)
        case .damaged:
            closeFlow()
            startGroup(frame, segment)
        case .differs(let isVerified):
            closeFlow()
            if segment.isJoinable, !segment.isPushed { openFlow(segment, isVerified: isVerified) }
            startGroup(frame, segment)
        }
    }

    /// Joins a frame of TCP to the first flow's group, if it has the same headers as the group's first frame, and returns
    /// whether it did. Says no where that is not plain to see: the other way decides then, and comes to the same end.
    @inline(__always) private mutating func continuesFirstFlow(
        _ frame: Range<Int>, in bytes: inout MutableSpan<UInt8>
    ) -> Bool {
        guard flowCount > 0 else { return false }
        let flow = unsafe flows
        let group = unsafe groups + flow.pointee.group
        guard unsafe flow.pointee.isVerified,
            unsafe group.pointee.segment.headerBytes + group.pointee.payloadBytes + frame.count
                <= Self.maximumFrameBytes,
            let segment = unsafe group.pointee.segment.successor(
                bytes.span, frame, of: group.pointee.frame, sequence: flow.pointee.nextSequence),
            unsafe segment.isNumbered(
                after: group.pointee.segment, count: group.pointee.count, step: flow.pointee.identificationStep),
            segment.hasRightChecksums(bytes.span, frame)
        else { return false }
        join(frame, segment, in: &bytes)
        return true
    }

    private enum Fit {
        case joins
        case damaged
        case differs(isVerified: Bool)
    }

    /// Whether a frame can be joined to the group of the first flow, which is its own.
    private func fit(of frame: Range<Int>, _ segment: FlowSegment, in bytes: Span<UInt8>) -> Fit {
        // There is a first flow, as one was found, and its group exists. Neither is copied.
        let flow = unsafe flows
        let group = unsafe groups + flow.pointee.group
        let (count, step) = unsafe (group.pointee.count, flow.pointee.identificationStep)
        guard segment.isJoinable, unsafe segment.follows(group.pointee.segment, sequence: flow.pointee.nextSequence),
            unsafe segment.headerBytes + group.pointee.payloadBytes + segment.payloadBytes <= Self.maximumFrameBytes,
            !segment.isUDP || count < Self.maximumDatagrams,
            unsafe segment.isNumbered(after: group.pointee.segment, count: count, step: step),
            unsafe segment.hasOptions(of: group.pointee.frame, bytes, frame)
        else { return .differs(isVerified: false) }
        guard segment.hasRightChecksums(bytes, frame) else { return .damaged }
        let firstIsRight =
            unsafe flow.pointee.isVerified || group.pointee.segment.hasRightChecksums(bytes, group.pointee.frame)
        return firstIsRight ? .joins : .differs(isVerified: true)
    }

    /// Adds a frame to the group of the first flow.
    private mutating func join(_ frame: Range<Int>, _ segment: FlowSegment, in bytes: inout MutableSpan<UInt8>) {
        // There is a first flow, as one was found, and its group exists.
        let index = unsafe flows[0].group
        let group = unsafe groups + index
        if unsafe group.pointee.count == 1 {
            unsafe flows[0].isVerified = true
            unsafe flows[0].identificationStep = segment.identification &- group.pointee.segment.identification
        }
        unsafe group.pointee.count += 1
        unsafe group.pointee.payloadBytes += segment.payloadBytes
        unsafe group.pointee.isPushed = segment.isPushed
        unsafe flows[0].nextSequence &+= segment.isUDP ? 0 : UInt32(truncatingIfNeeded: segment.payloadBytes)
        addPayload(frame.lowerBound + segment.headerBytes..<frame.upperBound, to: index, in: &bytes)
        let isShorter = unsafe segment.payloadBytes < group.pointee.segment.payloadBytes
        if isShorter || segment.isPushed { closeFlow() }
    }

    /// Starts a group with a frame.
    private mutating func startGroup(_ frame: Range<Int>, _ segment: FlowSegment) {
        unsafe groups[groupCount] = Group(segment: segment, frame: frame, payloadBytes: segment.payloadBytes)
        addPiece(frame, to: groupCount)
        groupCount += 1
    }

    private mutating func addPiece(_ range: Range<Int>, to group: Int) {
        unsafe pieces[pieceCount] = Piece(range: range, group: group)
        pieceCount += 1
    }

    /// Adds what a frame has behind its headers to a group.
    private mutating func addPayload(_ range: Range<Int>, to group: Int, in bytes: inout MutableSpan<UInt8>) {
        // A group exists, and so a piece does.
        let last = unsafe pieces + (pieceCount - 1)
        guard unsafe last.pointee.group == group, unsafe last.pointee.range.upperBound <= range.lowerBound else {
            unsafe groups[group].pieceCount += 1
            return addPiece(range, to: group)
        }
        let end = unsafe last.pointee.range.upperBound
        bytes.move(range, to: end)
        unsafe last.pointee.range = unsafe last.pointee.range.lowerBound..<end + range.count
    }

    /// Finds the flow of a key, and makes it the first. Returns whether there is one.
    @inline(__always) private mutating func useFlow(_ key: FlowKey) -> Bool {
        // Only the flows that there are, which are no more than there is room for.
        for index in 0..<flowCount where unsafe flows[index].key.equals(key) {
            if index > 0 {
                let flow = unsafe flows[index]
                unsafe (flows + 1).update(from: flows, count: index)
                unsafe flows[0] = flow
            }
            return true
        }
        return false
    }

    /// Makes a flow the first whose group is the one that is started next.
    private mutating func openFlow(_ segment: FlowSegment, isVerified: Bool) {
        let kept = min(flowCount, Self.maximumFlows - 1)
        unsafe (flows + 1).update(from: flows, count: kept)
        unsafe flows[0] = Flow(
            key: segment.key, group: groupCount, isVerified: isVerified,
            nextSequence: segment.isUDP
                ? 0 : segment.sequence &+ UInt32(truncatingIfNeeded: segment.payloadBytes))
        flowCount = kept + 1
    }

    /// Lets the first flow's group take no more.
    private mutating func closeFlow() {
        flowCount -= 1
        unsafe flows.update(from: flows + 1, count: flowCount)
    }
}

extension FrameJoiner {
    /// Completes headers and checksums of all groups, in place, and puts their pieces in order. Nothing is appended
    /// before the joiner is emptied.
    package mutating func finish(_ bytes: inout MutableSpan<UInt8>) {
        precondition(!isFinished)
        isFinished = true
        var next = 0
        // Only groups and pieces that there are; the pieces of all groups are all pieces.
        for index in 0..<groupCount {
            unsafe groups[index].firstPiece = next
            next += unsafe groups[index].pieceCount
            if unsafe groups[index].count > 1 { unsafe Self.complete(groups[index], &bytes) }
            unsafe groups[index].pieceCount = 0
        }
        for index in 0..<pieceCount {
            let piece = unsafe pieces[index]
            unsafe orderedPieces[groups[piece.group].firstPiece + groups[piece.group].pieceCount] = piece.range
            unsafe groups[piece.group].pieceCount += 1
        }
    }

    /// Makes the headers of a group's first frame those of the whole.
    private static func complete(_ group: Group, _ bytes: inout MutableSpan<UInt8>) {
        let segment = group.segment
        let network = group.frame.lowerBound + segment.networkOffset
        let transport = group.frame.lowerBound + segment.transportOffset
        let packetBytes = segment.headerBytes - segment.networkOffset + group.payloadBytes
        let transportBytes = UInt16(segment.headerBytes - segment.transportOffset + group.payloadBytes)
        if segment.isIPv6 {
            bytes.setBig(UInt16(packetBytes - 40), at: network + 4)
        } else {
            bytes.setBig(UInt16(packetBytes), at: network + 2)
            bytes.setNative(UInt16(0), at: network + 10)
            let sum = InternetChecksum.sum(bytes.span, network..<transport)
            bytes.setNative(~InternetChecksum.folded(sum), at: network + 10)
        }
        // The checksum field holds the sum of the pseudo header, and the kernel does the rest where it has to.
        let pseudo = InternetChecksum.pseudoHeader(
            bytes.span, packetAt: network, isIPv6: segment.isIPv6,
            protocolNumber: segment.isUDP ? HeaderField.udp : HeaderField.tcp)
        let sum = InternetChecksum.folded(pseudo &+ InternetChecksum.part(transportBytes))
        if segment.isUDP {
            bytes.setBig(transportBytes, at: transport + 4)
            bytes.setNative(sum, at: transport + HeaderField.udpChecksum)
        } else {
            if group.isPushed { bytes[transport + 13] |= HeaderField.psh }
            bytes.setNative(sum, at: transport + HeaderField.tcpChecksum)
        }
    }

    /// What is written before a group's frame; all zero where it is one frame, which is as it came.
    func header(of group: Int) -> OffloadHeader {
        precondition(group >= 0 && group < groupCount)
        var header = OffloadHeader()
        guard unsafe groups[group].count > 1 else { return header }
        let segment = unsafe groups[group].segment
        header.needsChecksum = true
        header.segmentation = segment.isUDP ? .udp : segment.isIPv6 ? .tcp6 : .tcp4
        header.headerBytes = UInt16(segment.headerBytes)
        header.segmentBytes = UInt16(segment.payloadBytes)
        header.checksumStart = UInt16(segment.transportOffset)
        header.checksumOffset = UInt16(segment.isUDP ? HeaderField.udpChecksum : HeaderField.tcpChecksum)
        return header
    }

    /// How many frames a group has.
    func frameCount(of group: Int) -> Int {
        precondition(group >= 0 && group < groupCount)
        return unsafe groups[group].count
    }

    /// How many pieces a group is in.
    func pieceCount(of group: Int) -> Int {
        precondition(group >= 0 && group < groupCount)
        return unsafe groups[group].pieceCount
    }

    /// A piece of a group: its first frame, or the payload of further ones. All of them in order are the joined frame.
    func piece(_ index: Int, of group: Int) -> Range<Int> {
        precondition(isFinished && index >= 0 && index < pieceCount(of: group))
        return unsafe orderedPieces[groups[group].firstPiece + index]
    }
}
