import Glibc

/// What tells a file from every other, however it is named: also one that is still to be made. A pipe, a terminal or a device
/// is no file in this sense.
struct FileIdentity: Equatable {
    private let device: UInt
    private let number: UInt
    /// Of a file that is still to be made, its name; the numbers are those of its folder then.
    private let name: String?

    /// The file that a path leads to; nil where there can be none.
    init?(_ path: String) {
        var status = stat()
        // A path comes as text that ends with a zero byte, and the call fills in the status.
        if unsafe stat(path, &status) == 0 {
            self.init(status)
            return
        }
        guard errno == ENOENT else { return nil }
        let (folder, name) = Self.parts(of: path)
        guard unsafe stat(folder, &status) == 0 else { return nil }
        self.init(status, name: name)
    }

    /// The file that a descriptor stands for; nil where it stands for something else.
    init?(descriptor: Int32) {
        var status = stat()
        // The call fills in the status.
        guard unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init?(_ status: stat) {
        guard status.st_mode & S_IFMT == S_IFREG else { return nil }
        self.init(status, name: nil)
    }

    private init(_ status: stat, name: String?) {
        device = UInt(status.st_dev)
        number = UInt(status.st_ino)
        self.name = name
    }

    /// The folder that a path names, and the name in it.
    private static func parts(of path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }
}
