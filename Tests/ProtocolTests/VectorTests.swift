import TestVectors
import Testing
import VPNProtocol

@Suite("Golden captures")
struct VectorTests {
    @Test("are all there")
    func areThere() {
        #expect(Capture.all.map(\.capture).count == 7)
    }

    @Test("have the datagrams that their descriptions say", arguments: Capture.all)
    func matchFiles(capture: Capture) throws {
        let datagrams = try readCaptureFile(#require(capture.file))
        #expect(datagrams.map(\.payload.hexadecimal) == capture.packets.map(\.packet))
        #expect(datagrams.map(\.source.description) == capture.packets.map(\.from))
        #expect(datagrams.map(\.destination.description) == capture.packets.map(\.to))
    }

    @Test("derive their key and magic from the options", arguments: Capture.all)
    func derive(capture: Capture) throws {
        let dialect = try #require(Dialect(rawValue: capture.dialect))
        let magic = try capture.magicOption.map { try #require(Magic($0, dialect: dialect)) } ?? .standard
        #expect(magic.description == capture.magic)
        if let password = capture.sharedKey {
            let digits = try #require(capture.derivedKey)
            let expected = try #require([UInt8](hexadecimal: digits))
            #expect(try dialect.keyDerivation.key(from: password).equals(SecretKey(expected.span)))
        }
    }

    @Test("decode to their descriptions and encode to the same bytes", arguments: Capture.all)
    func roundTrip(capture: Capture) throws {
        let seal = try capture.seal
        for packet in capture.packets {
            let wire = try #require([UInt8](hexadecimal: packet.packet))
            var bytes = wire
            var span = bytes.mutableSpan
            let opened = try seal.open(&span)
            #expect(opened.nonce?.description == packet.nonce)
            let plain = Array(bytes[opened.message])
            let (message, encoded) = try decodeAndEncode(plain, type: opened.type)
            #expect(message == packet.message)

            var again = [UInt8](repeating: 0xee, count: seal.headBytes) + encoded
            again += [UInt8](repeating: 0xee, count: seal.tailBytes)
            let range = seal.headBytes..<seal.headBytes + encoded.count
            var target = again.mutableSpan
            seal.seal(&target, message: range, type: opened.type, nonce: opened.nonce ?? Nonce(bits: 0))
            #expect(again == wire)
        }
    }

    /// Decodes a message into the words of the descriptions, and encodes it again.
    private func decodeAndEncode(_ bytes: [UInt8], type: MessageType) throws -> (Capture.Message, [UInt8]) {
        switch type {
        case .data:
            return (Capture.Message(type: "data", frame: bytes.hexadecimal), bytes)
        case .close:
            return (Capture.Message(type: "close", trailing: bytes.hexadecimal), bytes)
        case .initial:
            let message = try InitMessage(bytes.span)
            let described = Capture.Message(
                type: "init", stage: message.stage.rawValue, nodeId: message.nodeID.description,
                subnets: message.subnets.map(\.description), trailing: message.trailing.hexadecimal)
            return (described, encode(message.byteCount) { message.encode(into: &$0) })
        case .peers:
            let message = try PeerListMessage(bytes.span)
            // The descriptions write a mapped address with its last 32 bits in hexadecimal, as bytes on the wire.
            let addresses =
                message.ipv4.map(\.description)
                + message.ipv6.map { $0.address.isIPv4 ? mappedDescription($0) : $0.description }
            let described = Capture.Message(
                type: "peers", addresses: addresses, trailing: message.trailing.hexadecimal)
            return (described, encode(message.byteCount) { message.encode(into: &$0) })
        }
    }

    private func encode(_ byteCount: Int, _ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var writer = ByteWriter(bytes.mutableSpan)
        write(&writer)
        #expect(writer.count == byteCount)
        return bytes
    }

    private func mappedDescription(_ endpoint: Endpoint) -> String {
        let bits = UInt32(truncatingIfNeeded: endpoint.address.bits)
        return "[::ffff:\(String(bits >> 16, radix: 16)):\(String(bits & 0xffff, radix: 16))]:\(endpoint.port)"
    }
}
