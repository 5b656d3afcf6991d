public import Foundation

/// A golden capture: UDP traffic between two programs in the field, and what an independent decoder read in it.
public struct Capture: Decodable, Sendable, CustomStringConvertible {
    /// The name of the capture file.
    public let capture: String
    /// The dialect of the captured programs.
    public let dialect: String
    /// `tun` or `tap`.
    public let device: String
    /// The password, where the network is encrypted.
    public let sharedKey: String?
    /// The key derived from it, in hexadecimal.
    public let derivedKey: String?
    /// The magic as an option gives it, where one was given.
    public let magicOption: String?
    /// The magic in hexadecimal.
    public let magic: String
    /// The peer timeout in seconds, where it is not the default.
    public let peerTimeout: Int?
    /// The datagrams, in order.
    public let packets: [Packet]

    /// One datagram and what is in it.
    public struct Packet: Decodable, Sendable {
        /// The source endpoint.
        public let from: String
        /// The destination endpoint.
        public let to: String
        /// The crypto method.
        public let method: UInt8
        /// The nonce in hexadecimal, where there is one.
        public let nonce: String?
        /// The whole datagram in hexadecimal.
        public let packet: String
        /// What it says.
        public let message: Message
    }

    /// A decoded message; which fields are there depends on its type.
    public struct Message: Decodable, Sendable, Equatable {
        /// `data`, `peers`, `init` or `close`.
        public let type: String
        /// The stage of an Init.
        public var stage: UInt8?
        /// The node id of an Init in hexadecimal.
        public var nodeId: String?
        /// The subnets of an Init.
        public var subnets: [String]?
        /// The addresses of a list.
        public var addresses: [String]?
        /// The frame of a data message in hexadecimal.
        public var frame: String?
        /// The bytes after the known fields in hexadecimal.
        public var trailing: String?

        /// A message from its fields.
        public init(
            type: String, stage: UInt8? = nil, nodeId: String? = nil, subnets: [String]? = nil,
            addresses: [String]? = nil, frame: String? = nil, trailing: String? = nil
        ) {
            self.type = type
            self.stage = stage
            self.nodeId = nodeId
            self.subnets = subnets
            self.addresses = addresses
            self.frame = frame
            self.trailing = trailing
        }
    }

    /// The name of the capture file.
    public var description: String { capture }

    /// All captures, in the order of their names.
    public static let all: [Capture] = load()

    private static func load() -> [Capture] {
        guard let folder = Bundle.module.resourceURL?.appending(path: "captures") else { return [] }
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        let descriptions = files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return descriptions.compactMap { file in
            guard let data = try? Data(contentsOf: file) else { return nil }
            return try? decoder.decode(Capture.self, from: data)
        }
    }

    /// The capture file itself.
    public var file: URL? { Bundle.module.resourceURL?.appending(path: "captures/\(capture)") }
}

extension [UInt8] {
    /// Bytes from hexadecimal digits; nil where they are none.
    public init?(hexadecimal text: String) {
        let digits = text.compactMap(\.hexDigitValue)
        guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
        self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Two lower-case hexadecimal digits a byte.
    public var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
