import Glibc
import Testing

@testable import VPNLinuxIO

@Suite("The background process") struct BackgroundTests {
    @Test("lets the first process wait until it is ready, and goes on in a session of its own")
    func ready() async {
        await #expect(processExitsWith: .exitCode(77)) {
            switch try Background.enter() {
            case .background(let readiness):
                readiness.ready()
                // Goes on until the first process has looked at it.
                while getppid() != 1 { usleep(1_000) }
                exit(0)
            case .foreground(.ready(let process)):
                let isOther = process != getpid() && getsid(process) == process && getpgid(process) == process
                kill(process, SIGKILL)
                exit(isOther ? 77 : 1)
            case .foreground: exit(2)
            }
        }
    }

    @Test("lets go of the terminal")
    func terminal() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/out"
        await #expect(processExitsWith: .exitCode(77)) { [path = path as String] in
            switch try Background.enter() {
            case .background(let readiness):
                readiness.ready()
                _ = HookCommand.run("readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 > \(path)", interface: "")
                exit(0)
            case .foreground(.ready(let process)):
                var status: Int32 = 0
                unsafe waitpid(process, &status, 0)
                exit(status == 0 ? 77 : 2)
            case .foreground: exit(3)
            }
        }
        // The second is the file itself.
        let lines = contents(of: path)?.split(separator: "\n") ?? []
        #expect(lines.count == 3 && lines.first == "/dev/null" && lines.last == "/dev/null", "\(lines)")
    }

    @Test("says why it gives up", arguments: ["the port is in use\nand more", "."])
    func failed(reason: String) async {
        await #expect(processExitsWith: .exitCode(77)) { [reason = reason as String] in
            switch try Background.enter() {
            case .background(let readiness):
                readiness.failed(reason)
                exit(1)
            case .foreground(.failed(let told)): exit(told == (reason == "." ? "unknown error" : reason) ? 77 : 2)
            case .foreground: exit(3)
            }
        }
    }

    @Test("is noticed where it ends without a word")
    func ended() async {
        await #expect(processExitsWith: .exitCode(77)) {
            switch try Background.enter() {
            case .background(let readiness):
                _ = consume readiness
                exit(9)
            case .foreground(.ended(.exited(9))): break
            case .foreground: exit(2)
            }
            switch try Background.enter() {
            case .background:
                kill(getpid(), SIGKILL)
                exit(0)
            case .foreground(.ended(.signalled(SIGKILL))): exit(77)
            case .foreground: exit(3)
            }
        }
    }
}
