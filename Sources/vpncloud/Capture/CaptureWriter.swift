import VPNCaptures
import VPNLinuxIO
import VPNProtocol
import VPNSimulator

/// Writes the packets of a feed to files, on a thread of its own.
struct CaptureWriter {
    /// The filters of both kinds of packets.
    struct Filters: Sendable {
        let inner: CaptureFilter
        let outer: CaptureFilter
    }

    /// After so many packets others can read them, where they come without a pause.
    private static let settlePackets = 4096

    private let feed: PacketFeed
    private let files: LiveCaptureFiles
    private let filters: Filters?
    /// The UDP port of the node.
    private let port: UInt16
    private var localAddresses = LocalAddresses()
    /// Where a datagram becomes an Ethernet frame.
    private var frame = FrameWriter()
    /// Packets since that was last made so.
    private var unsettled = 0
    /// What of the files is counted already, by kind.
    private var counted: [UInt64] = [0, 0]
    /// Packets that were not wanted, since that was last counted, and those wanted in all, by kind.
    private var filtered: [UInt64] = [0, 0]
    private var wanted: [UInt64] = [0, 0]
    /// What went wrong. Nothing is written after that.
    private(set) var failure: CaptureError?

    init(_ feed: PacketFeed, to files: LiveCaptureFiles, _ filters: Filters?, port: UInt16) {
        self.feed = feed
        self.files = files
        self.filters = filters
        self.port = port
    }

    /// Files that were made so far.
    var filesMade: Int { files.filesMade }

    /// Writes one packet, now or later. After a failure it counts as lost.
    mutating func write(_ record: PacketRecord, _ packet: Span<UInt8>) {
        switch record.kind {
        case .fromDevice, .toDevice: write(packet, to: .inner, at: record.time)
        case .sent: writeDatagram(packet, from: local(record), to: record.peer, at: record.time)
        case .received, .unopened: writeDatagram(packet, from: record.peer, to: local(record), at: record.time)
        }
    }

    /// This node's end of a datagram.
    private mutating func local(_ record: PacketRecord) -> Endpoint {
        Endpoint(localAddresses.address(towards: record.peer, at: record.time), port: port)
    }

    private mutating func writeDatagram(
        _ payload: Span<UInt8>, from source: Endpoint, to destination: Endpoint, at time: UInt64
    ) {
        frame.removeAll()
        // A datagram that came, or is to go, is not longer than a datagram can be; one that is fails at sending.
        guard frame.udpFrame(from: source, to: destination, payload: payload) else {
            return feed.note(.outer, lost: 1)
        }
        // Taken out, since the frame may not be changed while it is lent.
        let bytes = frame.bytes
        write(bytes.span, to: .outer, at: time)
    }

    private mutating func write(_ packet: Span<UInt8>, to kind: LiveCaptureFiles.Kind, at time: UInt64) {
        let filter = kind == .inner ? filters?.inner : filters?.outer
        if let filter, !filter.matches(packet) {
            filtered[kind.rawValue] += 1
            return
        }
        wanted[kind.rawValue] += 1
        guard failure == nil else { return }
        do {
            try files.append(packet, to: kind, at: time)
        } catch {
            fail(error)
        }
    }

    /// Makes what was written readable by others, and counts it: where nothing more waits, or much was seen. Returns whether it
    /// did.
    mutating func settle(isIdle: Bool) -> Bool {
        unsettled += 1
        guard isIdle || unsettled >= Self.settlePackets else { return false }
        unsettled = 0
        if failure == nil {
            do { try files.flush() } catch { fail(error) }
        }
        count()
        return true
    }

    /// Closes the files, and counts all there is.
    mutating func end() {
        if failure == nil {
            do { try files.close() } catch { fail(error) }
        }
        count()
    }

    private mutating func fail(_ error: CaptureError) {
        failure = error
        feed.turnOff()
        files.abandon()
    }

    /// Tells the feed what became of the packets since the last time. Those that wait to be written are counted once they are.
    private mutating func count() {
        for kind in LiveCaptureFiles.Kind.allCases {
            let stream: PacketFeed.Stream = kind == .inner ? .inner : .outer
            let packets = files.packets(kind)
            var lost: UInt64 = 0
            if failure != nil {
                // What the files do not hold now, they never will.
                lost = wanted[kind.rawValue] - packets
                wanted[kind.rawValue] = packets
            }
            feed.note(
                stream, captured: packets - counted[kind.rawValue], filtered: filtered[kind.rawValue], lost: lost)
            counted[kind.rawValue] = packets
            filtered[kind.rawValue] = 0
        }
    }
}
