import Foundation
import Glibc

/// What the kernel says of a process.
struct ProcessStatus {
    private let fields: [String: [String]]

    init(of pid: pid_t) throws {
        let text = try require(contents(of: "/proc/\(pid)/status"), "the process \(pid)")
        var fields: [String: [String]] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let words = line[line.index(after: colon)...].split { $0 == " " || $0 == "\t" }
            fields[String(line[..<colon])] = words.map(String.init)
        }
        self.fields = fields
    }

    /// The words after a name.
    subscript(name: String) -> [String] { fields[name] ?? [] }

    /// The four user ids, and the four group ids: real, effective, saved, of the file system.
    var users: [UInt32] { self["Uid"].compactMap { UInt32($0) } }
    var groups: [UInt32] { self["Gid"].compactMap { UInt32($0) } }
    /// The further groups.
    var furtherGroups: [UInt32] { self["Groups"].compactMap { UInt32($0) } }

    /// The sets of capabilities that are not empty, without the bounding set.
    var capabilities: [String] {
        ["CapInh", "CapPrm", "CapEff", "CapAmb"].filter { UInt64(self[$0].first ?? "", radix: 16) != 0 }
    }
}

/// An account of this machine.
struct Account {
    let user: UInt32
    let group: UInt32

    /// Debian's account for processes that own nothing.
    static func nobody() throws -> Account {
        // The entry is read before any other call could overwrite it.
        let entry = unsafe getpwnam("nobody")
        guard let entry = unsafe entry else { throw LabError("there is no user nobody") }
        return unsafe Account(user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
    }

    /// Gives a file or folder to it.
    func own(_ path: String) throws {
        try FileManager.default.setAttributes(
            [.ownerAccountID: Int(user), .groupOwnerAccountID: Int(group)], ofItemAtPath: path)
    }
}
