/// How long the files of a live capture become, and how many of them are kept.
public struct CaptureLimits: Hashable, Sendable {
    /// The most bytes of a file, unless its first packet alone has more.
    public var fileBytes: Int
    /// A packet that comes so long after the first one of a file begins a new file; nil for no such limit.
    public var age: Duration?
    /// How many files are kept of a kind, the one that is written among them; at least 1.
    public var files: Int

    /// So much that a capture that was forgotten takes up 2 GB in all: ten files of 100 MB each, for each of the two kinds.
    public static let standard = CaptureLimits(fileBytes: 100_000_000, age: nil, files: 10)

    /// Limits from their parts.
    public init(fileBytes: Int, age: Duration?, files: Int) {
        precondition(fileBytes > 0 && files > 0, "a capture has a file, and a file has bytes")
        self.fileBytes = fileBytes
        self.age = age
        self.files = files
    }
}
