/// How a recording is laid out as bytes: a start, and blocks of records behind it (docs/recording.md).
///
/// A recording holds what a node was told: its seed and its configuration without the key, then every input of its engine in
/// order, and after each round a digest of what came out. Whoever tells another engine the same gets the same out of it.
package enum RecordingFormat {
    /// What a recording begins with; the byte after it is the ``version``.
    static let magic = Array("vpnrec\0".utf8)
    /// The version of the format.
    static let version: UInt8 = 1
    /// The eight bytes at the start.
    static let start = magic + [version]

    /// Before the records of a block: their length, and a check of that.
    static let blockHeadBytes = 8
    /// Behind them: a checksum over all of the block and what was before it.
    static let blockTailBytes = 8
    /// The most bytes of records in a block; a length beyond is none.
    static let maximumBlockBytes = 16 << 20
    /// A block is written once it has so many bytes of records, where more are waiting.
    package static let wantedBlockBytes = 64 << 10

    /// What a record is; its first byte. Numbers are never used again for anything else.
    enum Kind: UInt8, CaseIterable {
        case head = 1
        case time = 2
        case advance = 3
        case datagram = 4
        case unopened = 5
        case unauthentic = 6
        case frames = 7
        case resolved = 8
        case portMapped = 9
        case portMappingFailed = 10
        case sendFailed = 11
        case deviceRefused = 12
        case shutDown = 13
        case sealing = 14
        case round = 15
        case state = 16
        case end = 17
    }
}

/// Why a recording ends.
package enum RecordingEnd: UInt8, CaseIterable, Sendable {
    /// The node ended.
    case nodeEnded = 0
    /// It was as long as it may be.
    case limit = 1
    /// What was to be recorded came faster than it could be written.
    case tooSlow = 2
    /// The system refused to write more.
    case writeFailed = 3

    /// The reason as a clause.
    package var explanation: String {
        switch self {
        case .nodeEnded: "the node ended"
        case .limit: "it was as long as it may be"
        case .tooSlow: "packets came faster than they could be written"
        case .writeFailed: "it could not be written any more"
        }
    }
}

/// What is wrong with a recording.
package enum RecordingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It does not begin as a recording does.
    case notARecording
    /// It is of a version that this program does not know.
    case unknownVersion(UInt8)
    /// A checksum does not fit: bytes from this position on are not those that were written.
    case damaged(position: Int)
    /// The checksum of the block at this position fits, and yet its records make no sense.
    case malformed(position: Int, reason: String)
    /// There is something behind the end.
    case bytesAfterEnd(position: Int)

    /// What is wrong, and where.
    package var description: String {
        switch self {
        case .notARecording: "it is no recording, or damaged where it begins"
        case .unknownVersion(let version):
            "it has version \(version) of the format, and this program reads version \(RecordingFormat.version); "
                + "replay it with the program that recorded it"
        case .damaged(let position): "the block at byte \(position) is not as it was written"
        case .malformed(let position, let reason): "the block at byte \(position) makes no sense: \(reason)"
        case .bytesAfterEnd(let position): "something follows its end, at byte \(position)"
        }
    }
}
