internal import VPNNode
public import VPNSimulator

/// A folder of capture files: `NAME.inner.pcap` and `NAME.outer.pcap` for each node, and `dropped.pcap`.
///
/// A file is made with its first packet, and replaces one that an earlier run left. Since a system lets a program open
/// a thousand files or so, only some are open; the one that was written longest ago is closed for another.
public final class CaptureFolder {
    private struct Entry {
        let type: LinkType
        var file: CaptureFile?
        /// Whether this run has made the file, so that it goes on with it.
        var isMade = false
        /// Orders open files by their last packet.
        var lastUse: UInt64
    }

    private let path: String
    private let openLimit: Int
    private var entries: [Entry] = []
    private var indices: [CaptureStream: Int] = [:]
    private var indicesByName: [String: Int] = [:]
    private var open: [Int] = []
    private var uses: UInt64 = 0
    /// What went wrong first. Nothing is written after that.
    public private(set) var failure: CaptureError?
    /// How many packets were written.
    public private(set) var packets: UInt64 = 0

    /// Uses a folder, which is made where it does not exist; the one that it is in does.
    ///
    /// - Parameter openLimit: how many files are open at a time, at least 1.
    public init(_ path: String, openLimit: Int = 400) throws(CaptureError) {
        precondition(openLimit > 0, "one file at least is open while it is written")
        self.path = path
        self.openLimit = openLimit
        try FolderPath(path: path).make(mode: 0o777)
    }

    /// Writes a packet to the file of its stream. What goes wrong is in ``failure``.
    public func write(_ packet: CapturedPacket) {
        guard failure == nil else { return }
        do {
            try file(of: packet.stream).append(packet.bytes.span, nanoseconds: packet.time.nanoseconds)
            packets += 1
        } catch {
            failure = error
        }
    }

    /// Closes all files; throws what went wrong first, then or before.
    public func close() throws(CaptureError) {
        for index in open {
            do { try entries[index].file?.close() } catch { failure = failure ?? error }
            entries[index].file = nil
        }
        open.removeAll()
        if let failure { throw failure }
    }

    private func file(of stream: CaptureStream) throws(CaptureError) -> CaptureFile {
        let index = try index(of: stream)
        uses += 1
        entries[index].lastUse = uses
        if let file = entries[index].file { return file }
        let name = Self.name(of: stream)
        if open.count >= openLimit, let oldest = open.indices.min(by: { lastUse($0) < lastUse($1) }) {
            let closing = open.remove(at: oldest)
            defer { entries[closing].file = nil }
            try entries[closing].file?.close()
        }
        let file = try CaptureFile("\(path)/\(name)", entries[index].type, appends: entries[index].isMade)
        entries[index].isMade = true
        entries[index].file = file
        open.append(index)
        return file
    }

    private func lastUse(_ position: Int) -> UInt64 { entries[open[position]].lastUse }

    private func index(of stream: CaptureStream) throws(CaptureError) -> Int {
        if let index = indices[stream] { return index }
        let name = Self.name(of: stream)
        guard indicesByName[name] == nil else { throw .mixedDevices("\(path)/\(name)") }
        let type: LinkType = if case .inner(_, .tun) = stream { .raw } else { .ethernet }
        let index = entries.count
        entries.append(Entry(type: type, lastUse: 0))
        indices[stream] = index
        indicesByName[name] = index
        return index
    }

    /// The name of a stream's file. Whatever a node is called, it stays within the folder: bytes other than letters,
    /// digits, `-`, `_` and `.` are written as `%2f`, and so is a dot at the start.
    static func name(of stream: CaptureStream) -> String {
        switch stream {
        case .inner(let node, _): "\(escaped(node)).inner.pcap"
        case .outer(let node): "\(escaped(node)).outer.pcap"
        case .dropped: "dropped.pcap"
        }
    }

    private static func escaped(_ name: String) -> String {
        var result = ""
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: ".") where result.isEmpty: result += "%2e"
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }
        return result
    }
}
