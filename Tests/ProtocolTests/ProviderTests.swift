import TestNumbers
import Testing

@testable import VPNProtocol

/// A key of random bytes.
private func key(_ random: inout SplitMix) -> SecretKey {
    let bytes = (0..<SecretKey.byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return SecretKey(bytes.span)
}

/// The methods that this processor has.
private let ciphers = CryptoMethod.allCases.filter { $0 != .none && $0.isAvailable }

private let isHere = CryptoProvider.ipsecMBFault == nil

@Suite("ipsec-mb", .enabled(if: isHere, "ipsec-mb cannot be used here, see 'vpncloud --version'"))
struct ProviderTests {
    /// The seals of both libraries under one key.
    private static func seals(_ method: CryptoMethod, _ key: SecretKey) throws -> (
        sodium: PacketSeal, other: PacketSeal
    ) {
        let sodium = try PacketSeal(magic: .standard, method: method, key: key, provider: .libsodium)
        return (sodium, try PacketSeal(magic: .standard, method: method, key: key, provider: .ipsecMB))
    }

    private static func packet(_ seal: PacketSeal, _ message: [UInt8], nonce: UInt128) -> [UInt8] {
        let place = seal.headBytes..<seal.headBytes + message.count
        var bytes =
            [UInt8](repeating: 0xee, count: seal.headBytes) + message + [UInt8](repeating: 0xee, count: seal.tailBytes)
        var span = bytes.mutableSpan
        seal.seal(&span, message: place, type: .data, nonce: Nonce(bits: nonce))
        return bytes
    }

    /// The text of a packet.
    private static func text(_ seal: PacketSeal, _ packet: [UInt8]) throws -> [UInt8] {
        var bytes = packet
        var span = bytes.mutableSpan
        return Array(bytes[try seal.open(&span).message])
    }

    @Test("makes the same packets as libsodium, and each opens the other's", arguments: ciphers)
    func agreement(method: CryptoMethod) throws {
        var random = SplitMix(20)
        for round in 0..<2_000 {
            let (sodium, other) = try Self.seals(method, key(&random))
            // Mostly as long as packets are; now and then as long as they get.
            let most: UInt64 = round.isMultiple(of: 50) ? 65_471 : 1_600
            let message = (0..<random.next() % most).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let nonce = random.next128()
            let packet = Self.packet(sodium, message, nonce: nonce)
            let same = Self.packet(other, message, nonce: nonce) == packet
            #expect(same, "round \(round), \(message.count) bytes")
            #expect(try Self.text(other, packet) == message)
            #expect(try Self.text(sodium, packet) == message)
        }
    }

    @Test("agrees with libsodium on every length up to that of a large frame", arguments: ciphers)
    func lengths(method: CryptoMethod) throws {
        var random = SplitMix(21)
        let (sodium, other) = try Self.seals(method, key(&random))
        let bytes = (0..<2_200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for length in 0...bytes.count {
            let packet = Self.packet(other, Array(bytes[..<length]), nonce: UInt128(length))
            #expect(packet == Self.packet(sodium, Array(bytes[..<length]), nonce: UInt128(length)))
            #expect(try Self.text(other, packet) == Array(bytes[..<length]))
        }
    }

    @Test("refuses a packet with any one bit changed, and leaves zeros where its text was", arguments: ciphers)
    func tampering(method: CryptoMethod) throws {
        var random = SplitMix(22)
        let other = try Self.seals(method, key(&random)).other
        let packet = Self.packet(other, (0..<70).map { UInt8($0) }, nonce: 9)
        let message = other.headBytes..<other.headBytes + 70
        // The first bytes of the header say what the packet is: their faults are found before the tag's.
        for bit in 8 * 5..<8 * packet.count where bit / 8 != 7 {
            var changed = packet
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            var span = changed.mutableSpan
            #expect(throws: OpenError.unauthentic) { try other.open(&span) }
            #expect(changed[message].allSatisfy { $0 == 0 })
        }
    }

    @Test("touches nothing behind a packet, not even to read it", arguments: ciphers)
    func edge(method: CryptoMethod) {
        var random = SplitMix(23)
        let other = IPsecMBCipher(method, key: key(&random))
        let start = PacketHeader.byteCount + Nonce.byteCount
        // The memory ends, as each packet does, where a page begins that must not be touched. It has whole blocks of 16
        // bytes, and a packet to be opened begins with it, so that not every one can be.
        for length in 0..<600 {
            let byteCount = start + length + CryptoMethod.tagBytes
            let rounded = (byteCount + 15) / 16 * 16
            _ = LockedMemory(byteCount: rounded) { memory in
                let header = rounded - byteCount
                other.seal(&memory, header: header, message: header + start..<header + start + length)
                guard header == 0 else { return }
                #expect(other.open(&memory, message: start..<start + length))
            }
        }
    }

    @Test("gives every thread the right answers at the same time", arguments: ciphers)
    func threads(method: CryptoMethod) async throws {
        var random = SplitMix(24)
        let (sodium, other) = try Self.seals(method, key(&random))
        let wrong = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    var random = SplitMix(UInt64(task))
                    return (0..<500).count { _ in
                        let message = [UInt8](repeating: UInt8(task), count: Int(random.next() % 1_500))
                        let nonce = random.next128()
                        return Self.packet(other, message, nonce: nonce) != Self.packet(sodium, message, nonce: nonce)
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(wrong == 0)
    }

    @Test("is what is taken where nothing else is said")
    func choice() throws {
        var random = SplitMix(25)
        let key = key(&random)
        let provider = try PacketSeal(magic: .standard, method: .chacha20, key: key).provider
        #expect(provider == .ipsecMB)
        #expect(PacketSeal(unencrypted: .standard).provider == nil)
        #expect(CryptoProvider.automatic.summary == CryptoProvider.ipsecMB.summary)
        #expect(CryptoProvider.ipsecMB.summary.hasPrefix("ipsec-mb "))
        #expect(CryptoProvider.libsodium.summary.hasPrefix("libsodium 1."))
    }
}

@Suite("Where ipsec-mb cannot be used")
struct ProviderFaultTests {
    private static let faults: [ProviderFault] = [
        .notBuiltIn, .notLoaded(reason: "no such file", package: "libipsec-mb1"),
        .otherVersion(found: "1.5.0", needed: "1.3"), .notUsable,
        .wrongAnswer(SelfTestFailure(method: .aes256, length: 17, step: .seal)),
    ]

    private static let key = SecretKey([UInt8](repeating: 7, count: SecretKey.byteCount).span)

    @Test("libsodium is, unless it is demanded", arguments: faults)
    func fallback(fault: ProviderFault) throws {
        for provider in [CryptoProvider.automatic, .libsodium] {
            let cipher = try Cipher(.chacha20, key: Self.key, provider: provider, fault: fault)
            #expect(cipher.provider == .libsodium)
        }
        #expect(throws: KeyError.providerUnavailable(fault)) {
            _ = try Cipher(.chacha20, key: Self.key, provider: .ipsecMB, fault: fault)
        }
    }

    @Test("it says why, and what to do", arguments: faults)
    func texts(fault: ProviderFault) {
        let summary = CryptoProvider.automatic.summary(fault: fault)
        #expect(summary.hasPrefix("libsodium 1."))
        #expect(summary.hasSuffix(" (not ipsec-mb: \(fault))"))
        #expect(
            KeyError.providerUnavailable(fault).description
                == "ipsec-mb cannot be used: \(fault); or choose 'auto' or 'libsodium' as crypto provider")
    }

    @Test("the package to install is named")
    func advice() {
        #expect("\(Self.faults[0])".contains("install libipsec-mb-dev"))
        #expect("\(Self.faults[1])" == "it cannot be loaded (no such file); install libipsec-mb1")
        #expect("\(Self.faults[4])" == "it does not agree with libsodium: aes256, sealing, 17 bytes")
    }

    @Test("it is not even looked for where libsodium is chosen")
    func noQuestion() throws {
        func fault() -> ProviderFault? {
            Issue.record("asked")
            return nil
        }
        _ = try Cipher(.chacha20, key: Self.key, provider: .libsodium, fault: fault())
        _ = CryptoProvider.libsodium.summary(fault: fault())
    }
}
