/// A step of the handshake (manual: "Initial message").
public struct InitMessage: Hashable, Sendable {
    /// Which step.
    public enum Stage: UInt8, Sendable {
        /// Asks for a connection.
        case request = 0
        /// Answers a ``request``.
        case response = 1
    }

    /// The most subnets that fit the one byte that counts them.
    public static let maximumSubnets = 255

    /// The step of the handshake.
    public var stage: Stage
    /// The sender.
    public var nodeID: NodeID
    /// What the sender claims, at most ``maximumSubnets``.
    public var subnets: [Subnet]
    /// The bytes after the subnets. In dialect ``Dialect/v1`` the first two are the sender's peer timeout in seconds.
    public var trailing: [UInt8]

    /// A message from its fields.
    public init(stage: Stage, nodeID: NodeID, subnets: [Subnet], trailing: [UInt8] = []) {
        precondition(subnets.count <= Self.maximumSubnets, "one byte counts the subnets")
        self.stage = stage
        self.nodeID = nodeID
        self.subnets = subnets
        self.trailing = trailing
    }

    /// The peer timeout in seconds that the sender announced, where it did.
    public var announcedPeerTimeout: UInt16? {
        trailing.count >= 2 ? UInt16(trailing[0]) << 8 | UInt16(trailing[1]) : nil
    }
}

extension InitMessage {
    /// Reads the opened message that follows a header of type ``MessageType/initial``.
    public init(_ bytes: Span<UInt8>) throws(DecodeError) {
        var reader = ByteReader(bytes)
        let rawStage = try reader.read(UInt8.self)
        guard let stage = Stage(rawValue: rawStage) else { throw .unknownStage(rawStage) }
        let nodeID = NodeID(bits: try reader.readBits(byteCount: 16))
        let count = try reader.read(UInt8.self)
        var subnets: [Subnet] = []
        subnets.reserveCapacity(min(Int(count), reader.remaining / 6))
        for _ in 0..<count {
            let length = try reader.read(UInt8.self)
            guard let form = Subnet.Form(rawValue: length) else { throw .unknownAddressLength(length) }
            let base = try reader.readBits(byteCount: form.byteCount) << UInt128(128 - form.bitWidth)
            let prefix = try reader.read(UInt8.self)
            guard let subnet = Subnet(form, base: base, prefixLength: prefix) else {
                throw .invalidPrefixLength(prefix, addressBits: form.bitWidth)
            }
            subnets.append(subnet)
        }
        let trailing = reader.readRest()
        self.init(stage: stage, nodeID: nodeID, subnets: subnets, trailing: trailing)
    }

    /// The length of the encoded message.
    public var byteCount: Int {
        subnets.reduce(1 + 16 + 1 + trailing.count) { $0 + 2 + $1.form.byteCount }
    }

    /// Writes the message; the writer must have room for ``byteCount`` bytes.
    public func encode(into writer: inout ByteWriter) {
        writer.write(stage.rawValue)
        writer.write(bits: nodeID.bits, byteCount: 16)
        writer.write(UInt8(subnets.count))
        for subnet in subnets {
            writer.write(subnet.form.rawValue)
            writer.write(bits: subnet.base >> UInt128(128 - subnet.form.bitWidth), byteCount: subnet.form.byteCount)
            writer.write(subnet.prefixLength)
        }
        for byte in trailing { writer.write(byte) }
    }
}
