/// How bytes from the network failed to be a packet or a message of this protocol.
public enum DecodeError: Error, Hashable, Sendable {
    /// The bytes end before the field does. Both counts are in bytes from the start of what was decoded.
    case truncated(needed: Int, available: Int)
    /// The first four bytes are another network's (manual: "magic").
    case foreignMagic
    /// The header names a crypto method that this node does not use (manual: "crypto method").
    case foreignMethod(UInt8)
    /// The last header byte is none of the four message types (manual: "message type").
    case unknownMessageType(UInt8)
    /// The first byte of an Init message is neither 0 nor 1 (manual: "stage").
    case unknownStage(UInt8)
    /// A subnet's base address has another length than 4, 6, 8 or 16 bytes.
    case unknownAddressLength(UInt8)
    /// A subnet's prefix is longer than its address.
    case invalidPrefixLength(UInt8, addressBits: Int)
}
