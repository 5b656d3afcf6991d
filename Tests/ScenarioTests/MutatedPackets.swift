import TestVectors
import VPNNode
import VPNProtocol

/// Golden packets, as they are and opened, with random changes: the same ones for a seed in every run.
struct MutatedPackets {
    private let originals: [[UInt8]]
    private var random: RandomNumbers

    init(seed: UInt64) throws {
        random = Seed(seed, 0, 0, 0).numbers(for: "mutations")
        var originals: [[UInt8]] = []
        for capture in Capture.all {
            for packet in capture.packets {
                guard let bytes = [UInt8](hexadecimal: packet.packet) else { continue }
                originals.append(bytes)
                if packet.method != 0 { originals.append(try Self.open(bytes, capture.seal)) }
            }
        }
        self.originals = originals
    }

    /// The packet with method 0.
    private static func open(_ packet: [UInt8], _ seal: PacketSeal) throws -> [UInt8] {
        var bytes = packet
        var span = bytes.mutableSpan
        let message = try seal.open(&span).message
        return Array(bytes.prefix(4)) + [0, 0, 0, bytes[7]] + Array(bytes[message])
    }

    /// The next packet, which has at least one byte.
    mutating func next() -> [UInt8] {
        var packet = originals[random.next(below: originals.count)]
        for _ in 0...random.next(below: 3) * random.next(below: 3) { mutate(&packet) }
        return packet.isEmpty ? [0x76] : packet
    }

    private mutating func mutate(_ packet: inout [UInt8]) {
        guard !packet.isEmpty else { return }
        let place = random.next(below: packet.count)
        switch random.next(below: 8) {
        case 0: packet[place] ^= 1 << UInt8(random.next(below: 8))
        case 1: packet[place] = [0, 1, 4, 6, 8, 16, 127, 128, 255][random.next(below: 9)]
        case 2: packet.removeSubrange(place...)
        case 3: packet.insert(contentsOf: bytes(1 + random.next(below: 19)), at: place)
        case 4: packet.removeSubrange(place..<min(packet.count, place + 1 + random.next(below: 8)))
        case 5 where packet.count >= 8: packet[4] = UInt8(max(0, random.next(below: 6) - 2))
        case 6 where packet.count >= 8: packet[7] = UInt8(random.next(below: 5))
        // Counts and lengths stand in the first bytes of a message.
        default: packet[min(packet.count - 1, 8 + random.next(below: 30))] = bytes(1)[0]
        }
    }

    private mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// A number from 0 up to, but not including, `bound`.
    mutating func number(below bound: Int) -> Int { random.next(below: bound) }
}
