public import VPNProtocol

extension Capture {
    /// The seal of the captured network, with the key that its description gives.
    public var seal: PacketSeal {
        get throws {
            guard let bits = UInt32(magic, radix: 16) else { throw CaptureFileError(text: "no magic: \(magic)") }
            let method = packets.first.flatMap { CryptoMethod(rawValue: $0.method) } ?? .none
            guard let derivedKey else { return PacketSeal(unencrypted: Magic(bits: bits)) }
            guard let key = [UInt8](hexadecimal: derivedKey), key.count == SecretKey.byteCount else {
                throw CaptureFileError(text: "no key: \(derivedKey)")
            }
            return try PacketSeal(magic: Magic(bits: bits), method: method, key: SecretKey(key.span))
        }
    }
}
