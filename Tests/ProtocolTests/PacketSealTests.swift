import TestVectors
import Testing
import VPNProtocol

@Suite("A seal")
struct PacketSealTests {
    /// The methods that this processor has.
    private static let ciphers = CryptoMethod.allCases.filter { $0 != .none && $0.isAvailable }
    private static let methods = CryptoMethod.allCases.filter(\.isAvailable)

    private static func seal(_ method: CryptoMethod, firstKeyByte: UInt8 = 0x80) throws -> PacketSeal {
        guard method != .none else { return PacketSeal(unencrypted: .standard) }
        let key = [firstKeyByte] + (0x81..<0xa0)
        return try PacketSeal(magic: .standard, method: method, key: SecretKey(key.span))
    }

    /// The packet of a message.
    private static func packet(
        _ message: [UInt8], _ seal: PacketSeal, type: MessageType = .data, nonce: UInt128 = 7
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: seal.headBytes + message.count + seal.tailBytes)
        for (index, byte) in message.enumerated() { bytes[seal.headBytes + index] = byte }
        var span = bytes.mutableSpan
        seal.seal(
            &span, message: seal.headBytes..<seal.headBytes + message.count, type: type, nonce: Nonce(bits: nonce))
        return bytes
    }

    private static func open(_ packet: [UInt8], _ seal: PacketSeal) throws -> (OpenedPacket, [UInt8]) {
        var bytes = packet
        var span = bytes.mutableSpan
        let opened = try seal.open(&span)
        return (opened, Array(bytes[opened.message]))
    }

    @Test("adds 36 bytes with a cipher, and 8 without", arguments: methods)
    func overhead(method: CryptoMethod) throws {
        let seal = try Self.seal(method)
        #expect(seal.headBytes + seal.tailBytes == (method == .none ? 8 : 36))
        #expect(seal.headBytes == (method == .none ? 8 : 20))
    }

    @Test("opens what it sealed, of any length", arguments: methods)
    func roundTrip(method: CryptoMethod) throws {
        let seal = try Self.seal(method)
        for (row, length) in [0, 1, 15, 16, 17, 63, 64, 65, 1400, 65_471].enumerated() {
            let message = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let type = MessageType.allCases[row % 4]
            let packet = Self.packet(message, seal, type: type, nonce: UInt128(row) << 60 + 5)
            let (opened, text) = try Self.open(packet, seal)
            #expect(text == message)
            #expect(opened.type == type)
            #expect(opened.nonce == (method == .none ? nil : Nonce(bits: UInt128(row) << 60 + 5)))
        }
    }

    @Test("leaves the bytes around a packet alone", arguments: methods)
    func surroundings(method: CryptoMethod) throws {
        let seal = try Self.seal(method)
        var bytes = [UInt8](repeating: 0xee, count: 100)
        let message = 10 + seal.headBytes..<30 + seal.headBytes
        var span = bytes.mutableSpan
        seal.seal(&span, message: message, type: .data, nonce: Nonce(bits: 7))
        #expect(bytes[..<10].allSatisfy { $0 == 0xee })
        #expect(bytes[(message.upperBound + seal.tailBytes)...].allSatisfy { $0 == 0xee })
        #expect(
            Array(bytes[10..<message.upperBound + seal.tailBytes])
                == Self.packet([UInt8](repeating: 0xee, count: 20), seal))
    }

    /// The plaintext, key and nonce of RFC 8439, 2.8.2, and for AES the same. That example has twelve bytes of
    /// additional data and a packet has eight, so these answers come from other implementations of both ciphers.
    @Test(
        "gives the answers of other implementations",
        arguments: [
            (
                CryptoMethod.chacha20,
                """
                d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
                1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
                3ff4def08e4b7a9de576d26586cec64b6116d2f4feb52ce5dca6635ba27c39f9f003
                """
            ),
            (
                .aes256,
                """
                7c0df61c33f0c998dbe516797c7908dcdfd52f1f10ec0b5ae2e4de9942ced85eeec8b953385268b2f9fb8414d169f7f4\
                b24a93c0b5d29afbe1b442dc4077e8f48f22ad0a409f977cac9fcaf05be1ba04040f8b04667362fff434a71b9f2d09a3\
                e14283372d3c5946111486e8c1a155a2896539d8a9474739a703f7e45a26c761fa70
                """
            ),
        ])
    func knownAnswers(method: CryptoMethod, expected: String) throws {
        guard method.isAvailable else { return }
        let text = """
            Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.
            """
        let seal = try Self.seal(method)
        let packet = Self.packet(Array(text.utf8), seal, nonce: 0x0700_0000_4041_4243_4445_4647)
        #expect(packet[..<8] == [0x76, 0x70, 0x6e, 0x01, method.rawValue, 0, 0, 0])
        #expect(Array(packet[8..<20]).hexadecimal == "070000004041424344454647")
        #expect(Array(packet[20...]).hexadecimal == expected)
    }

    @Test("refuses a packet with any one bit changed, and reads nothing of it", arguments: ciphers)
    func tampering(method: CryptoMethod) throws {
        let seal = try Self.seal(method)
        let message = Array("any bit of a packet counts".utf8)
        let packet = Self.packet(message, seal)
        for bit in 0..<8 * packet.count {
            var changed = packet
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            let error = #expect(throws: OpenError.self) { try Self.open(changed, seal) }
            switch bit / 8 {
            case 0..<4: #expect(error == .malformed(.foreignMagic))
            case 4: #expect(error == .malformed(.foreignMethod(changed[4])))
            case 7 where changed[7] > 3: #expect(error == .malformed(.unknownMessageType(changed[7])))
            default: #expect(error == .unauthentic)
            }
        }
        #expect(try Self.open(packet, seal).1 == message)
    }

    @Test("refuses a packet of every shorter length, and a longer one", arguments: methods)
    func truncation(method: CryptoMethod) throws {
        let seal = try Self.seal(method)
        let packet = Self.packet([1, 2, 3], seal)
        for count in 0..<seal.headBytes + seal.tailBytes {
            let needed = count < 8 ? 8 : seal.headBytes + seal.tailBytes
            #expect(throws: OpenError.malformed(.truncated(needed: needed, available: count))) {
                try Self.open(Array(packet.prefix(count)), seal)
            }
        }
        guard method != .none else { return }
        for count in seal.headBytes + seal.tailBytes..<packet.count {
            #expect(throws: OpenError.unauthentic) { try Self.open(Array(packet.prefix(count)), seal) }
        }
        #expect(throws: OpenError.unauthentic) { try Self.open(packet + [0], seal) }
    }

    @Test("never accepts another method, above all not none where there is a key", arguments: methods)
    func foreignMethods(own: CryptoMethod) throws {
        let seal = try Self.seal(own)
        for other in Self.methods where other != own {
            let packet = Self.packet([UInt8](repeating: 0, count: 40), try Self.seal(other))
            #expect(throws: OpenError.malformed(.foreignMethod(other.rawValue))) { try Self.open(packet, seal) }
        }
    }

    @Test("does not open what another key sealed, or another magic", arguments: ciphers)
    func foreignNetworks(method: CryptoMethod) throws {
        let packet = Self.packet([1, 2, 3], try Self.seal(method))
        #expect(throws: OpenError.unauthentic) { try Self.open(packet, try Self.seal(method, firstKeyByte: 0)) }
        let key = [0x80] + (0x81..<0xa0) as [UInt8]
        let other = try PacketSeal(magic: Magic(bits: 1), method: method, key: SecretKey(key.span))
        #expect(throws: OpenError.malformed(.foreignMagic)) { try Self.open(packet, other) }
    }

    @Test("accepts any reserved bytes that were sealed with the packet, without a cipher")
    func reserved() throws {
        var packet = Self.packet([1, 2, 3], try Self.seal(.none))
        packet[5] = 0xff
        packet[6] = 0x12
        #expect(try Self.open(packet, try Self.seal(.none)).1 == [1, 2, 3])
    }

    @Test("is another with each nonce", arguments: ciphers)
    func nonces(method: CryptoMethod) throws {
        let seal = try Self.seal(method)
        #expect(Self.packet([1, 2, 3], seal, nonce: 1)[20...] != Self.packet([1, 2, 3], seal, nonce: 2)[20...])
    }
}
