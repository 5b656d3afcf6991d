import TestNumbers
import VPNNode

@testable import VPNLinuxIO

/// A TCP or UDP packet in parts, which is written down slowly and plainly, for the fast code to be compared with.
struct PlainPacket: Equatable {
    /// The Ethernet header with its tags; none on TUN.
    var link: [UInt8] = []
    var isIPv6 = false
    var isUDP = false
    var trafficClass: UInt8 = 0
    var flowLabel: UInt32 = 0
    var hopLimit: UInt8 = 64
    var identification: UInt16 = 1
    /// Flags and offset of IPv4.
    var fragment: UInt16 = 0x4000
    var source: [UInt8] = [10, 0, 0, 1]
    var destination: [UInt8] = [10, 0, 0, 2]
    /// Options of IPv4, or extension headers of IPv6.
    var networkOptions: [UInt8] = []
    /// What the IPv6 header says of what follows it; 0 for TCP or UDP itself.
    var firstExtension: UInt8 = 0
    /// Where a source route in the options leads to, which the checksum is over.
    var finalDestination: [UInt8]?
    var ports: [UInt8] = [0x30, 0x39, 0x00, 0x50]
    var sequence: UInt32 = 1
    var acknowledgement: UInt32 = 1
    var flags: UInt8 = 0x10
    /// The low half of the byte with the data offset.
    var reserved: UInt8 = 0
    var window: UInt16 = 500
    var urgent: UInt16 = 0
    var transportOptions: [UInt8] = []
    var payload: [UInt8] = []

    var networkBytes: Int { (isIPv6 ? 40 : 20) + networkOptions.count }
    var transportBytes: Int { isUDP ? 8 : 20 + transportOptions.count }
    var headerBytes: Int { link.count + networkBytes + transportBytes }
    var protocolNumber: UInt8 { isUDP ? 17 : 6 }

    private static func two(_ number: some BinaryInteger) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    }
    private static func four(_ number: UInt32) -> [UInt8] { two(number >> 16) + two(number) }

    /// The sum of 16-bit words with the carry added each time (RFC 1071).
    static func sum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) * 256 + (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
            if sum > 0xffff { sum -= 0xffff }
        }
        return UInt16(sum)
    }

    /// The packet with all checksums, or with what the kernel leaves in the checksum field of one that it did not complete.
    func encoded(isPartial: Bool = false) -> [UInt8] {
        link + network + transport(isPartial: isPartial)
    }

    private var network: [UInt8] {
        let length = transportBytes + payload.count
        if isIPv6 {
            let first = UInt32(6) << 28 | UInt32(trafficClass) << 20 | flowLabel
            return Self.four(first) + Self.two(length + networkOptions.count)
                + [firstExtension == 0 ? protocolNumber : firstExtension, hopLimit] + source + destination
                + networkOptions
        }
        let header: (UInt16) -> [UInt8] = { checksum in
            [0x40 | UInt8(networkBytes / 4), trafficClass] + Self.two(networkBytes + length) + Self.two(identification)
                + Self.two(fragment) + [hopLimit, protocolNumber] + Self.two(checksum) + source + destination
                + networkOptions
        }
        return header(~Self.sum(header(0)))
    }

    private func transport(isPartial: Bool) -> [UInt8] {
        let length = transportBytes + payload.count
        let pseudo =
            source + (finalDestination ?? destination) + Self.four(UInt32(length)) + [0, 0, 0, protocolNumber]
        let header: (UInt16) -> [UInt8] = { checksum in
            if isUDP { return ports + Self.two(length) + Self.two(checksum) }
            return ports + Self.four(sequence) + Self.four(acknowledgement)
                + [UInt8(transportBytes / 4) << 4 | reserved, flags] + Self.two(window) + Self.two(checksum)
                + Self.two(urgent) + transportOptions
        }
        if isPartial { return header(Self.sum(pseudo)) + payload }
        var checksum = ~Self.sum(pseudo + header(0) + payload)
        if isUDP, checksum == 0 { checksum = 0xffff }
        return header(checksum) + payload
    }

    /// The packets that it is to be cut into (RFC 9293, 3.1; RFC 3168, 6.1.2: CWR is told once).
    func segments(of segmentBytes: Int, identificationStep: UInt16 = 1) -> [PlainPacket] {
        var result: [PlainPacket] = []
        var offset = 0
        repeat {
            var packet = self
            packet.payload = Array(payload[offset..<min(payload.count, offset + segmentBytes)])
            if !isUDP { packet.sequence = sequence &+ UInt32(offset) }
            packet.identification = identification &+ UInt16(result.count) &* identificationStep
            if offset > 0 { packet.flags &= ~0x80 }
            if offset + segmentBytes < payload.count { packet.flags &= ~0x09 }
            result.append(packet)
            offset += segmentBytes
        } while offset < payload.count
        return result
    }

    /// What the kernel would say of the packet.
    func offload(segmentBytes: Int) -> OffloadHeader {
        var header = OffloadHeader()
        header.needsChecksum = true
        header.segmentation = isUDP ? .udp : isIPv6 ? .tcp6 : .tcp4
        header.segmentBytes = UInt16(segmentBytes)
        header.checksumStart = UInt16(link.count + networkBytes)
        header.checksumOffset = isUDP ? 6 : 16
        return header
    }
}

