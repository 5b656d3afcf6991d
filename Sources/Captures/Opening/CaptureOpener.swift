package import VPNProtocol

/// What was found in a captured packet: a datagram, opened or not, or something else.
package struct Finding: Hashable, Sendable {
    /// What came of it. The ranges are within the bytes of the ``CaptureOpener``.
    package enum Outcome: Hashable, Sendable {
        /// A message of the protocol; `plain` is where the packet is that would have carried it without encryption.
        case opened(OpenedPacket, plain: Range<Int>)
        /// None.
        case refused(Refusal)
    }

    /// What came of it.
    package let outcome: Outcome
    /// Where the datagram was in the captured packet; nil where there was none.
    package let place: DatagramPlace?
    /// Its payload as it was received, as a range of the captured packet.
    package let payload: Range<Int>
    /// Its first bytes, if there are eight.
    package let header: WireHeader?
    /// Whether the captured packet holds no other datagram.
    package let isSingle: Bool
}

/// Takes captured packets apart, and opens the datagrams in them.
///
/// A datagram is copied once, and then opened where it is. Nothing is allocated.
package struct CaptureOpener: Sendable {
    /// Longer than any UDP datagram with the headers before it.
    private static let longestPacket = 66_000

    /// Where the last datagram found is, at its place in the captured packet: opened, or as it was received. What is before
    /// it may be written over.
    package var bytes = [UInt8](repeating: 0, count: longestPacket)
    /// The keys.
    package private(set) var packets: PacketOpener
    private let link: LinkType

    // What is left of the current packet: something that cannot be opened, or datagrams of one length.
    private var refused: Finding?
    private var place: DatagramPlace?
    private var rest = 0..<0
    private var datagramBytes = 0

    /// Opens packets of a link type.
    package init(_ packets: PacketOpener, _ link: LinkType) {
        self.packets = packets
        self.link = link
    }

    /// Begins with a captured packet. What is in it comes from ``next(in:)``, which is to get the same packet.
    ///
    /// - Parameter wireBytes: the length of the packet on the wire.
    package mutating func begin(_ packet: Span<UInt8>, wireBytes: Int) {
        rest = 0..<0
        switch OuterLayers(packet, wireBytes: wireBytes, link) {
        case .other(let reason): refuse(reason)
        case .datagram(let found): begin(packet, found)
        }
    }

    private mutating func begin(_ packet: Span<UInt8>, _ found: DatagramPlace) {
        if let port = packets.rules.port, !found.has(port: port, in: packet) { return refuse(.otherPort) }
        let payload = packet.extracting(found.payload)
        guard let header = WireHeader(payload) else {
            switch found.extent {
            case .whole: return refuse(.noHeader)
            case .cut: return refuse(.malformed)
            case .fragment: return refuse(.laterFragment)
            }
        }
        let isRecognised = packets.recognises(payload)
        switch found.extent {
        case .whole: break
        case .cut: return isRecognised ? refuse(.cut, found, header) : refuse(.noHeader)
        case .fragment: return isRecognised ? refuse(.fragment, found, header) : refuse(.laterFragment)
        }
        guard found.payload.upperBound <= bytes.count else { return refuse(.malformed) }
        refused = nil
        place = found
        rest = found.payload
        datagramBytes = found.payload.count
        // Without encryption a run looks like one long message. With it, it does not open as one, so only what is likely to
        // be a run is looked through before that is tried.
        let isPlain = header.methodNumber == CryptoMethod.none.rawValue
        guard isRecognised || header.isPlausible, isPlain || payload.count > DatagramRun.usualPayload else { return }
        if let length = DatagramRun.datagramBytes(payload) { datagramBytes = length }
    }

    private mutating func refuse(_ reason: Refusal, _ place: DatagramPlace? = nil, _ header: WireHeader? = nil) {
        refused = Finding(
            outcome: .refused(reason), place: place, payload: place?.payload ?? 0..<0, header: header, isSingle: true)
    }

    /// The next thing that is found in the packet that was begun with; nil where there is nothing more.
    package mutating func next(in packet: Span<UInt8>) -> Finding? {
        if let finding = refused {
            refused = nil
            return finding
        }
        while !rest.isEmpty, let place {
            let range = rest.lowerBound..<min(rest.lowerBound + datagramBytes, rest.upperBound)
            let original = packet.extracting(range)
            let opening = Self.open(original, at: range, in: &bytes, with: &packets)
            if case .refused(.wrongKey) = opening, range == place.payload,
                let length = DatagramRun.datagramBytes(original)
            {
                datagramBytes = length
                continue
            }
            rest = range.upperBound..<rest.upperBound
            return Finding(
                outcome: opening, place: place, payload: range, header: WireHeader(original),
                isSingle: range == place.payload)
        }
        return nil
    }

    private static func open(
        _ original: Span<UInt8>, at range: Range<Int>, in bytes: inout [UInt8], with packets: inout PacketOpener
    ) -> Finding.Outcome {
        var whole = bytes.mutableSpan
        whole.copy(original, to: range.lowerBound)
        var datagram = whole._mutatingExtracting(range)
        switch packets.open(&datagram, original: original) {
        case .opened(let packet, let plain):
            return .opened(packet.moved(by: range.lowerBound), plain: plain.moved(by: range.lowerBound))
        case .refused(let reason):
            // What was tried may have left anything.
            datagram.copy(original, to: 0)
            return .refused(reason)
        }
    }
}

extension Range<Int> {
    fileprivate func moved(by distance: Int) -> Self { lowerBound + distance..<upperBound + distance }
}
