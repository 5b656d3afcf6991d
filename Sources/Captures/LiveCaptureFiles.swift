internal import Glibc

/// Where a live capture is written to.
public final class LiveCaptureFiles {
    /// What a packet belongs to.
    public enum Kind: Int, CaseIterable, Sendable {
        /// The packets of the tunnel.
        case inner
        /// The datagrams of the node.
        case outer
    }

    private enum Target {
        case series([CaptureSeries])
        case stream(CaptureFile)
    }

    private let target: Target
    /// Keeps other nodes away from the folder; negative for none.
    private let lock: Int32
    /// Packets for the stream, those known to be written and those that were appended since.
    private var streamed: (packets: UInt64, unflushed: UInt64) = (0, 0)

    /// Begins a capture in a folder that is there: `inner.pcap` with packets of a kind and `outer.pcap` with Ethernet frames.
    public init(folder: String, inner: LinkType, _ limits: CaptureLimits) throws(CaptureError) {
        lock = try Self.lock(folder)
        do {
            target = .series([
                try CaptureSeries("inner", in: folder, inner, limits),
                try CaptureSeries("outer", in: folder, .ethernet, limits),
            ])
        } catch {
            if lock >= 0 { Glibc.close(lock) }
            throw error
        }
    }

    /// Begins a capture of the packets of the tunnel alone.
    ///
    /// - Parameter descriptor: is closed with the capture.
    public init(stream descriptor: Int32, named name: String, inner: LinkType) throws(CaptureError) {
        lock = -1
        let file = try CaptureFile(owning: descriptor, named: name, inner)
        // Whoever reads learns at once what is to come.
        try file.flush()
        target = .stream(file)
    }

    deinit { if lock >= 0 { Glibc.close(lock) } }

    /// Makes a folder for captures that only its owner can read, where there is none, and finds out whether files can be made
    /// in it.
    public static func prepare(folder path: String) throws(CaptureError) {
        try FolderPath(path: path).make(mode: 0o700)
        let attempt = "\(path)/.attempt.\(getpid())"
        let descriptor = unsafe open(attempt, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .folder(path, reason: CaptureFile.text(of: errno)) }
        Glibc.close(descriptor)
        unsafe unlink(attempt)
    }

    /// Writes a packet, now or later.
    ///
    /// - Parameters:
    ///   - kind: ``Kind/inner`` only, where the capture is a stream.
    ///   - time: in nanoseconds since 1970.
    public func append(_ packet: Span<UInt8>, to kind: Kind, at time: UInt64) throws(CaptureError) {
        switch target {
        case .series(let series): try series[kind.rawValue].append(packet, at: time)
        case .stream(let file):
            precondition(kind == .inner, "a stream has packets of one kind")
            try file.append(packet, nanoseconds: time)
            streamed.unflushed += 1
        }
    }

    /// Writes what waits, so that others can read it.
    public func flush() throws(CaptureError) {
        switch target {
        case .series(let series): for one in series { try one.flush() }
        case .stream(let file):
            try file.flush()
            noteFlush()
        }
    }

    /// Writes what waits and closes the files.
    public func close() throws(CaptureError) {
        switch target {
        case .series(let series): for one in series { try one.close() }
        case .stream(let file):
            try file.close()
            noteFlush()
        }
    }

    /// Closes the files after an error, each with whole packets in it. What can still be written is.
    public func abandon() {
        switch target {
        case .series(let series):
            for one in series {
                do { try one.flush() } catch { one.abandon() }
                try? one.close()
            }
        case .stream(let file): file.abandon()
        }
    }

    /// How many packets of a kind are known to be written.
    public func packets(_ kind: Kind) -> UInt64 {
        switch target {
        case .series(let series): series[kind.rawValue].packets
        case .stream: kind == .inner ? streamed.packets : 0
        }
    }

    /// How many files were made.
    public var filesMade: Int {
        switch target {
        case .series(let series): series.reduce(0) { $0 + $1.filesMade }
        case .stream: 0
        }
    }

    private func noteFlush() {
        streamed.packets += streamed.unflushed
        streamed.unflushed = 0
    }

    private static func lock(_ folder: String) throws(CaptureError) -> Int32 {
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .folder(folder, reason: CaptureFile.text(of: errno)) }
        // A file system without locks is used without.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EAGAIN else {
            Glibc.close(descriptor)
            throw .inUse(folder)
        }
        return descriptor
    }
}
