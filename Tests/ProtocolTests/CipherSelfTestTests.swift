import Testing

@testable import VPNProtocol

/// What a wrong library can get wrong.
private protocol Flaw: Sendable {
    static func isKeyRefused(_ method: CryptoMethod) -> Bool
    static func damage(_ sealed: inout MutableSpan<UInt8>, message: Range<Int>)
    static func outcome(of isAuthentic: Bool, _ opened: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool
}

extension Flaw {
    static func isKeyRefused(_ method: CryptoMethod) -> Bool { false }
    static func damage(_ sealed: inout MutableSpan<UInt8>, message: Range<Int>) {}
    static func outcome(of isAuthentic: Bool, _ opened: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool {
        isAuthentic
    }
}

/// libsodium with a flaw.
private struct FlawedCipher<Kind: Flaw>: PacketCipher {
    let cipher: SodiumCipher

    init(_ method: CryptoMethod, key: SecretKey) throws(KeyError) {
        guard !Kind.isKeyRefused(method) else { throw .outOfMemory }
        cipher = try SodiumCipher(method, key: key)
    }

    func seal(_ packet: inout MutableSpan<UInt8>, header: Int, message: Range<Int>) {
        cipher.seal(&packet, header: header, message: message)
        Kind.damage(&packet, message: message)
    }

    func open(_ packet: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool {
        let isAuthentic = cipher.open(&packet, message: message)
        return Kind.outcome(of: isAuthentic, &packet, message: message)
    }
}

private enum NoFlaw: Flaw {}

private enum NoKey: Flaw {
    static func isKeyRefused(_ method: CryptoMethod) -> Bool { method == .chacha20 }
}

private enum WrongTag: Flaw {
    static func damage(_ sealed: inout MutableSpan<UInt8>, message: Range<Int>) {
        if message.count == 65 { sealed[message.upperBound + 15] ^= 1 }
    }
}

private enum WrongText: Flaw {
    static func damage(_ sealed: inout MutableSpan<UInt8>, message: Range<Int>) {
        if message.count > 512 { sealed[message.lowerBound + 512] ^= 0x80 }
    }
}

private enum WrongOpening: Flaw {
    static func outcome(of isAuthentic: Bool, _ opened: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool {
        if message.count == 1_400 { opened[message.upperBound - 1] ^= 1 }
        return isAuthentic
    }
}

private enum NothingAuthentic: Flaw {
    static func outcome(of isAuthentic: Bool, _: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool { false }
}

private enum AllAuthentic: Flaw {
    static func outcome(of isAuthentic: Bool, _: inout MutableSpan<UInt8>, message: Range<Int>) -> Bool { true }
}

@Suite("The test of a library of ciphers")
struct CipherSelfTestTests {
    @Test("finds nothing wrong with libsodium")
    func nothing() {
        #expect(SelfTestFailure(of: FlawedCipher<NoFlaw>.self) == nil)
    }

    @Test("finds a wrong tag, at the one length that has it")
    func tag() {
        let failure = SelfTestFailure(of: FlawedCipher<WrongTag>.self)
        #expect(failure == SelfTestFailure(method: .chacha20, length: 65, step: .seal))
    }

    @Test("finds a wrong bit of a long text")
    func text() {
        let failure = SelfTestFailure(of: FlawedCipher<WrongText>.self)
        #expect(failure == SelfTestFailure(method: .chacha20, length: 513, step: .seal))
    }

    @Test("finds a text that is opened wrongly, or not at all")
    func opening() {
        let wrong = SelfTestFailure(of: FlawedCipher<WrongOpening>.self)
        #expect(wrong == SelfTestFailure(method: .chacha20, length: 1_400, step: .open))
        let none = SelfTestFailure(of: FlawedCipher<NothingAuthentic>.self)
        #expect(none == SelfTestFailure(method: .chacha20, length: 0, step: .open))
    }

    @Test("finds out who accepts everything")
    func refusal() {
        let failure = SelfTestFailure(of: FlawedCipher<AllAuthentic>.self)
        #expect(failure == SelfTestFailure(method: .chacha20, length: 0, step: .refuse))
        #expect(failure?.description == "chacha20, refusing a changed packet, 0 bytes")
    }

    @Test("finds out who takes no key")
    func keys() {
        let failure = SelfTestFailure(of: FlawedCipher<NoKey>.self)
        #expect(failure == SelfTestFailure(method: .chacha20, length: 0, step: .key))
    }

    @Test("covers the lengths around each block, and the longest")
    func lengths() {
        for length in [0, 1, 15, 16, 17, 63, 64, 65, 1_400, 65_000] {
            #expect(SelfTestFailure.lengths.contains(length))
        }
    }
}
