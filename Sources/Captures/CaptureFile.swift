internal import CPcap
internal import Glibc
internal import VPNNode

/// The kinds of packets in a capture file.
enum LinkType: CInt {
    /// Ethernet frames.
    case ethernet = 1
    /// IP packets, IPv4 or IPv6.
    case raw = 12
}

/// A capture file that is open for writing, with nanoseconds. Closing it is ``close()``; without that, what was not written
/// yet may be lost without a word.
@safe final class CaptureFile {
    let path: String
    private let handle: OpaquePointer
    /// Nil once closed.
    private var dumper: OpaquePointer?

    /// The longest packet, more than any that there is (libpcap: MAXIMUM_SNAPLEN).
    private static let longestPacket: CInt = 262_144

    /// Makes a file, or empties it; or goes on behind what is in it where `appends`.
    init(_ path: String, _ type: LinkType, appends: Bool) throws(CaptureError) {
        self.path = path
        guard
            let handle = unsafe pcap_open_dead_with_tstamp_precision(
                type.rawValue, Self.longestPacket, u_int(PCAP_TSTAMP_PRECISION_NANO))
        else { throw .open(path, reason: Self.text(of: ENOMEM)) }
        unsafe self.handle = handle
        unsafe dumper = appends ? pcap_dump_open_append(handle, path) : pcap_dump_open(handle, path)
        guard unsafe dumper != nil else {
            // The text ends with a zero byte and lives as long as the handle; it begins with the path.
            var reason = unsafe String(cString: pcap_geterr(handle))
            if reason.hasPrefix("\(path): ") { reason.removeFirst(path.count + 2) }
            throw .open(path, reason: reason)
        }
    }

    deinit {
        if let dumper = unsafe dumper { unsafe pcap_dump_close(dumper) }
        unsafe pcap_close(handle)
    }

    /// Writes a packet with its time.
    func append(_ packet: [UInt8], at time: Instant) throws(CaptureError) {
        guard let dumper = unsafe dumper else { preconditionFailure("a closed file takes no packets") }
        var header = pcap_pkthdr()
        // The format has 32 bits for seconds.
        header.ts.tv_sec = Int(min(time.nanoseconds / 1_000_000_000, UInt64(UInt32.max)))
        header.ts.tv_usec = Int(time.nanoseconds % 1_000_000_000)
        header.len = bpf_u_int32(packet.count)
        header.caplen = min(header.len, bpf_u_int32(Self.longestPacket))
        unsafe packet.withUnsafeBufferPointer { bytes in
            // A pointer even where the packet is empty, since libpcap hands it on to fwrite; none of it is read then.
            var none: UInt8 = 0
            unsafe withUnsafePointer(to: &none) { none in
                let start = unsafe bytes.baseAddress ?? none
                unsafe pcap_dump(UnsafeMutableRawPointer(dumper).assumingMemoryBound(to: u_char.self), &header, start)
            }
        }
        // libpcap does not say whether it could write; the stream below does.
        if unsafe ferror(pcap_dump_file(dumper)) != 0 { throw .write(path, reason: Self.text(of: errno)) }
    }

    /// Writes what waits and closes the file.
    func close() throws(CaptureError) {
        guard let dumper = unsafe dumper else { return }
        errno = 0
        let isFlushed = unsafe pcap_dump_flush(dumper) == 0
        let code = errno
        unsafe pcap_dump_close(dumper)
        unsafe self.dumper = nil
        if !isFlushed { throw .write(path, reason: Self.text(of: code)) }
    }

    /// The system's text for an error code.
    static func text(of code: Int32) -> String {
        // glibc's text ends with a zero byte and is copied before anything else can change it.
        unsafe String(cString: strerror(code))
    }
}
