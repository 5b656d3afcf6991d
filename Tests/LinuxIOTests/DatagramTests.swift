import CAllocations
import Glibc
import Testing
import VPNProtocol

@testable import VPNLinuxIO

@Suite("UDP sockets") struct DatagramTests {
    private static let families = AddressFamily.allCases

    @Test("are one for each family, on one port")
    func bothFamilies() throws {
        let sockets = try DatagramSockets(port: 0)
        #expect(sockets.port != 0)
        #expect(sockets.families == "IPv4 and IPv6")
    }

    @Test("18: say which port is in use", arguments: AddressFamily.allCases)
    func inUse(family: AddressFamily) throws {
        // Only one of the families has the port.
        let occupant = try DatagramSockets(port: 0) { wanted, port throws(SystemError) in
            if wanted != family { throw SystemError("", code: EAFNOSUPPORT) }
            return try DatagramSockets.open(wanted, port)
        }
        let error = #expect(throws: SystemError.self) { _ = try DatagramSockets(port: occupant.port) }
        #expect(error?.code == EADDRINUSE)
        #expect(error?.description.contains("UDP port \(occupant.port) for \(family.rawValue)") == true)
        #expect(error?.description.contains("--listen") == true)
    }

    @Test("need only one family", arguments: AddressFamily.allCases, [EAFNOSUPPORT, EADDRNOTAVAIL])
    func oneFamily(missing: AddressFamily, code: Int32) throws {
        let sockets = try DatagramSockets(port: 0) { family, port throws(SystemError) in
            if family == missing { throw SystemError("", code: code) }
            return try DatagramSockets.open(family, port)
        }
        let hasMissing = sockets.has(missing)
        #expect(!hasMissing)
        #expect(sockets.families == (missing == .ipv4 ? "IPv6 only" : "IPv4 only"))
        #expect(sockets.port != 0)
    }

