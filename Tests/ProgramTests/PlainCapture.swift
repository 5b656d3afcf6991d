import Testing

@testable import vpncloud

/// A capture file as pcap-savefile(5) describes it, read without libpcap.
struct PlainCapture {
    struct Packet: Equatable {
        /// Nanoseconds since 1970.
        let time: UInt64
        let bytes: [UInt8]
    }

    let linkType: UInt32
    let packets: [Packet]

    /// Reads a file of nanoseconds, which this machine has written, to its end; a part of a packet is an error.
    init(_ path: String) throws {
        let bytes = try FileBytes.read(path, atMost: 1 << 26)
        func number(at offset: Int) -> UInt64 { (0..<4).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) } }
        try #require(bytes.count >= 24 && number(at: 0) == 0xa1b2_3c4d, "\(path) is no capture with nanoseconds")
        linkType = UInt32(number(at: 20))
        var packets: [Packet] = []
        var offset = 24
        while offset < bytes.count {
            try #require(offset + 16 <= bytes.count, "\(path) ends in the header of a packet")
            let length = Int(number(at: offset + 8))
            try #require(
                length == Int(number(at: offset + 12)) && offset + 16 + length <= bytes.count,
                "\(path) ends in a packet")
            packets.append(
                Packet(
                    time: number(at: offset) * 1_000_000_000 + number(at: offset + 4),
                    bytes: Array(bytes[(offset + 16)..<(offset + 16 + length)])))
            offset += 16 + length
        }
        self.packets = packets
    }
}
