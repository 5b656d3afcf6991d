/// The bytes of capture files, put together by the descriptions of their formats, and by no library.
public struct CaptureBytes: Sendable {
    /// A format, and the order of bytes of the machine that wrote it.
    public enum Form: String, Sendable, CaseIterable {
        case microseconds, nanoseconds, swappedMicroseconds, swappedNanoseconds, pcapng
    }

    /// A captured packet.
    public struct Packet: Sendable {
        /// What was captured of it.
        public var bytes: [UInt8]
        /// Its length on the wire.
        public var wireBytes: Int
        /// When, in nanoseconds since 1970.
        public var time: UInt64
        /// The number of the interface, in pcapng.
        public var interface: UInt32

        /// A packet, of which the capture took no more than `snapshot` bytes.
        public init(_ bytes: [UInt8], at time: UInt64 = 0, snapshot: Int = .max, interface: UInt32 = 0) {
            self.bytes = Array(bytes.prefix(snapshot))
            wireBytes = bytes.count
            self.time = time
            self.interface = interface
        }
    }

    /// The file so far.
    public private(set) var bytes: [UInt8] = []
    private let form: Form

    /// A file without packets. Only pcapng has more than one interface, each with its link type and snapshot length.
    public init(_ form: Form, links: [(type: UInt16, snapshot: UInt32)]) {
        self.form = form
        if form == .pcapng {
            block(
                0x0a0d_0d0a,
                number(0x1a2b_3c4d as UInt32) + number(1 as UInt16) + number(0 as UInt16) + number(.max as UInt64))
            for link in links { block(1, number(link.type) + number(0 as UInt16) + number(link.snapshot)) }
        } else {
            let isNano = form == .nanoseconds || form == .swappedNanoseconds
            bytes += number(isNano ? 0xa1b2_3c4d : 0xa1b2_c3d4 as UInt32) + number(2 as UInt16) + number(4 as UInt16)
            bytes += number(0 as UInt64) + number(links[0].snapshot) + number(UInt32(links[0].type))
        }
    }

    /// A file with packets of one link type.
    public init(_ form: Form, link: UInt16 = 1, _ packets: [Packet]) {
        self.init(form, links: [(link, 262_144)])
        for packet in packets { append(packet) }
    }

    /// A file with packets of one link type, in the oldest form.
    public init(link: UInt16 = 1, _ packets: [Packet]) { self.init(.microseconds, link: link, packets) }

    /// Adds a packet.
    public mutating func append(_ packet: Packet) {
        let lengths = number(UInt32(packet.bytes.count)) + number(UInt32(packet.wireBytes))
        guard form == .pcapng else {
            let isNano = form == .nanoseconds || form == .swappedNanoseconds
            let fraction = packet.time % 1_000_000_000 / (isNano ? 1 : 1000)
            bytes += number(UInt32(packet.time / 1_000_000_000)) + number(UInt32(fraction)) + lengths + packet.bytes
            return
        }
        // Microseconds, as where nothing else is said.
        let time = packet.time / 1000
        let padding = [UInt8](repeating: 0, count: (4 - packet.bytes.count % 4) % 4)
        block(
            6,
            number(packet.interface) + number(UInt32(time >> 32)) + number(UInt32(truncatingIfNeeded: time)) + lengths
                + packet.bytes + padding)
    }

    private mutating func block(_ type: UInt32, _ body: [UInt8]) {
        let length = number(UInt32(body.count + 12))
        bytes += number(type) + length + body + length
    }

    private func number<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        let isSwapped = form == .swappedMicroseconds || form == .swappedNanoseconds
        let low = (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> Number(8 * $0)) }
        return isSwapped ? low.reversed() : low
    }
}
