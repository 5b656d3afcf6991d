internal import CPcap
internal import Glibc
package import VPNNode

/// A capture that is read packet by packet: pcap with micro- or nanoseconds, or pcapng, from a file or from a pipe.
@safe package final class CaptureReader {
    /// How the capture came to its end.
    package enum Ending: Hashable, Sendable {
        /// Where a packet ends.
        case complete
        /// Within a packet, as a file that was cut or is still being written.
        case cutShort
        /// Before its end, since what follows makes no sense.
        case damaged(String)
    }

    /// What it is called in messages: its path in quotes, or the standard input.
    package let name: String
    /// What its packets begin with.
    package let link: LinkType
    /// How many bytes the file has; nil of a pipe.
    package let byteCount: UInt64?
    /// Set once there are no more packets.
    package private(set) var ending: Ending?

    private let handle: OpaquePointer
    /// The buffer of the stream, which goes after the stream does.
    private let buffer: UnsafeMutablePointer<CChar>

    /// So much is read at a time.
    private static let bufferBytes = 256 << 10

    /// Opens the capture at a path, `-` being the standard input.
    package init(_ path: String) throws(CaptureError) {
        name = path == "-" ? "the standard input" : "'\(path)'"
        let descriptor =
            path == "-"
            ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0, let stream = unsafe fdopen(descriptor, "r") else {
            let code = errno
            if descriptor >= 0 { Glibc.close(descriptor) }
            throw .unreadable(name, reason: CaptureFile.text(of: code))
        }
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: Self.bufferBytes)
        unsafe setvbuf(stream, buffer, _IOFBF, Self.bufferBytes)
        byteCount = Self.byteCount(descriptor)
        var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        // The message has the length that libpcap says. The stream is libpcap's from here on, if it takes it.
        let opened = unsafe pcap_fopen_offline_with_tstamp_precision(
            stream, u_int(PCAP_TSTAMP_PRECISION_NANO), &message)
        guard let handle = unsafe opened else {
            let reason = CaptureFormat.fault(startingWith: Self.start(descriptor), message.text)
            unsafe fclose(stream)
            unsafe buffer.deallocate()
            throw .unreadable(name, reason: reason)
        }
        let number = unsafe pcap_datalink(handle)
        guard let link = LinkType(datalink: number) else {
            unsafe pcap_close(handle)
            unsafe buffer.deallocate()
            throw .unreadable(name, reason: CaptureFormat.unknownLink(Self.name(ofLink: number)))
        }
        self.link = link
        unsafe self.handle = handle
        unsafe self.buffer = buffer
    }

    deinit {
        // Closes the stream.
        unsafe pcap_close(handle)
        unsafe buffer.deallocate()
    }

    /// Reads the next packet.
    ///
    /// - Parameter body: gets the bytes that were captured, which are gone after the call, the packet's length on the wire,
    ///   and its time since 1970.
    /// - Returns: false at the end, which ``ending`` says more about.
    package func next(
        _ body: (_ packet: Span<UInt8>, _ wireBytes: Int, _ time: Instant) -> Void
    ) -> Bool {
        guard ending == nil else { return false }
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var data: UnsafePointer<UInt8>?
        // libpcap owns both until the next call.
        let status = unsafe pcap_next_ex(handle, &header, &data)
        guard status == 1, let header = unsafe header, let data = unsafe data else {
            // The text ends with a zero byte and lives as long as the handle.
            ending = status == PCAP_ERROR_BREAK ? .complete : Self.ending(unsafe String(cString: pcap_geterr(handle)))
            return false
        }
        let packet = unsafe Span(_unsafeStart: data, count: Int(header.pointee.caplen))
        unsafe body(packet, Int(header.pointee.len), Self.time(header.pointee.ts))
        return true
    }

    /// Whether the next packet may have to be waited for, as of a pipe, so that what is known is better told now.
    package var mayWait: Bool {
        guard byteCount == nil else { return false }
        var entry = pollfd(fd: unsafe fileno(pcap_file(handle)), events: Int16(POLLIN), revents: 0)
        // One entry, a local that outlives the call.
        return unsafe poll(&entry, 1, 0) == 0
    }

    /// How many bytes were taken from the file so far.
    package var position: UInt64 { UInt64(max(0, unsafe ftello(pcap_file(handle)))) }

    /// The time of a packet. Whatever stands in the file, it is one.
    private static func time(_ time: timeval) -> Instant {
        // libpcap takes the 32 bits of a pcap file as a number with a sign; they have none.
        let seconds = time.tv_sec < 0 ? UInt64(UInt32(truncatingIfNeeded: time.tv_sec)) : UInt64(time.tv_sec)
        let nanoseconds = UInt64(min(max(time.tv_usec, 0), 999_999_999))
        return Instant(nanoseconds: min(seconds, UInt64.max / 1_000_000_000 - 1) * 1_000_000_000 + nanoseconds)
    }

    private static func ending(_ text: String) -> Ending {
        text.hasPrefix("truncated") ? .cutShort : .damaged(CaptureFormat.fault(text))
    }

    private static func byteCount(_ descriptor: Int32) -> UInt64? {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return UInt64(max(0, status.st_size))
    }

    /// The first bytes of a file; nil of a pipe.
    private static func start(_ descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 8)
        // At most as many bytes as the array has.
        let count = unsafe pread(descriptor, &bytes, bytes.count, 0)
        return count < 0 ? nil : Array(bytes[..<count])
    }

    private static func name(ofLink number: CInt) -> String {
        // The text is constant, and nil for a number that libpcap does not know.
        unsafe pcap_datalink_val_to_description(number).map { unsafe String(cString: $0) } ?? "number \(number)"
    }
}

extension [CChar] {
    /// The text up to the first zero byte.
    fileprivate var text: String {
        String(decoding: prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
