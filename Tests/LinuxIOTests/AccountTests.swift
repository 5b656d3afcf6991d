import CLinux
import Glibc
import Testing

@testable import VPNLinuxIO

@Suite("An account") struct AccountTests {
    @Test("is found by name or number")
    func found() throws {
        let named = try Account(user: "nobody", group: "nogroup")
        #expect(named.user == 65_534 && named.group == 65_534)
        #expect(named.description == "user 'nobody' and group 'nogroup'")
        let numbered = try Account(user: "65534", group: "1234567")
        #expect(numbered.user == 65_534 && numbered.group == 1_234_567)
    }

    @Test("has the group of the user's entry where none is named, by name and by number")
    func primaryGroup() throws {
        #expect(try Account(user: "nobody", group: nil).group == 65_534)
        #expect(try Account(user: "65534", group: nil).group == 65_534)
    }

    @Test("keeps the user where only a group is named")
    func groupOnly() throws {
        let account = try Account(user: nil, group: "nogroup")
        #expect(account.user == nil && account.group == 65_534)
    }

    @Test(
        "is an error where it does not exist",
        arguments: [
            ("no-such-user", nil, "there is no user 'no-such-user'"), ("nobody", "no-such-group", "there is no group"),
            ("4294967295", nil, "there is no user"), ("", nil, "there is no user ''"),
            ("-1", nil, "there is no user '-1'"),
            ("1234567", nil, "name a group with '--group'"),
        ] as [(String, String?, String)])
    func unknown(user: String, group: String?, reason: String) {
        let error = #expect(throws: SystemError.self) { _ = try Account(user: user, group: group) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("can write and replace files where the user may", .enabled(if: Machine.isRoot, "needs root"))
    func rights() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        try shell(
            """
            chmod 755 \(path); cd \(path); mkdir own other shared; chmod 1777 shared
            touch own/file other/file other/open shared/file shared/own; chmod 666 other/open; chown -R nobody own shared/own
            mkdir -m 700 closed; mkdir -m 777 closed/inner
            """)
        let nobody = try Account(user: "nobody", group: nil)
        let writable = ["own/file", "own/new", "other/open", "shared/new", "shared/own", "/dev/null"]
        let closed = ["other/file", "other/new", "shared/file", "closed/inner/new", "missing/new"]
        for name in writable { #expect(try nobody.canWrite(absolute(name)), "\(name)") }
        for name in closed { #expect(try !nobody.canWrite(absolute(name)), "\(name)") }
        for name in ["own/file", "own/new", "shared/new", "shared/own"] {
            #expect(try nobody.canReplace(absolute(name)), "\(name)")
        }
        for name in ["other/open", "other/new", "shared/file", "closed/inner/new", "missing/new"] {
            #expect(try !nobody.canReplace(absolute(name)), "\(name)")
        }
        func absolute(_ name: String) -> String { name.hasPrefix("/") ? name : "\(path)/\(name)" }
    }

    @Test("knows the directory of a file")
    func directories() {
        #expect(Account.directory(of: "/a/b") == "/a")
        #expect(Account.directory(of: "/a") == "/")
        #expect(Account.directory(of: "a") == ".")
        #expect(Account.directory(of: "a/b/c") == "a/b")
    }

    @Test("is assumed for good, without groups or capabilities", .enabled(if: Machine.isRoot, "needs root"))
    func assumed() async {
        await #expect(processExitsWith: .exitCode(77)) {
            try Account(user: "nobody", group: "nogroup").assume()
            guard getuid() == 65_534, geteuid() == 65_534, getgid() == 65_534, getgroups(0, nil) == 0 else { exit(1) }
            guard clinux_has_capabilities() == 0, setuid(0) != 0, seteuid(0) != 0, setgid(0) != 0 else { exit(2) }
            guard unsafe access("/etc/shadow", R_OK) != 0,
                HookCommand.run("test $(id -u) = 65534", interface: "") == .exited(0)
            else { exit(3) }
            exit(77)
        }
    }

    @Test("drops all groups but its own where only a group is named", .enabled(if: Machine.isRoot, "needs root"))
    func assumedGroup() async {
        await #expect(processExitsWith: .exitCode(77)) {
            try Account(user: nil, group: "nogroup").assume()
            exit(getgid() == 65_534 && getegid() == 65_534 && getgroups(0, nil) == 0 && getuid() == 0 ? 77 : 1)
        }
    }

    @Test("lends its rights to files, and nothing stays of them", .enabled(if: Machine.isRoot, "needs root"))
    func files() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path
        try shell("chmod 755 \(path); mkdir \(path)/own; chown nobody \(path)/own; ln -s \(path)/no \(path)/own/link")
        await #expect(processExitsWith: .exitCode(77)) { [path = path as String] in
            _ = unsafe setgroups(2, [0, 1])
            func make(_ name: String) -> Int32 { unsafe clinux_open("\(path)/\(name)", O_WRONLY | O_CREAT, 0o600) }
            let nobody = try Account(user: "nobody", group: "nogroup")
            let (own, other, linked) = try nobody.withRightsToFiles { (make("own/a"), make("b"), make("own/link")) }
            var status = stat()
            guard own >= 0, other < 0, linked < 0, unsafe fstat(own, &status) == 0 else { exit(1) }
            guard status.st_uid == 65_534, status.st_gid == 65_534 else { exit(2) }
            let after = make("b")
            guard after >= 0, unsafe fstat(after, &status) == 0, status.st_uid == 0, status.st_gid == 0 else { exit(3) }
            exit(getgroups(0, nil) == 2 ? 77 : 4)
        }
    }

    @Test("is refused to a process without rights", .enabled(if: Machine.isRoot, "needs root"))
    func refused() async {
        await #expect(processExitsWith: .exitCode(77)) {
            try Account(user: "nobody", group: nil).assume()
            do {
                try Account(user: "daemon", group: nil).assume()
            } catch let error as SystemError where error.code == EPERM && error.description.contains("CAP_SETUID") {
                exit(77)
            }
            exit(1)
        }
    }
}
