import TestVectors
import Testing
import VPNProtocol

@Suite("A key")
struct KeyTests {
    private static let ofTest123ByScrypt = "30386a60102eacf4e9457618804c152e6c88dbedcda561f5d8e2add023dc6da6"
    private static let ofTest123ByPBKDF2 = "13410c5dff8475e210eaf3e6033fadd825784c69e4edb0c1a1a2f579e8545744"
    private static let digits = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

    @Test("is what the programs in the field derive from a password", arguments: Dialect.allCases)
    func knownAnswers(dialect: Dialect) throws {
        let expected = dialect == .manual || dialect == .v0_8 ? Self.ofTest123ByScrypt : Self.ofTest123ByPBKDF2
        let key = try dialect.keyDerivation.key(from: "test123")
        #expect(key.equals(try self.key(expected)))
        #expect(!key.equals(try dialect.keyDerivation.key(from: "test124")))
    }

    @Test("is itself after 'hex:', with PBKDF2 only")
    func rawKey() throws {
        let password = "hex:" + Self.digits
        #expect(try KeyDerivation.pbkdf2.key(from: password).equals(try key(Self.digits)))
        #expect(try !KeyDerivation.scrypt.key(from: password).equals(try key(Self.digits)))
    }

    @Test(
        "after 'hex:' has 64 hexadecimal digits",
        arguments: [(0, ""), (2, ""), (63, ""), (64, "0"), (63, "g"), (62, "+1"), (62, "é"), (63, " ")])
    func wrongRawKey(count: Int, rest: String) throws {
        let password = "hex:\(Self.digits.prefix(count))\(rest)"
        #expect(throws: KeyError.invalidHexadecimalKey) { try KeyDerivation.pbkdf2.key(from: password) }
        // With scrypt it is a password like any other.
        _ = try KeyDerivation.scrypt.key(from: password)
    }

    @Test("of a password after 'hash:' is that of the password, with PBKDF2 only")
    func hashPrefix() throws {
        #expect(try KeyDerivation.pbkdf2.key(from: "hash:test123").equals(try key(Self.ofTest123ByPBKDF2)))
        #expect(try !KeyDerivation.scrypt.key(from: "hash:test123").equals(try key(Self.ofTest123ByScrypt)))
        // The prefix is taken away once.
        #expect(try !KeyDerivation.pbkdf2.key(from: "hash:hash:test123").equals(try key(Self.ofTest123ByPBKDF2)))
    }

    @Test(
        "exists for an empty password, a long one and one with a zero byte", arguments: [KeyDerivation.scrypt, .pbkdf2])
    func oddPasswords(derivation: KeyDerivation) throws {
        let keys = try ["", "a", "a\0", "a\0b", String(repeating: "x", count: 1000), "pässword"].map {
            try derivation.key(from: $0)
        }
        for (index, key) in keys.enumerated() {
            for other in keys[(index + 1)...] where key.equals(other) {
                // HMAC, which both are built on, fills short keys up with zeros: these two are one to it.
                #expect(index == 1 && other === keys[2])
            }
        }
    }

    @Test("error says what to do")
    func errors() {
        #expect(KeyError.invalidHexadecimalKey.description.contains("64 hexadecimal digits"))
        #expect(KeyError.outOfMemory.description.contains("16 MiB"))
        #expect(KeyError.methodUnavailable(.aes256).description.contains("'chacha20'"))
    }

    private func key(_ digits: String) throws -> SecretKey {
        let bytes = try #require([UInt8](hexadecimal: digits))
        return SecretKey(bytes.span)
    }
}

@Suite("SipHash-2-4")
struct SipHashTests {
    @Test(
        "gives its authors' answers",
        arguments: [(0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (15, 0xa129_ca61_49be_45e5)]
            as [(UInt8, UInt64)])
    func knownAnswers(count: UInt8, expected: UInt64) {
        #expect(keyedHash((0..<count).map { $0 }, key: (0..<16).map { $0 }) == expected)
    }
}
