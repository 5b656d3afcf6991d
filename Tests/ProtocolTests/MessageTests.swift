import TestNumbers
import Testing
import VPNProtocol

/// Encodes a message into exactly the bytes that it asks for.
private func encoded(_ byteCount: Int, _ write: (inout ByteWriter) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xee, count: byteCount)
    var writer = ByteWriter(bytes.mutableSpan)
    write(&writer)
    #expect(writer.count == byteCount)
    return bytes
}

extension InitMessage {
    fileprivate var bytes: [UInt8] { encoded(byteCount) { encode(into: &$0) } }
}

extension PeerListMessage {
    fileprivate var bytes: [UInt8] { encoded(byteCount) { encode(into: &$0) } }
}

@Suite("A packet header")
struct PacketHeaderTests {
    private static let wire: [UInt8] = [0x76, 0x70, 0x6e, 0x01, 1, 0, 0, 2]

    @Test("is eight bytes: magic, method, two reserved bytes, type")
    func layout() throws {
        var bytes = [UInt8](repeating: 0xee, count: 10)
        var span = bytes.mutableSpan
        PacketHeader(magic: .standard, method: .chacha20, type: .initial).write(to: &span, at: 1)
        #expect(bytes == [0xee] + Self.wire + [0xee])
        let header = try PacketHeader(Self.wire.span, magic: .standard, method: .chacha20)
        #expect(header == PacketHeader(magic: .standard, method: .chacha20, type: .initial))
    }

    @Test("is read whatever the reserved bytes hold")
    func reserved() throws {
        let bytes: [UInt8] = [0x76, 0x70, 0x6e, 0x01, 0, 0xff, 0x12, 3, 4, 5]
        #expect(try PacketHeader(bytes.span, magic: .standard, method: .none).type == .close)
    }

    @Test("needs eight bytes", arguments: 0..<8)
    func truncated(count: Int) {
        let bytes = Array(Self.wire.prefix(count))
        #expect(throws: DecodeError.truncated(needed: 8, available: count)) {
            try PacketHeader(bytes.span, magic: .standard, method: .chacha20)
        }
    }

    @Test("of another network is foreign, whichever byte differs", arguments: 0..<4)
    func foreignMagic(index: Int) {
        var bytes = Self.wire
        bytes[index] ^= 1
        #expect(throws: DecodeError.foreignMagic) {
            try PacketHeader(bytes.span, magic: .standard, method: .chacha20)
        }
    }

    @Test("of another method is foreign, also where no method was expected", arguments: CryptoMethod.allCases)
    func foreignMethod(own: CryptoMethod) {
        for method in UInt8.min...UInt8.max where method != own.rawValue {
            var bytes = Self.wire
            bytes[4] = method
            #expect(throws: DecodeError.foreignMethod(method)) {
                try PacketHeader(bytes.span, magic: .standard, method: own)
            }
        }
    }

    @Test("has one of four types")
    func types() {
        for type in UInt8.min...UInt8.max {
            var bytes = Self.wire
            bytes[7] = type
            let header = Result { try PacketHeader(bytes.span, magic: .standard, method: .chacha20) }
            if type < 4 {
                #expect((try? header.get())?.type.rawValue == type)
            } else {
                #expect(throws: DecodeError.unknownMessageType(type)) { try header.get() }
            }
        }
    }
}

