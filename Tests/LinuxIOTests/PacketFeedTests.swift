import Dispatch
import Synchronization
import Testing
import VPNNode
import VPNProtocol

@testable import VPNLinuxIO

/// Takes the packets of a feed on a thread of its own, as a writer of files does.
private final class Collector: Sendable {
    struct Packet: Sendable {
        let record: PacketRecord
        let bytes: [UInt8]

        /// The message of a datagram that was sent or opened, without its header.
        var message: [UInt8] { Array(bytes.dropFirst(PacketHeader.byteCount)) }
    }

    private let state = Mutex<[Packet]>([])
    private let ended = DispatchSemaphore(value: 0)

    init(_ feed: PacketFeed) {
        detach {
            while feed.take({ record, bytes in
                let packet = Packet(record: record, bytes: bytes.indices.map { bytes[$0] })
                self.state.withLock { $0.append(packet) }
                let isFrame = record.kind == .fromDevice || record.kind == .toDevice
                feed.note(isFrame ? .inner : .outer, captured: 1)
            }) {}
            feed.close()
            self.ended.signal()
        }
    }

    /// All packets, once the feed is finished.
    func packets() throws -> [Packet] {
        guard ended.wait(timeout: .now() + 10) == .success else { throw TestFailure("the feed has no end") }
        return state.withLock { $0 }
    }
}

@Suite("What a node feeds to a capture", .enabled(if: Machine.hasDevices, "needs root and /dev/net/tun"))
struct PacketFeedTests {
    private static func seal(isEncrypted: Bool) throws -> PacketSeal {
        guard isEncrypted else { return PacketSeal(unencrypted: .standard) }
        let key = SecretKey([UInt8](repeating: 7, count: 32).span)
        return try PacketSeal(magic: .standard, method: .chacha20, key: key)
    }

    /// Lets a node with a feed talk to another one, and returns what it counted at its end.
    private static func run(
        _ feed: PacketFeed, _ type: DeviceType, patience: Duration = .seconds(10),
        _ body: (LiveNode, Namespace) throws -> Void = { _, _ in }
    ) throws -> IOCounters {
        let underlay = try Namespace()
        let seal = feed.seal
        let b = try LiveNode(host: 2, type: type, outside: underlay) { $0.seal = seal }
        let peer = try #require(PeerName(b.endpoint.description))
        var options = LiveNode.options
        options.capture = feed
        options.capturePatience = patience
        let a = try LiveNode(host: 1, type: type, outside: underlay, options: options) {
            $0.seal = seal
            $0.peers = [peer]
        }
        try a.waitForPeer()
        try b.waitForPeer()
        try a.ping("10.0.0.2", options: "-c 20 -i 0.002 -W 2 -s 1300")
        try body(a, underlay)
        #expect(try a.stop() == .stopped)
        #expect(try b.stop() == .stopped)
        return try #require(a.witness.story.snapshots.last?.io)
    }

    @Test(
        "is every frame, and every datagram without its encryption, as many as it counts",
        arguments: DeviceType.allCases, [true, false])
    func everything(type: DeviceType, isEncrypted: Bool) async throws {
        try await onThread {
            let feed = try PacketFeed(seal: Self.seal(isEncrypted: isEncrypted), includesOuter: true)
            let collector = Collector(feed)
            // The header of a packet of this network, and what no key has sealed; or no packet at all.
            let method = isEncrypted ? 1 : 2
            // No line breaks, at which the shell would send what it has.
            let foreign: [UInt8] = [0x76, 0x70, 0x6e, 1, UInt8(method), 0, 0, 0] + [UInt8](100..<140)
            let io = try Self.run(feed, type) { node, underlay in
                let octal = foreign.map { "\\" + String($0, radix: 8) }.joined()
                try underlay.run {
                    try shell("bash -c \"printf '\(octal)' > /dev/udp/127.0.0.1/\(node.endpoint.port)\"")
                }
                try node.wait("the datagram is dropped") { story in
                    story.events.contains { if case .dropped(_, .some) = $0 { true } else { false } }
                }
            }
            let packets = try collector.packets()
            func all(_ kind: PacketRecord.Kind) -> [Collector.Packet] { packets.filter { $0.record.kind == kind } }
            #expect(UInt64(all(.fromDevice).count) == io.framesRead)
            #expect(UInt64(all(.toDevice).count) == io.framesWritten + io.deviceWriteErrors)
            #expect(UInt64(all(.sent).count) == io.datagramsSent + io.sendErrors)
            #expect(UInt64(all(.received).count + all(.unopened).count) == io.datagramsReceived)
            #expect(all(.fromDevice).count >= 20 && all(.toDevice).count >= 20)
            #expect(feed.counts(.inner).captured == io.framesRead + io.framesWritten + io.deviceWriteErrors)
            #expect(feed.counts(.inner).dropped == 0 && feed.counts(.outer).dropped == 0)

            #expect(all(.unopened).map(\.bytes) == [foreign])
            for packet in all(.sent) + all(.received) {
                #expect(packet.bytes.prefix(7) == [0x76, 0x70, 0x6e, 1, 0, 0, 0])
                #expect(packet.record.peer.address == IPAddress(127, 0, 0, 1) && packet.record.peer.port != 0)
            }
            let sentFrames = all(.sent).filter { $0.bytes[7] == MessageType.data.rawValue }.map(\.message)
            let receivedFrames = all(.received).filter { $0.bytes[7] == MessageType.data.rawValue }.map(\.message)
            #expect(receivedFrames == all(.toDevice).map(\.bytes))
            #expect(Set(sentFrames).isSubset(of: Set(all(.fromDevice).map(\.bytes))) && sentFrames.count >= 20)
            // The end of the node is in it.
            #expect(all(.sent).last?.bytes == [0x76, 0x70, 0x6e, 1, 0, 0, 0, MessageType.close.rawValue])
            let times = packets.map(\.record.time)
            #expect(times == times.sorted() && times[0] > 1_700_000_000_000_000_000)
        }
    }