extension PlainPacket {
    /// Reads a packet without options or extension headers of IP.
    init(reading bytes: [UInt8], linkBytes: Int) {
        let number: (Range<Int>) -> UInt32 = { range in range.reduce(0) { $0 << 8 | UInt32(bytes[$1]) } }
        link = Array(bytes[..<linkBytes])
        let at = linkBytes
        isIPv6 = bytes[at] >> 4 == 6
        let next = at + (isIPv6 ? 40 : 20)
        if isIPv6 {
            let first = number(at..<at + 4)
            trafficClass = UInt8(truncatingIfNeeded: first >> 20)
            flowLabel = first & 0xfffff
            isUDP = bytes[at + 6] == 17
            hopLimit = bytes[at + 7]
            source = Array(bytes[at + 8..<at + 24])
            destination = Array(bytes[at + 24..<at + 40])
        } else {
            trafficClass = bytes[at + 1]
            identification = UInt16(number(at + 4..<at + 6))
            fragment = UInt16(number(at + 6..<at + 8))
            hopLimit = bytes[at + 8]
            isUDP = bytes[at + 9] == 17
            source = Array(bytes[at + 12..<at + 16])
            destination = Array(bytes[at + 16..<at + 20])
        }
        ports = Array(bytes[next..<next + 4])
        if !isUDP {
            sequence = number(next + 4..<next + 8)
            acknowledgement = number(next + 8..<next + 12)
            reserved = bytes[next + 12] & 0xf
            flags = bytes[next + 13]
            window = UInt16(number(next + 14..<next + 16))
            urgent = UInt16(number(next + 18..<next + 20))
            transportOptions = Array(bytes[next + 20..<next + Int(bytes[next + 12] >> 4) * 4])
        }
        payload = Array(bytes[(next + transportBytes)...])
    }

    /// An Ethernet header with so many tags.
    static func link(tags: Int, isIPv6: Bool) -> [UInt8] {
        let tag: [[UInt8]] = [[], [0x81, 0, 0x20, 7], [0x88, 0xa8, 0, 9, 0x81, 0, 0, 7]]
        return [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2] + tag[tags] + (isIPv6 ? [0x86, 0xdd] : [8, 0])
    }

    /// A packet of any shape, with a payload of so many bytes.
    static func random(
        _ deviceType: DeviceType, payloadBytes: Int, hasOptions: Bool, using numbers: inout SplitMix
    ) -> PlainPacket {
        var packet = PlainPacket()
        packet.isIPv6 = .random(using: &numbers)
        packet.isUDP = numbers.chance(1, in: 3)
        if deviceType == .tap { packet.link = link(tags: .random(in: 0...2, using: &numbers), isIPv6: packet.isIPv6) }
        packet.trafficClass = .random(in: 0...255, using: &numbers)
        packet.hopLimit = .random(in: 1...255, using: &numbers)
        packet.source = numbers.bytes(packet.isIPv6 ? 16 : 4)
        packet.destination = numbers.bytes(packet.isIPv6 ? 16 : 4)
        packet.ports = numbers.bytes(4)
        packet.payload = numbers.bytes(payloadBytes)
        if packet.isIPv6 {
            packet.flowLabel = .random(in: 0...0xfffff, using: &numbers)
        } else {
            packet.identification = .random(in: 0...0xffff, using: &numbers)
            packet.fragment = .random(using: &numbers) ? 0x4000 : 0
        }
        if !packet.isUDP {
            packet.sequence = .random(in: 0...(.max), using: &numbers)
            packet.acknowledgement = .random(in: 0...(.max), using: &numbers)
            packet.window = .random(in: 0...(.max), using: &numbers)
            packet.transportOptions = numbers.bytes(4 * Int.random(in: 0...10, using: &numbers))
        }
        if hasOptions { packet.addNetworkOptions(using: &numbers) }
        return packet
    }

    private mutating func addNetworkOptions(using numbers: inout SplitMix) {
        if isIPv6 {
            let count = Int.random(in: 1...3, using: &numbers)
            firstExtension = 60
            for index in 1...count { networkOptions += [index == count ? protocolNumber : 60, 0, 1, 4, 0, 0, 0, 0] }
        } else {
            networkOptions = numbers.bytes(4 * Int.random(in: 1...10, using: &numbers))
        }
        if .random(using: &numbers) { finalDestination = numbers.bytes(destination.count) }
    }
}
