import Glibc
import Testing
import VPNNode

@testable import VPNLinuxIO

@Suite("A command of the user") struct HookCommandTests {
    @Test("ends with a status, by a signal, or not at all")
    func outcomes() {
        #expect(HookCommand.run("true", interface: "x") == .exited(0))
        #expect(HookCommand.run("exit 3", interface: "x") == .exited(3))
        #expect(HookCommand.run("kill -9 $$", interface: "x") == .signalled(9))
        #expect(HookCommand.run("no-such-command-here 2> /dev/null", interface: "x") == .exited(127))
        #expect(HookOutcome.signalled(9).description == "was ended by signal 9 (Killed)")
    }

    @Test("has the name of the device and the environment of the program")
    func environment() async {
        await #expect(processExitsWith: .exitCode(77)) {
            unsafe setenv("LINUXIO_TESTS", "here", 1)
            unsafe setenv("IFNAME", "wrong", 1)
            let command = "test \"$IFNAME $LINUXIO_TESTS\" = 'vpn7 here' && exit 77"
            guard case .exited(let status) = HookCommand.run(command, interface: "vpn7") else { exit(1) }
            exit(status)
        }
    }

    @Test("gets neither blocked nor ignored signals, and no descriptors of the program")
    func cleanStart() async throws {
        let (signals, ending) = try await onThread {
            let directory = try TemporaryDirectory()
            let blocked = try TerminationSignals(wanted: true)
            let sockets = try DatagramSockets(port: 0)
            let path = "\(directory.path)/signals"
            let numbers = [blocked.descriptor.number, sockets.number(.ipv4) ?? 0, sockets.number(.ipv6) ?? 0]
            let tests = numbers.map { "test ! -e /proc/$$/fd/\($0)" }.joined(separator: " && ")
            let ending = HookCommand.run(
                "grep -E 'SigBlk|SigIgn' /proc/self/status > \(path) && \(tests)", interface: "x")
            return (contents(of: path), ending)
        }
        #expect(ending == .exited(0))
        let masks = signals?.split(separator: "\n").compactMap { UInt64($0.dropFirst(8), radix: 16) }
        // The signals 32 and 33 are the C library's own.
        #expect(masks?.map { $0 & 0x7fff_ffff } == [0, 0])
    }
}

@Suite("Signals") struct TerminationSignalsTests {
    @Test("come one after another, and nothing else does", arguments: [SIGINT, SIGTERM, SIGQUIT, SIGHUP])
    func come(number: Int32) async throws {
        let taken = try await onThread {
            let signals = try TerminationSignals(wanted: true)
            let before = signals.take()
            pthread_kill(pthread_self(), number)
            let ready = signals.descriptor.waitForInput(milliseconds: 5_000)
            return (before, ready, signals.take(), signals.take())
        }
        #expect(taken == (nil, true, number, nil))
    }

    @Test("are blocked no longer than they are waited for")
    func restored() async throws {
        let (during, after) = try await onThread {
            // The thread has the signals of one of the tests' threads, which block them all.
            var none = sigset_t()
            unsafe sigemptyset(&none)
            unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
            let signals = try TerminationSignals(wanted: true)
            let during = isBlocked(SIGTERM)
            _ = consume signals
            return (during, isBlocked(SIGTERM))
        }
        #expect(during)
        #expect(!after)
    }
}

/// Whether the calling thread blocks a signal.
private func isBlocked(_ number: Int32) -> Bool {
    var mask = sigset_t()
    unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
    return unsafe sigismember(&mask, number) == 1
}

@Suite("A pid file") struct PIDFileTests {
    @Test("holds the id of the process, and is removed at the end")
    func life() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/pid"
        do {
            var file = try PIDFile(path)
            #expect(contents(of: path) == "")
            try file.write()
            #expect(contents(of: path) == "\(getpid())\n")
        }
        #expect(contents(of: path) == nil)
    }

    @Test("replaces what an earlier process has left")
    func leftover() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/pid"
        try shell("echo 12345678901234567890 > \(path)")
        var file = try PIDFile(path)
        try file.write()
        #expect(contents(of: path) == "\(getpid())\n")
    }

    @Test("belongs to one node only")
    func locked() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/pid"
        let first = try PIDFile(path)
        let error = #expect(throws: SystemError.self) { _ = try PIDFile(path) }
        #expect(
            error?.description
                == "cannot lock the pid file '\(path)': another node runs with it; end that one, or name another file")
        _ = consume first
    }

    @Test("is removed by the process that has made it, unless that has left it to another")
    func notWritten() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/pid"
        do { _ = try PIDFile(path) }
        #expect(contents(of: path) == nil)
        do {
            var file = try PIDFile(path)
            file.leave()
        }
        #expect(contents(of: path) == "")
    }

    @Test("is left alone by a process that has not made or written it, or where another has taken its place")
    func notOwn() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/pid"
        try shell("echo old > \(path)")
        do { _ = try PIDFile(path) }
        #expect(contents(of: path) == "old\n")
        do {
            var file = try PIDFile(path)
            try file.write()
            try shell("rm \(path) && echo other > \(path)")
        }
        #expect(contents(of: path) == "other\n")
    }

    @Test("says where it cannot be made")
    func impossible() {
        let error = #expect(throws: SystemError.self) { _ = try PIDFile("/nowhere/at/all") }
        #expect(error?.description.hasPrefix("cannot open the pid file '/nowhere/at/all': No such file") == true)
    }
}

@Suite("The clock") struct BootClockTests {
    @Test("wakes at the instant that was set last, and not before")
    func timer() throws {
        let clock = BootClock()
        var timer = try clock.timer()
        timer.arm(at: clock.now() + .seconds(3600))
        let early = timer.descriptor.waitForInput(milliseconds: 0)
        #expect(!early)
        let due = clock.now() + .milliseconds(30)
        timer.arm(at: due)
        let woke = timer.descriptor.waitForInput(milliseconds: 5_000)
        #expect(woke && clock.now() >= due)
        timer.fired()
        let again = timer.descriptor.waitForInput(milliseconds: 0)
        #expect(!again)
    }

    @Test("wakes at once for what is past, and never for nothing")
    func past() throws {
        let clock = BootClock()
        var timer = try clock.timer()
        timer.arm(at: .zero)
        let woke = timer.descriptor.waitForInput(milliseconds: 5_000)
        #expect(woke)
        timer.fired()
        timer.arm(at: .zero)
        timer.arm(at: nil)
        let disarmed = timer.descriptor.waitForInput(milliseconds: 0)
        #expect(!disarmed)
    }
}
