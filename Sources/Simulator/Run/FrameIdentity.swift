/// What a frame of the traffic carries, so that it is known wherever it turns up.
struct FrameIdentity: Hashable, Sendable {
    /// Whether it was asked for or is the answer.
    enum Direction: UInt8, Sendable {
        case request = 0
        case reply = 1
    }

    /// The flow that it belongs to.
    let flow: Int
    /// Its number within the flow, from 0.
    let number: Int
    /// Request or reply.
    let direction: Direction

    /// What every identity begins with: six bytes that nothing else on the wire has but by chance.
    static let marker: [UInt8] = [0x76, 0x70, 0x6e, 0xc1, 0x0d, 0x51]
    /// The length: marker, three bytes for the flow, four for the number, one for the direction.
    static let byteCount = 14
    /// The most flows.
    static let maximumFlows = 1 << 24

    /// The bytes.
    func write(to writer: inout FrameWriter) {
        writer.bytes += Self.marker
        writer.number(UInt8(truncatingIfNeeded: flow >> 16))
        writer.number(UInt16(truncatingIfNeeded: flow))
        writer.number(UInt32(truncatingIfNeeded: number))
        writer.number(direction.rawValue)
    }

    /// The identity of a frame, which begins at one of few places; nil where there is none.
    init?(in frame: [UInt8], at offset: Int) {
        guard frame.count >= offset + Self.byteCount else { return nil }
        for (index, byte) in Self.marker.enumerated() where frame[offset + index] != byte { return nil }
        let start = offset + Self.marker.count
        flow = Int(frame[start]) << 16 | Int(frame[start + 1]) << 8 | Int(frame[start + 2])
        number = frame[start + 3..<start + 7].reduce(0) { $0 << 8 | Int($1) }
        guard let direction = Direction(rawValue: frame[start + 7]) else { return nil }
        self.direction = direction
    }

    /// An identity from its parts.
    init(flow: Int, number: Int, direction: Direction) {
        self.flow = flow
        self.number = number
        self.direction = direction
    }

    /// Whether some bytes hold an identity anywhere: something of a frame that can be read.
    static func occurs(in bytes: [UInt8]) -> Bool { bytes.holds(marker) }
}

extension [UInt8] {
    /// Whether some bytes, at least one, stand one after another in these.
    func holds(_ sought: [UInt8]) -> Bool {
        guard let first = sought.first, count >= sought.count else { return false }
        for start in 0...count - sought.count where self[start] == first {
            var length = 1
            while length < sought.count, self[start + length] == sought[length] { length += 1 }
            if length == sought.count { return true }
        }
        return false
    }
}

extension UInt128 {
    /// The 16 bytes, the highest first, as on the wire.
    var bytesHighestFirst: [UInt8] { (0..<16).map { UInt8(truncatingIfNeeded: self >> (120 - 8 * UInt128($0))) } }
}
