import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("A capture")
struct CaptureTests {
    @Test("has the right headers and checksums over IPv4")
    func ipv4() throws {
        let frame = try #require(UDPFrame(from: endpoint(1), to: endpoint(2, port: 53), payload: [1, 2, 3]))
        #expect(
            frame.bytes == [
                2, 4, 198, 51, 100, 2, 2, 4, 198, 51, 100, 1, 0x08, 0,
                0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0xe6, 0x63, 198, 51, 100, 1, 198, 51, 100, 2,
                0x0c, 0x8a, 0, 53, 0, 11, 0x9a, 0xac, 1, 2, 3,
            ])
    }

    @Test("has checksums that sum up to nothing, over IPv4 and IPv6, for payloads of each length", arguments: 0...9)
    func checksums(byteCount: Int) throws {
        let payload = (0..<byteCount).map { UInt8(200 + $0) }
        for address in [IPAddress(192, 0, 2, 1), IPAddress(bits: 0x2001_0db8 << 96 | 1)] {
            let end = Endpoint(address, port: 3210)
            let bytes = try #require(UDPFrame(from: end, to: end, payload: payload)).bytes
            var sum = InternetChecksum()
            sum.add(bytes[(address.isIPv4 ? 26 : 22)...])
            sum.add(17)
            sum.add(UInt16(8 + byteCount))
            #expect(sum.value == 0)
        }
    }

    @Test("says 0xffff where the checksum is zero, since zero means that there is none")
    func zeroChecksum() throws {
        let plain = try #require(UDPFrame(from: endpoint(1), to: endpoint(2), payload: [0, 0])).bytes
        let frame = try #require(UDPFrame(from: endpoint(1), to: endpoint(2), payload: Array(plain[40..<42]))).bytes
        #expect(frame[40..<42] == [0xff, 0xff])
    }

    @Test("has no datagram that is longer than UDP can be")
    func longest() {
        let ends = (endpoint(1), Endpoint(IPAddress(bits: 1), port: 1))
        #expect(UDPFrame(from: ends.0, to: ends.0, payload: [UInt8](repeating: 0, count: 65_507)) != nil)
        #expect(UDPFrame(from: ends.0, to: ends.0, payload: [UInt8](repeating: 0, count: 65_508)) == nil)
        #expect(UDPFrame(from: ends.1, to: ends.1, payload: [UInt8](repeating: 0, count: 65_527)) != nil)
        #expect(UDPFrame(from: ends.1, to: ends.1, payload: [UInt8](repeating: 0, count: 65_528)) == nil)
        var packets = 0
        let capture = NetworkCapture { _ in packets += 1 }
        let datagram = VirtualDatagram(
            sent: .zero, sender: nil, source: ends.0, destination: ends.0, bytes: [UInt8](repeating: 0, count: 65_508))
        capture.observe(.dropped(datagram, .onTheWay, nil), at: .zero)
        #expect(packets == 0 && capture.oversized == 1)
    }

    @Test("shows each datagram at its sender and its receiver, opened, and those that were lost")
    func opened() throws {
        var packets: [CapturedPacket] = []
        let recorder = Recorder()
        _ = try SmallNetwork(seed: 7, observers: [NetworkCapture { packets.append($0) }, recorder])
        #expect(packets.map(\.time) == packets.map(\.time).sorted())
        let outer = packets.filter { if case .outer = $0.stream { true } else { false } }
        var ways = 0
        var lost = 0
        for observation in recorder.observations {
            switch observation {
            case .sent, .arrived: ways += 1
            case .dropped: lost += 1
            default: break
            }
        }
        #expect(outer.count == ways && lost > 0)
        #expect(packets.count { $0.stream == .dropped } == lost)
        // Magic, method 0, two reserved bytes, one of four types.
        #expect(
            (outer + packets.filter { $0.stream == .dropped }).allSatisfy {
                $0.bytes[42..<49] == [0x76, 0x70, 0x6e, 0x01, 0, 0, 0] && $0.bytes[49] < 4
            })
    }

    @Test("shows the frames as the device had them", arguments: DeviceType.allCases)
    func inner(device: DeviceType) throws {
        var packets: [CapturedPacket] = []
        let small = try SmallNetwork(seed: 7, device: device, observers: [NetworkCapture { packets.append($0) }])
        let delivered = packets.filter { $0.stream == .inner(node: "node-1", device) }
        #expect(delivered.map(\.bytes) == small.nodes[0].delivered && !delivered.isEmpty)
        #expect(packets.count { $0.stream == .inner(node: "node-2", device) } == 5)
    }

    @Test("shows what no key opens as it is")
    func foreign() throws {
        var packets: [CapturedPacket] = []
        let small = try SmallNetwork(seed: 7, observers: [NetworkCapture { packets.append($0) }])
        packets.removeAll()
        small.network.inject([1, 2, 3], from: endpoint(77), to: endpoint(1))
        #expect(packets.first.map { Array($0.bytes[42...]) } == [1, 2, 3])
    }

    @Test("begins with the nodes that are there already")
    func late() throws {
        let small = try SmallNetwork(seed: 7)
        let recorder = Recorder()
        small.network.add(recorder)
        #expect(recorder.observations.count == 2)
    }
}
