internal import CPcap
internal import Glibc

/// A capture file that is open for writing, with nanoseconds. Closing it is ``close()``; without that, what was not written
/// yet may be lost without a word.
@safe package final class CaptureFile {
    /// Its path, or what it is called where it has none.
    package let path: String
    private let handle: OpaquePointer
    /// Nil once closed.
    private var dumper: OpaquePointer?
    /// What is gathered before it is written; nil where the C library does that in a buffer of its own.
    private let buffer: UnsafeMutablePointer<CChar>?

    /// The bytes of all that was appended, with the file's header. Of a file that is gone on with, since then.
    private(set) var byteCount = CaptureFile.headerBytes
    /// How many of them are known to be written.
    private(set) var flushedBytes = 0
    /// What went wrong first. The stream has lost bytes by then, whatever it says later.
    private var failure: CaptureError?
    /// Whether that was that whoever read what is written, such as `head`, wants no more.
    package private(set) var isUnread = false

    /// The longest packet, more than any that there is (libpcap: MAXIMUM_SNAPLEN).
    private static let longestPacket: CInt = 262_144
    /// What stands at the start of a file, and before each packet (pcap-savefile(5)).
    static let headerBytes = 24
    static let packetHeaderBytes = 16
    /// So many bytes are written with one call of the system.
    private static let bufferBytes = 128 << 10

    /// Makes a file, or empties it; or goes on behind what is in it where `appends`.
    init(_ path: String, _ type: LinkType, appends: Bool) throws(CaptureError) {
        self.path = path
        unsafe handle = try Self.handle(type, path)
        unsafe buffer = nil
        unsafe dumper = appends ? pcap_dump_open_append(handle, path) : pcap_dump_open(handle, path)
        guard unsafe dumper != nil else {
            // The text ends with a zero byte and lives as long as the handle; it begins with the path.
            var reason = unsafe String(cString: pcap_geterr(handle))
            if reason.hasPrefix("\(path): ") { reason.removeFirst(path.count + 2) }
            throw .open(path, reason: reason)
        }
    }

    /// Makes a file that only its owner can read. What is there already, be it a link, is an error.
    convenience init(new path: String, _ type: LinkType) throws(CaptureError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0o600)
        guard descriptor >= 0 else { throw .open(path, reason: Self.text(of: errno)) }
        try self.init(owning: descriptor, named: path, type)
    }

    /// Makes a file that only its owner can read, or empties what is there; `-` is the standard output, which stays open.
    package convenience init(emptying path: String, _ type: LinkType) throws(CaptureError) {
        let descriptor =
            path == "-"
            ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
            : unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0o600)
        guard descriptor >= 0 else { throw .open(path, reason: Self.text(of: errno)) }
        try self.init(owning: descriptor, named: path, type)
    }

    /// Writes to an open descriptor, which is closed with the file.
    init(owning descriptor: Int32, named name: String, _ type: LinkType) throws(CaptureError) {
        path = name
        do {
            unsafe handle = try Self.handle(type, name)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        // As long as the stream is told, and there until the stream is closed.
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: Self.bufferBytes)
        unsafe self.buffer = buffer
        guard let stream = unsafe fdopen(descriptor, "w") else {
            let code = errno
            Glibc.close(descriptor)
            throw .open(name, reason: Self.text(of: code))
        }
        unsafe setvbuf(stream, buffer, Int32(_IOFBF), Self.bufferBytes)
        unsafe dumper = pcap_dump_fopen(handle, stream)
        guard unsafe dumper != nil else {
            unsafe fclose(stream)
            // The text ends with a zero byte and lives as long as the handle.
            let reason = unsafe String(cString: pcap_geterr(handle))
            throw .open(name, reason: reason)
        }
    }

    deinit {
        if let dumper = unsafe dumper { unsafe pcap_dump_close(dumper) }
        unsafe pcap_close(handle)
        unsafe buffer?.deallocate()
    }

    private static func handle(_ type: LinkType, _ path: String) throws(CaptureError) -> OpaquePointer {
        guard
            let handle = unsafe pcap_open_dead_with_tstamp_precision(
                type.rawValue, longestPacket, u_int(PCAP_TSTAMP_PRECISION_NANO))
        else { throw .open(path, reason: text(of: ENOMEM)) }
        return unsafe handle
    }

    /// Writes a packet with its time, now or later.
    ///
    /// - Parameters:
    ///   - wireBytes: its length on the wire, where that is more than what is there of it.
    ///   - nanoseconds: since 1970, or since another beginning.
    package func append(
        _ packet: Span<UInt8>, wireBytes: Int = 0, nanoseconds: UInt64
    ) throws(CaptureError) {
        guard let dumper = unsafe dumper else { preconditionFailure("a closed file takes no packets") }
        var header = pcap_pkthdr()
        // The format has 32 bits for seconds.
        header.ts.tv_sec = Int(min(nanoseconds / 1_000_000_000, UInt64(UInt32.max)))
        header.ts.tv_usec = Int(nanoseconds % 1_000_000_000)
        header.len = bpf_u_int32(truncatingIfNeeded: max(packet.count, wireBytes))
        header.caplen = bpf_u_int32(truncatingIfNeeded: min(packet.count, Int(Self.longestPacket)))
        unsafe packet.withUnsafeBufferPointer { bytes in
            // A pointer even where the packet is empty, since libpcap hands it on to fwrite; none of it is read then.
            var none: UInt8 = 0
            unsafe withUnsafePointer(to: &none) { none in
                let start = unsafe bytes.baseAddress ?? none
                unsafe pcap_dump(UnsafeMutableRawPointer(dumper).assumingMemoryBound(to: u_char.self), &header, start)
            }
        }
        // libpcap does not say whether it could write; the stream below does.
        if unsafe ferror(pcap_dump_file(dumper)) != 0 { throw fail(errno) }
        byteCount += Self.packetHeaderBytes + Int(header.caplen)
    }

    /// Whether somebody removed the file meanwhile, so that nobody will see what is written to it.
    var isRemoved: Bool {
        guard let dumper = unsafe dumper else { return false }
        var status = stat()
        // The stream is there until the file is closed, and the call fills in the status.
        return unsafe fstat(fileno(pcap_dump_file(dumper)), &status) == 0 && status.st_nlink == 0
    }

    /// Writes what waits, so that others can read it.
    package func flush() throws(CaptureError) {
        if let failure { throw failure }
        guard let dumper = unsafe dumper, flushedBytes < byteCount else { return }
        guard unsafe pcap_dump_flush(dumper) == 0 else { throw fail(errno) }
        flushedBytes = byteCount
    }

    /// Writes what waits and closes the file.
    package func close() throws(CaptureError) {
        guard let dumper = unsafe dumper else { return }
        errno = 0
        let isFlushed = unsafe pcap_dump_flush(dumper) == 0
        let code = errno
        unsafe pcap_dump_close(dumper)
        unsafe self.dumper = nil
        if !isFlushed { throw fail(code) }
        if let failure { throw failure }
        flushedBytes = byteCount
    }

    /// Closes the file after an error, and leaves in it what is known to be written: whole packets.
    func abandon() {
        guard let dumper = unsafe dumper else { return }
        // The stream writes what it can when it is closed; that is cut off again after it.
        let copy = unsafe dup(fileno(pcap_dump_file(dumper)))
        unsafe pcap_dump_close(dumper)
        unsafe self.dumper = nil
        guard copy >= 0 else { return }
        // A pipe or a device cannot be cut, and stays as it is.
        _ = ftruncate(copy, flushedBytes)
        Glibc.close(copy)
    }

    private func fail(_ code: Int32) -> CaptureError {
        let error = failure ?? .write(path, reason: Self.text(of: code))
        failure = error
        isUnread = isUnread || code == EPIPE
        return error
    }

    /// The system's text for an error code.
    static func text(of code: Int32) -> String {
        // glibc's text ends with a zero byte and is copied before anything else can change it.
        unsafe String(cString: strerror(code))
    }
}
