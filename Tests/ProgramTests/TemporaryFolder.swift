import Glibc

@testable import vpncloud

/// A folder for one test, gone with all that is in it once the test is over.
struct TemporaryFolder: ~Copyable {
    let path: String

    init() {
        var template = Array("/tmp/vpncloud-test.XXXXXX\0".utf8CString.dropLast())
        // The template is changed in place, and ends with a zero byte.
        let made = unsafe mkdtemp(&template) != nil
        precondition(made, "/tmp must be writable")
        path = String(decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in names { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    /// What is in it, in order.
    var names: [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        // Each entry lives until the next one is read, and its name ends with a zero byte.
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes a file, and returns its path.
    borrowing func file(_ name: String, _ text: String) throws -> String {
        let path = "\(path)/\(name)"
        try FileBytes.replace(path, with: Array(text.utf8))
        return path
    }

    /// The text of a file.
    borrowing func text(of name: String) throws -> String {
        String(decoding: try FileBytes.read("\(path)/\(name)", atMost: 1 << 20), as: UTF8.self)
    }
}