    @Test("need at least one family")
    func noFamily() {
        let error = #expect(throws: SystemError.self) {
            _ = try DatagramSockets(port: 0) { family, _ throws(SystemError) in
                throw SystemError("cannot make a UDP socket for \(family.rawValue)", code: EAFNOSUPPORT)
            }
        }
        #expect(error?.code == EAFNOSUPPORT)
    }

    @Test("have large buffers", .enabled(if: Machine.isRoot, "needs root"))
    func buffers() throws {
        let sockets = try DatagramSockets(port: 0)
        for family in Self.families {
            guard let socket = sockets.number(family) else { throw TestFailure("no \(family)") }
            // The kernel doubles what it was given, for its own needs (socket(7)).
            #expect(DatagramSockets.value(socket, of: SO_RCVBUF) == 2 * Int32(DatagramSockets.bufferBytes))
            #expect(DatagramSockets.value(socket, of: SO_SNDBUF) == 2 * Int32(DatagramSockets.bufferBytes))
        }
        #expect(sockets.grantedBufferBytes == DatagramSockets.bufferBytes)
    }

    @Test("tell how large their buffers really are")
    func smallBuffers() throws {
        let sockets = try DatagramSockets(port: 0) { family, port throws(SystemError) in
            let socket = try DatagramSockets.open(family, port)
            var bytes: Int32 = 100_000
            unsafe _ = setsockopt(
                socket.number, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
            return socket
        }
        #expect(sockets.grantedBufferBytes == 100_000)
    }

    @Test("carry datagrams of any length", arguments: AddressFamily.allCases, [0, 1, 1400, 9000, 65_507])
    func carry(family: AddressFamily, byteCount: Int) throws {
        let link = try DatagramLink(family)
        let sent = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let failures = link.send([(sent, link.destination)])
        #expect(failures.isEmpty)
        let received = try link.receive(count: 1)
        #expect(received.count == 1)
        #expect(received.first?.bytes == sent)
        #expect(received.first?.source == link.source)
    }

    @Test("carry more datagrams than one call takes, in order", arguments: AddressFamily.allCases)
    func carryMany(family: AddressFamily) throws {
        let link = try DatagramLink(family)
        let sent: [[UInt8]] = (0..<SendQueue.capacity).map { [UInt8($0), 1, 2] }
        #expect(link.send(sent.map { ($0, link.destination) }).isEmpty)
        #expect(try link.receive(count: sent.count).map(\.bytes) == sent)
    }

    @Test("send to all others where one destination fails", .enabled(if: Machine.hasDevices, "needs root"))
    func oneFailure() async throws {
        let (failures, received, counters) = try await isolated {
            let link = try DatagramLink(.ipv4)
            // No route leads there, since only the loopback device is up.
            let nowhere = Endpoint(IPAddress(192, 0, 2, 1), port: 1)
            let sent = (0..<10).map { ([UInt8($0)], $0 == 4 ? nowhere : link.destination) }
            let failures = link.send(sent).map { "\($0.destination) \($0.code)" }
            return (failures, try link.receive(count: 9).map(\.bytes), link.counters)
        }
        #expect(failures == ["192.0.2.1:1 \(ENETUNREACH)"])
        #expect(received == (0..<10).filter { $0 != 4 }.map { [UInt8($0)] })
        #expect(counters.datagramsSent == 9)
        #expect(counters.bytesSent == 9)
        #expect(counters.sendErrors == 1)
    }

    @Test(
        "tell a firewall's refusal, and send to all others",
        .enabled(if: Machine.hasDevices && Machine.has("nft"), "needs root and nft"))
    func firewall() async throws {
        let (failures, received) = try await isolated {
            try shell("nft 'add table ip t; add chain ip t o { type filter hook output priority 0; }'")
            try shell("nft add rule ip t o ip daddr 127.0.0.9 drop")
            let link = try DatagramLink(.ipv4)
            let forbidden = Endpoint(IPAddress(127, 0, 0, 9), port: link.destination.port)
            let failures = link.send((0..<10).map { ([UInt8($0)], $0 == 4 ? forbidden : link.destination) })
            return (failures.map(\.code), try link.receive(count: 9).count)
        }
        #expect(failures == [EPERM])
        #expect(received == 9)
    }

    @Test("say that there is no socket for a family")
    func noSocket() throws {
        var queue = SendQueue(sendsRuns: true)
        var failures: [SendFailure] = []
        var counters = IOCounters()
        // Empty, so that there is nothing to keep in place.
        unsafe queue.append(
            UnsafeRawBufferPointer(start: nil, count: 0), segmentBytes: 0,
            to: Endpoint(IPAddress(127, 0, 0, 1), port: 1))
        queue.flush(to: nil, failures: &failures, counters: &counters)
        #expect(failures.map(\.code) == [EAFNOSUPPORT])
        #expect(counters.sendErrors == 1)
    }

    @Test("keep the interface of a link-local source", .enabled(if: Machine.hasDevices, "needs root"))
    func scope() async throws {
        let (source, index, answer) = try await isolated {
            try shell("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up")
            try shell("ip addr add fe80::1/64 dev v0 nodad && ip addr add fe80::2/64 dev v1 nodad")
            let link = try DatagramLink(.ipv6)
            let index = unsafe if_nametoindex("v0")
            let there = Endpoint(try #require(IPAddress("fe80::2")), port: link.destination.port, scope: index)
            var failures = link.send([([1], there)])
            guard failures.isEmpty else { throw TestFailure(SystemError.reason(failures[0].code)) }
            let first = try #require(try link.receive(count: 1).first?.source)
            // Back over the interface that it came through.
            failures = link.sendBack([([2], first)])
            guard failures.isEmpty else { throw TestFailure(SystemError.reason(failures[0].code)) }
            return (first, unsafe if_nametoindex("v1"), try link.receiveBack(count: 1).map(\.bytes))
        }
        #expect(source.address.isLinkLocal)
        #expect(source.scope == index)
        #expect(answer == [[2]])
    }

    @Test("allocate nothing for a packet, out and in")
    func allocations() throws {
        let link = try DatagramLink(.ipv4)
        let packet = [UInt8](repeating: 7, count: 1400)
        var received = 0
        var counts: [UInt64] = []
        for _ in 0..<3 {
            let before = allocations_of_this_thread()
            for _ in 0..<100 {
                link.sendCopies(16, of: packet)
                received += link.countReceived()
            }
            counts.append(allocations_of_this_thread() - before)
        }
        #expect(counts.last == 0, "\(counts)")
        #expect(received > 4_000)
    }
}
