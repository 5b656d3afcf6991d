import TestVectors
import Testing
import VPNProtocol

@testable import VPNCaptures

/// Networks for tests, and packets of them.
enum Sample {
    static let password = "test123"
    static let init_: [UInt8] = [0] + [UInt8](repeating: 7, count: 16) + [0]

    static func rules(_ change: (inout OpeningRules) -> Void = { _ in }) -> OpeningRules {
        var rules = OpeningRules()
        rules.password = password
        rules.provider = .libsodium
        change(&rules)
        return rules
    }

    static func seal(_ method: CryptoMethod, _ derivation: KeyDerivation, magic: UInt32 = 0x7670_6e01) throws
        -> PacketSeal
    {
        let key = try derivation.key(from: password)
        return try PacketSeal(magic: Magic(bits: magic), method: method, key: key, provider: .libsodium)
    }
}

/// What is found in one raw IPv4 packet with a payload.
private func findings(_ opener: inout CaptureOpener, _ payload: [UInt8], snapshot: Int = .max) -> [Finding] {
    let packet = WirePacket.ipv4(WirePacket.udp(payload))
    let seen = Array(packet.prefix(snapshot))
    opener.begin(seen.span, wireBytes: packet.count)
    var all: [Finding] = []
    while let finding = opener.next(in: seen.span) { all.append(finding) }
    return all
}

extension Finding {
    fileprivate var refusal: Refusal? { if case .refused(let reason) = outcome { reason } else { nil } }
    fileprivate var message: Range<Int>? { if case .opened(let packet, _) = outcome { packet.message } else { nil } }
}