    @Test("is what the device carries only, where nothing else is wanted")
    func innerOnly() async throws {
        try await onThread {
            let feed = try PacketFeed(seal: Self.seal(isEncrypted: true), includesOuter: false)
            let collector = Collector(feed)
            let io = try Self.run(feed, .tun)
            let packets = try collector.packets()
            #expect(UInt64(packets.count) == io.framesRead + io.framesWritten)
            #expect(packets.allSatisfy { $0.record.kind == .fromDevice || $0.record.kind == .toDevice })
        }
    }

    @Test("does not hold the node up where nobody takes it, and counts as dropped")
    func nobodyReads() async throws {
        try await onThread {
            let feed = try PacketFeed(seal: Self.seal(isEncrypted: true), includesOuter: true, capacity: 4096)
            let start = ContinuousClock.now
            let io = try Self.run(feed, .tun, patience: .milliseconds(50))
            #expect(ContinuousClock.now - start < .seconds(8))
            #expect(feed.counts(.inner).dropped == io.framesRead + io.framesWritten)
            #expect(feed.counts(.outer).dropped == io.datagramsReceived + io.datagramsSent)
            #expect(feed.counts(.inner).captured == 0 && feed.counts(.outer).captured == 0)
        }
    }

    @Test("ends where it is turned off, and goes on being counted")
    func turnedOff() async throws {
        try await onThread {
            let feed = try PacketFeed(seal: Self.seal(isEncrypted: false), includesOuter: true)
            feed.turnOff()
            let collector = Collector(feed)
            let io = try Self.run(feed, .tap)
            #expect(try collector.packets().isEmpty)
            #expect(feed.counts(.inner).dropped == io.framesRead + io.framesWritten)
            #expect(feed.counts(.outer).dropped == io.datagramsReceived + io.datagramsSent)
        }
    }
}

@Suite("The address that datagrams leave from", .enabled(if: Machine.hasDevices, "needs root and /dev/net/tun"))
struct LocalAddressTests {
    @Test("is the kernel's choice, and is asked for again after a while")
    func choice() async throws {
        try await isolated {
            var addresses = LocalAddresses()
            let second: UInt64 = 1_000_000_000
            let own = IPAddress(192, 0, 2, 7)
            func address(_ text: String, at time: UInt64) throws -> IPAddress {
                addresses.address(towards: try #require(Endpoint(text)), at: time)
            }
            #expect(try address("127.0.0.1:1", at: 0) == IPAddress(127, 0, 0, 1))
            #expect(try address("[::1]:1", at: 0) == IPAddress(bits: 1))
            #expect(try address("192.0.2.1:1", at: second) == IPAddress(0, 0, 0, 0))
            #expect(try address("[2001:db8::1]:1", at: second) == IPAddress(bits: 0))
            try shell("ip link add near type veth peer name far && ip addr add 192.0.2.7/24 dev near")
            try shell("ip link set near up && ip link set far up")
            #expect(try address("192.0.2.1:1", at: 2 * second) == IPAddress(0, 0, 0, 0))
            #expect(try address("192.0.2.1:1", at: 12 * second) == own)
            // A bound of destinations, and a clock that is set back.
            for number in 0..<3000 {
                #expect(try address("192.0.2.\(number % 250 + 1):\(number + 1)", at: 12 * second) == own)
            }
            #expect(try address("192.0.2.1:1", at: 0) == own)
        }
    }
}
