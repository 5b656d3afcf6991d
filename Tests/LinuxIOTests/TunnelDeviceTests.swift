import Glibc
import Testing
import VPNNode

@testable import VPNLinuxIO

@Suite("A TUN/TAP device") struct TunnelDeviceTests {
    @Test(
        "refuses names that Linux does not take, and says why",
        arguments: [
            ("", "without a name"), ("sixteen-bytes-xx", "16 bytes"), ("a b", "no spaces"),
            ("a/b", "no spaces, slashes"),
            ("..", "'..'"), ("vpn%d%d", "'%' may only stand once"), ("vpn%s", "'%d'"),
        ])
    func refusesNames(name: String, reason: String) throws {
        let error = #expect(throws: SystemError.self) { _ = try TunnelDevice(.tun, name: name) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("says that the base device is missing, and what to do")
    func missingBase() throws {
        let error = #expect(throws: SystemError.self) { _ = try TunnelDevice(.tun, name: "x", path: "/nowhere/tun") }
        #expect(error?.code == ENOENT)
        #expect(error?.description.contains("'/nowhere/tun'") == true)
        #expect(error?.description.contains("modprobe tun") == true)
    }

    @Test("says that a file is not the base device", .enabled(if: Machine.isRoot, "needs root"))
    func wrongBase() throws {
        let error = #expect(throws: SystemError.self) { _ = try TunnelDevice(.tun, name: "x", path: "/dev/null") }
        #expect(
            error?.description.contains("'/dev/null' is not the base device") == true, "\(String(describing: error))")
    }
}

@Suite("A TUN/TAP device", .enabled(if: Machine.hasDevices, "needs root and /dev/net/tun"))
struct KernelDeviceTests {
    @Test("gets the first free number for %d", arguments: DeviceType.allCases)
    func numbers(type: DeviceType) async throws {
        let names = try await isolated {
            let first = try TunnelDevice(type, name: "vpn%d")
            let second = try TunnelDevice(type, name: "vpn%d")
            return [first.name, second.name]
        }
        #expect(names == ["vpn0", "vpn1"])
    }

    @Test("takes a name of 15 bytes")
    func longestName() async throws {
        let name = try await isolated { try TunnelDevice(.tap, name: "fifteen-bytes-x").name }
        #expect(name == "fifteen-bytes-x")
    }

    @Test("says that its name is taken")
    func taken() async throws {
        let (error, other) = try await isolated {
            let first = try TunnelDevice(.tun, name: "vpn0")
            let busy = #expect(throws: SystemError.self) { _ = try TunnelDevice(.tun, name: first.name) }
            let other = #expect(throws: SystemError.self) { _ = try TunnelDevice(.tun, name: "lo") }
            return (busy, other)
        }
        #expect(error?.code == EBUSY)
        #expect(error?.description.contains("another process uses a device of this name") == true)
        #expect(other?.description.contains("is no tun device") == true)
    }

    @Test("is gone when its owner lets go")
    func closes() async throws {
        try await isolated {
            do { _ = try TunnelDevice(.tun, name: "vpn0") }
            // A command that another test is just starting has the descriptor for a moment, too.
            try eventually("the device is gone") { unsafe if_nametoindex("vpn0") == 0 }
        }
    }

    @Test("does not wait, and is not inherited by commands")
    func flags() async throws {
        try await isolated {
            let device = try TunnelDevice(.tun, name: "vpn0")
            #expect(fcntl(device.descriptor.number, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(device.descriptor.number, F_GETFD) & FD_CLOEXEC != 0)
            #expect(read(device) == .failure(EAGAIN))
        }
    }

    @Test("refuses frames while it is down, and takes them again once it is up")
    func downAndUp() async throws {
        let outcomes = try await isolated {
            let device = try TunnelDevice(.tap, name: "vpn0")
            let frame = [UInt8](repeating: 0xff, count: 64)
            let down = write(frame, to: device)
            try shell("ip link set vpn0 up")
            let up = write(frame, to: device)
            try shell("ip link set vpn0 down")
            return [down, up, write(frame, to: device)]
        }
        #expect(outcomes == [.failure(EIO), .success(64), .failure(EIO)])
    }

    @Test("refuses a packet that is no IP packet, and goes on")
    func noPacket() async throws {
        let outcomes = try await isolated {
            let device = try TunnelDevice(.tun, name: "vpn0")
            try shell("ip link set vpn0 up")
            return [write([0xf0, 1, 2], to: device), write([0x45] + [UInt8](repeating: 0, count: 27), to: device)]
        }
        #expect(outcomes == [.failure(EINVAL), .success(28)])
    }

    @Test("tells a device that was removed from one that is down")
    func removed() async throws {
        let outcomes = try await isolated {
            let device = try TunnelDevice(.tun, name: "vpn0")
            try shell("ip link delete vpn0")
            return [read(device), write([0x45], to: device)]
        }
        for outcome in outcomes {
            guard case .failure(let code) = outcome else { return #expect(Bool(false), "\(outcome)") }
            #expect(TunnelDevice.isLoss(code), "\(SystemError.reason(code))")
        }
        #expect(!TunnelDevice.isLoss(EIO))
    }
}

extension Int32: @retroactive Error {}

private func read(_ device: borrowing TunnelDevice) -> Result<Int, Int32> {
    var bytes = [UInt8](repeating: 0, count: TunnelDevice.maximumFrameBytes)
    var span = bytes.mutableSpan
    var input = DeviceInput()
    return switch input.read(from: device, into: &span, gapBytes: 0) {
    case .frames(let layout): .success(layout.count)
    case .malformed: .failure(EBADMSG)
    case .failed(let code): .failure(code)
    }
}

private func write(_ frame: [UInt8], to device: borrowing TunnelDevice) -> Result<Int, Int32> {
    var output = DeviceOutput(for: device)
    var bytes = frame
    var span = bytes.mutableSpan
    output.take(0..<frame.count, in: &span)
    let outcome = output.flush(&span, to: device)
    return outcome.code.map { .failure($0) } ?? .success(frame.count)
}