@Suite("An Init message")
struct InitMessageTests {
    /// One of each form, with two bytes of a timeout behind them.
    private static func sample() throws -> InitMessage {
        InitMessage(
            stage: .response, nodeID: NodeID(bits: 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
            subnets: [
                try Subnet(parsing: "10.1.1.7/24"), try Subnet(parsing: "fd00::1/64"),
                try Subnet(parsing: "02:00:00:00:00:01/48"), try Subnet(parsing: "10/02:00:00:00:00:01/64"),
            ], trailing: [0x07, 0x08])
    }

    private static let wire: [UInt8] =
        [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 4]
        + [4, 10, 1, 1, 7, 24]
        + [16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 64]
        + [6, 2, 0, 0, 0, 0, 1, 48]
        + [8, 0, 10, 2, 0, 0, 0, 0, 1, 64]
        + [7, 8]

    @Test("has the manual's layout")
    func layout() throws {
        #expect(try Self.sample().bytes == Self.wire)
        #expect(try InitMessage(Self.wire.span) == Self.sample())
    }

    @Test("that ends before its last subnet does is truncated", arguments: 0..<(60 - 2))
    func truncated(count: Int) {
        let bytes = Array(Self.wire.prefix(count))
        let error = #expect(throws: DecodeError.self) { try InitMessage(bytes.span) }
        guard case .truncated(let needed, let available) = error else {
            Issue.record("\(count) bytes gave \(String(describing: error))")
            return
        }
        #expect(available == count)
        #expect(needed > count && needed <= Self.wire.count - 2)
    }

    @Test("may end with anything, of which two bytes are a timeout", arguments: 0..<4)
    func trailing(count: Int) throws {
        let bytes = Self.wire.dropLast(2) + [UInt8](repeating: 1, count: count)
        let message = try InitMessage(Array(bytes).span)
        #expect(message.trailing == [UInt8](repeating: 1, count: count))
        #expect(message.announcedPeerTimeout == (count < 2 ? nil : 257))
        #expect(message.bytes == Array(bytes))
    }

    @Test("has one of two stages")
    func stages() {
        for stage in UInt8(2)...UInt8.max {
            var bytes = Self.wire
            bytes[0] = stage
            #expect(throws: DecodeError.unknownStage(stage)) { try InitMessage(bytes.span) }
        }
    }

    @Test("has base addresses of 4, 6, 8 or 16 bytes")
    func addressLengths() {
        for length in UInt8.min...UInt8.max where ![4, 6, 8, 16].contains(length) {
            let bytes = Self.wire[..<17] + [1, length] + [UInt8](repeating: 0, count: 300)
            #expect(throws: DecodeError.unknownAddressLength(length)) { try InitMessage(Array(bytes).span) }
        }
    }

    @Test("has no prefix longer than its address", arguments: Subnet.Form.allCases)
    func prefixLengths(form: Subnet.Form) {
        for length in UInt8.min...UInt8.max {
            let address = [UInt8](repeating: 0xab, count: form.byteCount)
            let bytes = Self.wire[..<17] + [1, form.rawValue] + address + [length]
            let message = Result { try InitMessage(Array(bytes).span) }
            if Int(length) <= form.bitWidth {
                #expect((try? message.get())?.subnets.first?.prefixLength == length)
            } else {
                #expect(throws: DecodeError.invalidPrefixLength(length, addressBits: form.bitWidth)) {
                    try message.get()
                }
            }
        }
    }

    @Test("counts up to 255 subnets, and a count without subnets is truncated")
    func counts() throws {
        let subnet = try Subnet(parsing: "10.0.0.0/8")
        let message = InitMessage(
            stage: .request, nodeID: NodeID(bits: 7), subnets: [Subnet](repeating: subnet, count: 255))
        #expect(try InitMessage(message.bytes.span) == message)
        let empty = Self.wire[..<17] + [255]
        #expect(throws: DecodeError.truncated(needed: 19, available: 18)) { try InitMessage(Array(empty).span) }
    }

    @Test("decodes to what was encoded", arguments: 0..<200)
    func roundTrip(row: Int) throws {
        var numbers = SplitMix(UInt64(row))
        var subnets: [Subnet] = []
        for _ in 0..<Int.random(in: 0...40, using: &numbers) {
            let form = try #require(Subnet.Form.allCases.randomElement(using: &numbers))
            let base = numbers.next128() << UInt128(128 - form.bitWidth)
            let length = UInt8.random(in: 0...UInt8(form.bitWidth), using: &numbers)
            subnets.append(try #require(Subnet(form, base: base, prefixLength: length)))
        }
        let trailing = (0..<Int.random(in: 0...5, using: &numbers)).map { _ in
            UInt8.random(in: 0...255, using: &numbers)
        }
        let message = InitMessage(
            stage: row.isMultiple(of: 2) ? .request : .response, nodeID: NodeID(bits: numbers.next128()),
            subnets: subnets, trailing: trailing)
        #expect(try InitMessage(message.bytes.span) == message)
    }
}

@Suite("A peer list")
struct PeerListMessageTests {
    private static func sample() throws -> PeerListMessage {
        PeerListMessage(
            ipv4: [Endpoint(IPAddress(192, 0, 2, 1), port: 3210), Endpoint(IPAddress(192, 0, 2, 2), port: 1)],
            ipv6: [
                Endpoint(try #require(IPAddress("2001:db8::1")), port: 3210),
                Endpoint(IPAddress(192, 0, 2, 3), port: 258),
            ])
    }

    private static let wire: [UInt8] =
        [2, 192, 0, 2, 1, 0x0c, 0x8a, 192, 0, 2, 2, 0, 1]
        + [2, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x0c, 0x8a]
        + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 3, 1, 2]

