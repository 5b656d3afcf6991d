public import Foundation

/// A golden capture: UDP traffic between two programs in the field, and what an independent decoder read in it.
public struct Capture: Decodable, Sendable, CustomStringConvertible {
    public let capture: String
    public let dialect: String
    public let device: String
    public let shared_key: String?
    public let derived_key: String?
    public let magic_option: String?
    public let magic: String
    public let peer_timeout: Int?
    public let packets: [Packet]

    public struct Packet: Decodable, Sendable {
        public let from: String
        public let to: String
        public let method: UInt8
        public let nonce: String?
        public let packet: String
        public let message: Message
    }

    public struct Message: Decodable, Sendable, Equatable {
        public let type: String
        public var stage: UInt8?
        public var node_id: String?
        public var subnets: [String]?
        public var addresses: [String]?
        public var frame: String?
        public var trailing: String?

        public init(
            type: String, stage: UInt8? = nil, node_id: String? = nil, subnets: [String]? = nil,
            addresses: [String]? = nil, frame: String? = nil, trailing: String? = nil
        ) {
            self.type = type
            self.stage = stage
            self.node_id = node_id
            self.subnets = subnets
            self.addresses = addresses
            self.frame = frame
            self.trailing = trailing
        }
    }

    public var description: String { capture }

    /// All captures, in the order of their names.
    public static let all: [Capture] = load()

    private static func load() -> [Capture] {
        guard let folder = Bundle.module.resourceURL?.appending(path: "captures") else { return [] }
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        let descriptions = files.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        return descriptions.compactMap { file in
            guard let data = try? Data(contentsOf: file) else { return nil }
            return try? JSONDecoder().decode(Capture.self, from: data)
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
