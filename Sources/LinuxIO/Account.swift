import CLinux
import Glibc

/// The user and group whose rights a process takes for good.
public struct Account: Hashable, Sendable {
    /// The user's number; nil to stay the user that the process is.
    public let user: UInt32?
    /// The group's number.
    public let group: UInt32
    /// What the account was named, for messages.
    public let description: String

    /// Looks up names, or takes numbers as they are. A user without a group gets the group in its entry.
    public init(user: String?, group: String?) throws(SystemError) {
        let entry = try user.map { name throws(SystemError) in try Self.userEntry(name) }
        self.user = entry?.user
        if let group {
            self.group = try Self.groupNumber(group)
        } else if let entry {
            guard let primary = entry.group else {
                throw SystemError(
                    "cannot tell the group of user \(entry.user)", code: 0,
                    advice: "the number has no entry in the user database; name a group with '--group'")
            }
            self.group = primary
        } else {
            self.group = getgid()
        }
        description = [user.map { "user '\($0)'" }, group.map { "group '\($0)'" }].compactMap { $0 }
            .joined(separator: " and ")
    }

    /// Becomes this account with the whole process: no other groups, no capabilities, and no way back. All of
    /// that is verified. To be called while the process has one thread.
    ///
    /// The bit that forbids new privileges to programs is not set: a command of `--ifdown` may use `sudo` where
    /// the administrator has allowed that.
    public func assume() throws(SystemError) {
        let operation = "cannot take the rights of \(description)"
        let advice = "this takes root, or the capabilities CAP_SETUID and CAP_SETGID"
        guard setgroups(0, nil) == 0 else { throw SystemError.last(operation, advice: advice) }
        guard clinux_set_group(group) == 0 else { throw SystemError.last(operation, advice: advice) }
        if let user {
            guard clinux_set_user(user) == 0 else { throw SystemError.last(operation, advice: advice) }
            // The kernel has done that already, unless the process was set up to keep them.
            if user != 0, clinux_clear_capabilities() != 0 { throw SystemError.last(operation) }
        }
        try verify(operation)
    }

    /// Finds out whether ``assume()`` will work, before anything is set up that would have to be undone.
    public func tryOut() throws(SystemError) { _ = try ask { true } }

    /// Does something with the rights that this account has to files, and then has those of before again. What is
    /// opened meanwhile is what the account could open itself, and what is made belongs to it.
    ///
    /// To be called while the process has one thread.
    public func withRightsToFiles<Result>(_ body: () throws -> Result) throws -> Result {
        let operation = "cannot take the rights of \(description) to files"
        let (fileUser, fileGroup) = (geteuid(), getegid())
        var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        // As many numbers as there are groups; no other thread changes them.
        guard unsafe getgroups(Int32(groups.count), &groups) == groups.count, setgroups(0, nil) == 0,
            clinux_set_file_group(group) == 0, clinux_set_file_user(user ?? fileUser) == 0
        else { throw SystemError.last(operation) }
        let result = Swift.Result { try body() }
        guard clinux_set_file_user(fileUser) == 0, clinux_set_file_group(fileGroup) == 0,
            unsafe setgroups(groups.count, groups) == 0
        else { throw SystemError.last("cannot have the rights to files of before again") }
        return try result.get()
    }

    private func verify(_ operation: String) throws(SystemError) {
        func fail(_ what: String) -> SystemError { SystemError(operation, code: 0, advice: what) }
        var groups: [gid_t] = [0, 0, 0]
        var users: [uid_t] = [0, 0, 0]
        // Both write three numbers.
        guard unsafe clinux_get_groups(&groups) == 0, unsafe clinux_get_users(&users) == 0 else {
            throw SystemError.last(operation)
        }
        guard groups.allSatisfy({ $0 == group }) else { throw fail("the process still has the groups \(groups)") }
        guard getgroups(0, nil) == 0 else { throw fail("the process still has further groups") }
        guard let user else { return }
        guard users.allSatisfy({ $0 == user }) else { throw fail("the process is still the users \(users)") }
        guard user != 0 else { return }
        guard clinux_has_capabilities() == 0 else { throw fail("the process still has capabilities") }
        guard clinux_set_user(0) != 0, setuid(0) != 0, seteuid(0) != 0 else {
            throw fail("the process could become root again")
        }
        guard group == 0 || clinux_set_group(0) != 0 && setgid(0) != 0 else {
            throw fail("the process could take the group of root again")
        }
    }
}

extension Account {
    /// Whether this account can write to a file: to an existing one, else make it in its directory.
    public func canWrite(_ path: String) throws(SystemError) -> Bool {
        try ask {
            var status = stat()
            if unsafe stat(path, &status) == 0 { return unsafe access(path, W_OK) == 0 }
            return unsafe errno == ENOENT && access(Self.directory(of: path), W_OK | X_OK) == 0
        }
    }