    @Test("has the manual's layout; a mapped address is written with all its bytes and is the IPv4 address")
    func layout() throws {
        #expect(try Self.sample().bytes == Self.wire)
        let list = try PeerListMessage(Self.wire.span)
        #expect(try list == Self.sample())
        #expect(list.ipv6[1].description == "192.0.2.3:258")
    }

    @Test("that ends before its last entry does is truncated", arguments: 0..<50)
    func truncated(count: Int) {
        let bytes = Array(Self.wire.prefix(count))
        let error = #expect(throws: DecodeError.self) { try PeerListMessage(bytes.span) }
        guard case .truncated(let needed, let available) = error else {
            Issue.record("\(count) bytes gave \(String(describing: error))")
            return
        }
        #expect(available == count)
        #expect(needed > count && needed <= Self.wire.count)
    }

    @Test("keeps bytes behind it")
    func trailing() throws {
        let list = try PeerListMessage((Self.wire + [1, 2, 3]).span)
        #expect(list.trailing == [1, 2, 3])
        #expect(list.bytes == Self.wire + [1, 2, 3])
    }

    @Test("takes entries up to 255 of a family, and no further", arguments: [true, false])
    func familyBound(asMapped: Bool) {
        var list = PeerListMessage()
        let taken = (1...256).map { list.append(endpoint($0), asMapped: asMapped, withinBytes: 100_000) }
        #expect(taken == [Bool](repeating: true, count: 255) + [false])
        #expect((asMapped ? list.ipv6 : list.ipv4).count == 255)
        let isTakenByOther = list.append(endpoint(256), asMapped: !asMapped, withinBytes: 100_000)
        #expect(isTakenByOther)
    }

    @Test("takes entries up to the bytes that it may have", arguments: [(2, 0, 0), (7, 0, 0), (8, 1, 0), (26, 1, 1)])
    func byteBound(limit: Int, short: Int, long: Int) throws {
        var list = PeerListMessage()
        list.append(endpoint(1), withinBytes: limit)
        list.append(Endpoint(try #require(IPAddress("::2")), port: 2), withinBytes: limit)
        #expect(list.ipv4.count == short)
        #expect(list.ipv6.count == long)
        #expect(list.byteCount <= limit)
    }

    @Test("decodes to what was encoded", arguments: 0..<200)
    func roundTrip(row: Int) throws {
        var numbers = SplitMix(UInt64(row))
        var list = PeerListMessage()
        for _ in 0..<Int.random(in: 0...255, using: &numbers) {
            list.ipv4.append(
                Endpoint(IPAddress(ipv4: UInt32.random(in: 0 ... .max, using: &numbers)), port: port(&numbers)))
        }
        for _ in 0..<Int.random(in: 0...255, using: &numbers) {
            list.ipv6.append(Endpoint(IPAddress(bits: numbers.next128()), port: port(&numbers)))
        }
        list.trailing = row.isMultiple(of: 3) ? [UInt8(row)] : []
        #expect(try PeerListMessage(list.bytes.span) == list)
    }

    private func endpoint(_ port: Int) -> Endpoint { Endpoint(IPAddress(192, 0, 2, 1), port: UInt16(port)) }

    private func port(_ numbers: inout SplitMix) -> UInt16 { UInt16.random(in: 0 ... .max, using: &numbers) }
}
