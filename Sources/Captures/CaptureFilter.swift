internal import CPcap

/// A filter expression in the language of tcpdump (pcap-filter(7)), compiled for one kind of packets.
@safe public final class CaptureFilter: @unchecked Sendable {
    // Sendable: nothing changes the program between its making and its end.
    private let program: UnsafeMutablePointer<bpf_program>

    /// Compiles an expression. Names of machines in it are looked up, which may take long.
    public init(_ expression: String, for type: LinkType) throws(CaptureError) {
        // More than any packet has (libpcap: MAXIMUM_SNAPLEN).
        guard let handle = unsafe pcap_open_dead(type.rawValue, 262_144) else {
            throw .filter(expression, reason: "there is no memory for it")
        }
        // The handle is used here only; the compiled program does not need it.
        defer { unsafe pcap_close(handle) }
        let program = UnsafeMutablePointer<bpf_program>.allocate(capacity: 1)
        unsafe program.initialize(to: bpf_program())
        // PCAP_NETMASK_UNKNOWN: no expression can ask for the broadcast address of the network.
        guard unsafe pcap_compile(handle, program, expression, 1, .max) == 0 else {
            // The text ends with a zero byte and lives as long as the handle.
            let reason = unsafe String(cString: pcap_geterr(handle))
            unsafe program.deallocate()
            throw .filter(expression, reason: reason)
        }
        unsafe self.program = program
    }

    deinit {
        unsafe pcap_freecode(program)
        unsafe program.deallocate()
    }

    /// Whether the expression is true for a packet.
    public func matches(_ packet: Span<UInt8>) -> Bool {
        var header = pcap_pkthdr()
        header.len = bpf_u_int32(packet.count)
        header.caplen = header.len
        // The program reads no byte beyond the length in the header, and none of an empty packet.
        return unsafe packet.withUnsafeBufferPointer { bytes in
            guard let start = bytes.baseAddress else { return false }
            return unsafe pcap_offline_filter(program, &header, start) != 0
        }
    }
}