@Suite("Captured packets")
struct OpenerTests {
    @Test(
        "are opened with whichever key the password means, of whatever magic",
        arguments: [KeyDerivation.scrypt, .pbkdf2], [0x7670_6e01, 0xc2cf_8757] as [UInt32])
    func keys(derivation: KeyDerivation, magic: UInt32) throws {
        var opener = CaptureOpener(try PacketOpener(Sample.rules()), .raw)
        for method in [CryptoMethod.chacha20, .aes256] where method.isAvailable {
            let seal = try Sample.seal(method, derivation, magic: magic)
            for number in 0..<3 {
                let message = [UInt8](repeating: UInt8(number), count: 40)
                let found = findings(&opener, WirePacket.sealed(seal, .data, message))
                #expect(found.count == 1)
                let range = try #require(found[0].message)
                #expect(Array(opener.bytes[range]) == message)
                guard case .opened(let packet, let plain) = found[0].outcome else { return }
                #expect(packet.nonce == Nonce(bits: 1) && plain == range.lowerBound - 8..<range.upperBound)
                let header = WirePacket.sealed(PacketSeal(unencrypted: Magic(bits: magic)), .data, [])
                #expect(Array(opener.bytes[plain].prefix(8)) == header)
            }
        }
        #expect(opener.packets.opened.count == (CryptoMethod.aes256.isAvailable ? 2 : 1))
        #expect(
            opener.packets.opened.allSatisfy { $0.contains(derivation == .scrypt ? "manual and 0.8" : "0.9 and 1") })
    }

    @Test("are opened where networks with two derivations share a magic")
    func mixed() throws {
        var opener = CaptureOpener(try PacketOpener(Sample.rules()), .raw)
        let seals = try [KeyDerivation.scrypt, .pbkdf2].map { try Sample.seal(.chacha20, $0) }
        for round in 0..<6 {
            let found = findings(&opener, WirePacket.sealed(seals[round % 2], .close, []))
            #expect(found.map(\.refusal) == [nil])
        }
    }

    @Test("of a dialect that was not asked for are not opened")
    func dialect() throws {
        var opener = CaptureOpener(try PacketOpener(Sample.rules { $0.dialects = [.v1] }), .raw)
        let found = findings(&opener, WirePacket.sealed(try Sample.seal(.chacha20, .scrypt), .close, []))
        #expect(found.map(\.refusal) == [.wrongKey])
    }

    @Test("without encryption are opened with and without a key", arguments: [nil, Sample.password])
    func plain(password: String?) throws {
        var opener = CaptureOpener(try PacketOpener(Sample.rules { $0.password = password }), .raw)
        let found = findings(&opener, WirePacket.sealed(PacketSeal(unencrypted: .standard), .data, [1, 2, 3]))
        #expect(found.map(\.refusal) == [nil])
        #expect(found[0].message.map { Array(opener.bytes[$0]) } == [1, 2, 3])
    }

    @Test("without encryption and of an unknown magic are opened once what is in one makes sense")
    func provenPlain() throws {
        var opener = CaptureOpener(try PacketOpener(OpeningRules()), .raw)
        let seal = PacketSeal(unencrypted: Magic(bits: 0x0102_0304))
        let close = WirePacket.sealed(seal, .close, [])
        #expect(findings(&opener, close).map(\.refusal) == [.noHeader])
        #expect(findings(&opener, WirePacket.sealed(seal, .data, [1, 2, 3])).map(\.refusal) == [.noHeader])
        #expect(findings(&opener, WirePacket.sealed(seal, .initial, [7])).map(\.refusal) == [.noHeader])
        #expect(findings(&opener, WirePacket.sealed(seal, .data, WirePacket.innerPacket())).map(\.refusal) == [nil])
        #expect(findings(&opener, close).map(\.refusal) == [nil])
        var other = CaptureOpener(try PacketOpener(OpeningRules()), .raw)
        #expect(findings(&other, WirePacket.sealed(seal, .initial, Sample.init_)).map(\.refusal) == [nil])
        var third = CaptureOpener(try PacketOpener(OpeningRules()), .raw)
        let list = WirePacket.sealed(seal, .peers, [1, 192, 0, 2, 1, 12, 138, 0])
        #expect(findings(&third, list).map(\.refusal) == [nil])
    }

    @Test("that are not opened say why")
    func refusals() throws {
        let seal = try Sample.seal(.chacha20, .scrypt)
        let foreign = try Sample.seal(.chacha20, .scrypt, magic: 0x0102_0304)
        let packet = WirePacket.sealed(seal, .data, [1, 2, 3])
        var damaged = packet
        damaged[25] ^= 1
        var odd = packet
        odd[7] = 9
        var method = packet
        method[4] = 3
        let other = WirePacket.sealed(try Sample.seal(.chacha20, .pbkdf2), .data, [1, 2, 3])
        let cases: [(OpeningRules, [UInt8], Refusal)] = [
            (Sample.rules(), damaged, .wrongKey),
            (Sample.rules { $0.password = "another" }, packet, .wrongKey),
            (Sample.rules { $0.dialects = [.manual] }, other, .wrongKey),
            (Sample.rules { $0.password = nil }, packet, .noKey),
            (Sample.rules { $0.password = nil }, WirePacket.sealed(foreign, .data, [1]), .noKey),
            (Sample.rules(), odd, .unknownType), (Sample.rules(), method, .foreignMethod),
            (Sample.rules { $0.method = .aes256 }, packet, .foreignMethod),
            (Sample.rules(), Array(packet.prefix(35)), .tooShort),
            (Sample.rules(), Array(packet.prefix(7)), .noHeader), (Sample.rules(), [], .noHeader),
            (Sample.rules(), Array("GET / HTTP/1.1".utf8), .noHeader),
            (Sample.rules { $0.magics = [Magic(bits: 1)] }, packet, .otherMagic),
            (Sample.rules { $0.port = 99 }, packet, .otherPort),
        ]
        for (rules, payload, reason) in cases {
            var opener = CaptureOpener(try PacketOpener(rules), .raw)
            #expect(findings(&opener, payload).map(\.refusal) == [reason], "\(reason)")
        }
        var opener = CaptureOpener(try PacketOpener(Sample.rules { $0.port = 3210 }), .raw)
        #expect(findings(&opener, packet).map(\.refusal) == [nil])
        // After the failures above, and between them, what is right is opened.
        #expect(findings(&opener, damaged).map(\.refusal) == [.wrongKey])
        #expect(Array(opener.bytes[28..<28 + damaged.count]) == damaged)
        #expect(findings(&opener, packet).map(\.refusal) == [nil])
        #expect(findings(&opener, packet, snapshot: 50).map(\.refusal) == [.cut])
        #expect(findings(&opener, Array("another".utf8) + damaged, snapshot: 50).map(\.refusal) == [.noHeader])
    }

    @Test("that are a fragment of the protocol are told from other fragments")
    func fragments() throws {
        var opener = CaptureOpener(try PacketOpener(Sample.rules()), .raw)
        let packet = WirePacket.sealed(try Sample.seal(.chacha20, .scrypt), .data, [UInt8](repeating: 1, count: 100))
        for (payload, reason) in [(packet, Refusal.fragment), (Array("something else".utf8), .laterFragment)] {
            let fragment = WirePacket.ipv4(fragment: 0x2000, WirePacket.udp(length: 4000, payload))
            opener.begin(fragment.span, wireBytes: fragment.count)
            let finding = opener.next(in: fragment.span)
            #expect(finding?.refusal == reason)
            #expect(opener.next(in: fragment.span) == nil)
        }
    }
}