    /// Whether this account can put another file in the place of a file, by renaming one in its directory.
    public func canReplace(_ path: String) throws(SystemError) -> Bool {
        try ask {
            let directory = Self.directory(of: path)
            guard unsafe access(directory, W_OK | X_OK) == 0 else { return false }
            var (around, file) = (stat(), stat())
            guard unsafe stat(directory, &around) == 0 else { return false }
            guard unsafe lstat(path, &file) == 0 else { return errno == ENOENT }
            // In a directory as /tmp only its owner may replace a file.
            let isOwner = [file.st_uid, around.st_uid, 0].contains(getuid())
            return around.st_mode & S_ISVTX == 0 || isOwner
        }
    }

    static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Lets another process, which takes this account's rights, answer a question. No rule of the file system has to
    /// be known here for that, be it access lists or what the kernel allows root.
    private func ask(_ question: () -> Bool) throws(SystemError) -> Bool {
        let process = clinux_fork()
        guard process >= 0 else { throw SystemError.last("cannot start a process") }
        if process == 0 {
            do throws(SystemError) {
                try assume()
                _exit(question() ? 0 : 1)
            } catch {
                _exit(2)
            }
        }
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw SystemError.last("cannot wait for a process") }
        }
        switch clinux_exit_status(status) {
        case 0: return true
        case 1: return false
        default:
            throw SystemError(
                "cannot take the rights of \(description)", code: 0,
                advice: "this takes root, or the capabilities CAP_SETUID and CAP_SETGID")
        }
    }
}

extension Account {
    private static func userEntry(_ name: String) throws(SystemError) -> (user: uid_t, group: gid_t?) {
        let named = unsafe try lookUp("user '\(name)'") {
            (entry: UnsafeMutablePointer<passwd>, buffer, byteCount, found) in
            unsafe getpwnam_r(name, entry, buffer, byteCount, &found)
        }
        if let named = unsafe named { return unsafe (named.pw_uid, named.pw_gid) }
        guard let number = Self.number(name) else {
            throw SystemError("there is no user '\(name)'", code: 0, advice: "give the name or the number of a user")
        }
        let numbered = unsafe try lookUp("user \(number)") {
            (entry: UnsafeMutablePointer<passwd>, buffer, byteCount, found) in
            unsafe getpwuid_r(number, entry, buffer, byteCount, &found)
        }
        return unsafe (number, numbered.map { unsafe $0.pw_gid })
    }

    private static func groupNumber(_ name: String) throws(SystemError) -> gid_t {
        let named = unsafe try lookUp("group '\(name)'") {
            (entry: UnsafeMutablePointer<Glibc.group>, buffer, byteCount, found) in
            unsafe getgrnam_r(name, entry, buffer, byteCount, &found)
        }
        if let named = unsafe named { return unsafe named.gr_gid }
        guard let number = Self.number(name) else {
            throw SystemError("there is no group '\(name)'", code: 0, advice: "give the name or the number of a group")
        }
        return number
    }

    /// A user's or group's number. The highest is no number but the kernel's word for "unchanged".
    private static func number(_ text: String) -> UInt32? {
        guard text.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }), let number = UInt32(text)
        else { return nil }
        return number == .max ? nil : number
    }

    /// Asks the user database, with more room for the answer where it needs more. Of the entry only numbers may be
    /// used, since its texts are gone with the room.
    private static func lookUp<Entry>(
        _ what: String,
        _ ask: (
            UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int, inout UnsafeMutablePointer<Entry>?
        ) -> Int32
    ) throws(SystemError) -> Entry? {
        var room = 1024
        while true {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: room)
            defer { unsafe buffer.deallocate() }
            // The entry is a C structure, for which all zeros is a value.
            let entry = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
            defer { unsafe entry.deallocate() }
            unsafe UnsafeMutableRawPointer(entry).initializeMemory(
                as: UInt8.self, repeating: 0, count: MemoryLayout<Entry>.size)
            var found: UnsafeMutablePointer<Entry>?
            let code = unsafe ask(entry, buffer, room, &found)
            if code == 0 { return unsafe found == nil ? nil : entry.pointee }
            // Databases disagree about how to say that there is no such entry.
            if code == ENOENT || code == ESRCH || code == EPERM || code == EBADF { return nil }
            guard code == ERANGE || code == EINTR, room < 1 << 20 else {
                throw SystemError("cannot look up \(what)", code: code)
            }
            if code == ERANGE { room *= 4 }
        }
    }
}