@Suite("Datagrams that a capture shows in one piece")
struct RunTests {
    @Test(
        "are taken apart, the last one shorter or not", arguments: [CryptoMethod.none, .chacha20, .aes256],
        [84, 700, 1400])
    func runs(method: CryptoMethod, byteCount: Int) throws {
        guard method.isAvailable else { return }
        let seal = method == .none ? PacketSeal(unencrypted: .standard) : try Sample.seal(method, .pbkdf2)
        for last in [byteCount, byteCount - 1, 20] {
            for count in [2, 3, 40] {
                var opener = CaptureOpener(try PacketOpener(Sample.rules { $0.dialects = [.v1] }), .raw)
                var messages = [[UInt8]](repeating: WirePacket.innerPacket(byteCount: byteCount), count: count - 1)
                messages.append(WirePacket.innerPacket(byteCount: last))
                let payload = messages.enumerated().flatMap {
                    WirePacket.sealed(seal, .data, $0.element, nonce: UInt128($0.offset))
                }
                let packet = WirePacket.ipv4(WirePacket.udp(payload))
                opener.begin(packet.span, wireBytes: packet.count)
                var found: [[UInt8]] = []
                while let finding = opener.next(in: packet.span) {
                    #expect(!finding.isSingle)
                    guard let range = finding.message else {
                        Issue.record("not opened: \(finding)")
                        return
                    }
                    found.append(Array(opener.bytes[range]))
                }
                #expect(found == messages, "\(last) \(count)")
            }
        }
    }

    @Test("are not seen in a packet that carries packets of the protocol")
    func nested() throws {
        let plain = PacketSeal(unencrypted: .standard)
        let inner = WirePacket.sealed(plain, .close, [])
        var frame = WirePacket.innerPacket(byteCount: 28 + inner.count)
        frame.replaceSubrange(28..., with: inner)
        for message in [frame, WirePacket.ethernet(frame)] {
            var opener = CaptureOpener(try PacketOpener(OpeningRules()), .raw)
            #expect(findings(&opener, WirePacket.sealed(plain, .data, message)).count == 1)
        }
    }

    @Test("are opened but for those that are damaged, which are told singly")
    func damaged() throws {
        let seal = try Sample.seal(.chacha20, .pbkdf2)
        var opener = CaptureOpener(try PacketOpener(Sample.rules { $0.dialects = [.v1] }), .raw)
        var payload = (0..<5).flatMap { WirePacket.sealed(seal, .data, [UInt8](repeating: 1, count: 64), nonce: $0) }
        payload[100 + 50] ^= 4
        let found = findings(&opener, payload)
        #expect(found.map(\.refusal) == [nil, .wrongKey, nil, nil, nil])
        #expect(found.map(\.payload.count) == [100, 100, 100, 100, 100])
    }
}
