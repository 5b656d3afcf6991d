import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@Suite("Forwarding")
struct ForwardingTests {
    private static let macs: [UInt64] = [0x0200_0000_0001, 0x0200_0000_0002, 0x0200_0000_0003]
    private static let broadcast: UInt64 = 0xffff_ffff_ffff

    /// Three nodes that are connected; the second and third know only the first. Node n claims what is given for it.
    private func mesh(
        _ mode: ForwardingMode, _ device: DeviceType, claims: [[String]] = [[], [], []], seal: PacketSeal = encrypted
    ) throws -> (VirtualNetwork, [VirtualNode]) {
        let network = VirtualNetwork()
        let nodes = try (0..<3).map { number in
            let configuration = configuration(seal, device: device) {
                $0.mode = mode
                $0.subnets = claims[number].map { subnet($0) }
                if number > 0 { $0.peers = [peerName(endpoint(1))] }
            }
            return try network.start("\(number)", configuration, at: [endpoint(number + 1)], seed: seed(number))
        }
        network.run(for: .seconds(3))
        for node in nodes { #expect(node.isConnected(to: nodes.filter { $0 !== node })) }
        return (network, nodes)
    }

    /// Sends a frame from a node, and says which nodes' devices got it.
    private func receivers(_ frame: [UInt8], from number: Int, _ network: VirtualNetwork, _ nodes: [VirtualNode])
        -> [Int]
    {
        let before = nodes.map(\.delivered.count)
        network.send(frame, from: nodes[number])
        network.run(for: .milliseconds(100))
        return nodes.indices.filter { index in
            let new = nodes[index].delivered[before[index]...]
            #expect(new.allSatisfy { $0 == frame } && new.count <= 1)
            return !new.isEmpty
        }
    }

    @Test("of a hub goes to every peer, always", arguments: DeviceType.allCases)
    func hub(device: DeviceType) throws {
        let (network, nodes) = try mesh(.hub, device)
        for _ in 0..<2 {
            let there =
                device == .tap
                ? ethernet(to: Self.macs[1], from: Self.macs[0])
                : ipv4(from: IPAddress(10, 0, 0, 1), to: IPAddress(10, 0, 0, 2))
            let back =
                device == .tap
                ? ethernet(to: Self.macs[0], from: Self.macs[1])
                : ipv4(from: IPAddress(10, 0, 0, 2), to: IPAddress(10, 0, 0, 1))
            #expect(receivers(there, from: 0, network, nodes) == [1, 2])
            #expect(receivers(back, from: 1, network, nodes) == [0, 2])
        }
    }

    @Test(
        "of a switch goes to every peer until the station is known, then to one",
        arguments: [ForwardingMode.switch, .normal])
    func learningTap(mode: ForwardingMode) throws {
        let (network, nodes) = try mesh(mode, .tap)
        let there = ethernet(to: Self.macs[1], from: Self.macs[0])
        let back = ethernet(to: Self.macs[0], from: Self.macs[1])
        #expect(receivers(there, from: 0, network, nodes) == [1, 2])
        #expect(receivers(back, from: 1, network, nodes) == [0])
        #expect(receivers(there, from: 0, network, nodes) == [1])
        // The third node heard only the first of these frames.
        #expect(receivers(ethernet(to: Self.macs[0], from: Self.macs[2]), from: 2, network, nodes) == [0])
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[2]), from: 2, network, nodes) == [0, 1])
        #expect(receivers(ethernet(to: Self.broadcast, from: Self.macs[0]), from: 0, network, nodes) == [1, 2])
    }

    @Test("of a switch floods again once a station was not seen for the timeout")
    func stationTimeout() throws {
        let (network, nodes) = try mesh(.switch, .tap)
        _ = receivers(ethernet(to: Self.macs[0], from: Self.macs[1]), from: 1, network, nodes)
        let there = ethernet(to: Self.macs[1], from: Self.macs[0])
        network.run(for: .seconds(299))
        #expect(receivers(there, from: 0, network, nodes) == [1])
        network.run(for: .seconds(1))
        #expect(receivers(there, from: 0, network, nodes) == [1, 2])
        #expect(nodes[0].events.contains { $0.event == .stationForgotten(StationAddress(vlan: 0, mac: Self.macs[1])) })
    }

    @Test("of a switch follows a station to another peer after 10 s")
    func movedStation() throws {
        let (network, nodes) = try mesh(.switch, .tap)
        let there = ethernet(to: Self.macs[1], from: Self.macs[0])
        let hello = ethernet(to: Self.macs[0], from: Self.macs[1])
        _ = receivers(hello, from: 1, network, nodes)
        #expect(receivers(hello, from: 2, network, nodes).contains(0))
        #expect(receivers(there, from: 0, network, nodes) == [1])
        network.run(for: .seconds(10))
        _ = receivers(hello, from: 2, network, nodes)
        #expect(receivers(there, from: 0, network, nodes) == [2])
    }

    @Test("of a switch floods for the stations of a peer that is gone")
    func lostPeer() throws {
        let (network, nodes) = try mesh(.switch, .tap)
        _ = receivers(ethernet(to: Self.macs[0], from: Self.macs[1]), from: 1, network, nodes)
        network.stop(nodes[1])
        network.run(for: .seconds(1))
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[0]), from: 0, network, nodes) == [2])
    }

    @Test("of a switch works for IP packets, too")
    func learningTun() throws {
        let (network, nodes) = try mesh(.switch, .tun)
        let there = ipv4(from: IPAddress(10, 0, 0, 1), to: IPAddress(10, 0, 0, 2))
        #expect(receivers(there, from: 0, network, nodes) == [1, 2])
        let back = ipv4(from: IPAddress(10, 0, 0, 2), to: IPAddress(10, 0, 0, 1))
        #expect(receivers(back, from: 1, network, nodes) == [0])
        #expect(receivers(there, from: 0, network, nodes) == [1])
    }

    @Test(
        "of a router goes where the longest prefix is, and nowhere else", arguments: [ForwardingMode.router, .normal])
    func routerTun(mode: ForwardingMode) throws {
        let claims = [["10.0.0.0/24"], ["10.0.1.0/24", "10.1.0.0/16"], ["10.0.0.0/8", "10.1.2.0/24", "::/0"]]
        let (network, nodes) = try mesh(mode, .tun, claims: claims)
        let source = IPAddress(10, 0, 0, 1)
        for (destination, expected) in [
            (IPAddress(10, 0, 1, 1), [1]), (IPAddress(10, 1, 1, 1), [1]), (IPAddress(10, 1, 2, 1), [2]),
            (IPAddress(10, 9, 9, 9), [2]), (IPAddress(11, 0, 0, 1), []), (IPAddress(255, 255, 255, 255), []),
        ] {
            #expect(receivers(ipv4(from: source, to: destination), from: 0, network, nodes) == expected)
        }
        #expect(nodes[0].dropped(.unknownDestination) == 2)
    }

    @Test("of a router knows claimed MAC addresses, and sends no broadcast")
    func routerTap() throws {
        let claims = [[], ["02:00:00:00:00:02/48"], ["10/02:00:00:00:00:02/64"]]
        let (network, nodes) = try mesh(.router, .tap, claims: claims)
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[0]), from: 0, network, nodes) == [1])
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[0], tag: 10), from: 0, network, nodes) == [2])
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[0], tag: 20), from: 0, network, nodes) == [])
        #expect(receivers(ethernet(to: Self.broadcast, from: Self.macs[0]), from: 0, network, nodes) == [])
    }

    @Test("of a router learns nothing from what it receives")
    func routerDoesNotLearn() throws {
        let claims = [["10.0.0.0/24"], ["10.0.1.0/24"], []]
        let (network, nodes) = try mesh(.router, .tun, claims: claims)
        let from = IPAddress(172, 16, 0, 1)
        #expect(receivers(ipv4(from: from, to: IPAddress(10, 0, 0, 1)), from: 1, network, nodes) == [0])
        #expect(receivers(ipv4(from: IPAddress(10, 0, 0, 1), to: from), from: 0, network, nodes) == [])
        #expect(nodes[0].engine.statistics().stations.isEmpty)
    }

    @Test("keeps one MAC address in VLAN 10 and VLAN 20 apart")
    func vlans() throws {
        let (network, nodes) = try mesh(.switch, .tap)
        let shared = Self.macs[1]
        _ = receivers(ethernet(to: Self.macs[0], from: shared, tag: 10), from: 1, network, nodes)
        _ = receivers(ethernet(to: Self.macs[0], from: shared, tag: 20), from: 2, network, nodes)
        #expect(receivers(ethernet(to: shared, from: Self.macs[0], tag: 10), from: 0, network, nodes) == [1])
        #expect(receivers(ethernet(to: shared, from: Self.macs[0], tag: 20), from: 0, network, nodes) == [2])
        #expect(receivers(ethernet(to: shared, from: Self.macs[0], tag: 30), from: 0, network, nodes) == [1, 2])
        #expect(receivers(ethernet(to: shared, from: Self.macs[0]), from: 0, network, nodes) == [1, 2])
    }

    @Test(
        "takes a station for one, whatever priority its frames have", arguments: [0x200a, 0xe00a, 0x100a] as [UInt16])
    func priorities(tag: UInt16) throws {
        let (network, nodes) = try mesh(.switch, .tap)
        _ = receivers(ethernet(to: Self.macs[0], from: Self.macs[1], tag: tag), from: 1, network, nodes)
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[0], tag: 10), from: 0, network, nodes) == [1])
        #expect(nodes[0].engine.statistics().stations.count == 1)
    }

    @Test("takes a tag that has only a priority for no VLAN")
    func priorityTag() throws {
        let (network, nodes) = try mesh(.switch, .tap)
        _ = receivers(ethernet(to: Self.macs[0], from: Self.macs[1], tag: 0x6000), from: 1, network, nodes)
        #expect(receivers(ethernet(to: Self.macs[1], from: Self.macs[0]), from: 0, network, nodes) == [1])
    }

    @Test(
        "lets every kind of Ethernet frame pass unchanged: STP, ARP, DHCP, LLDP, jumbo",
        arguments: [
            [0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0x00, 0x26, 0x42, 0x42, 0x03]
                + [UInt8](repeating: 0, count: 35),
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]
                + [UInt8](repeating: 1, count: 20),
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x00, 0x45]
                + [UInt8](repeating: 3, count: 327),
            [0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc, 2, 7],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x00] + [UInt8](repeating: 5, count: 9000),
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x00, 0x00],
        ] as [[UInt8]])
    func anyFrame(frame: [UInt8]) throws {
        let (network, nodes) = try mesh(.normal, .tap)
        #expect(receivers(frame, from: 0, network, nodes) == [1, 2])
    }

    @Test("never sends to UDP what came over UDP", arguments: ForwardingMode.allCases, DeviceType.allCases)
    func noLoops(mode: ForwardingMode, device: DeviceType) throws {
        let claims = device == .tun ? [["10.0.0.0/24"], ["10.0.1.0/24"], ["10.0.2.0/24"]] : [[], [], []]
        let (network, nodes) = try mesh(mode, device, claims: claims)
        var senders: [Endpoint] = []
        network.tap = { if open($0.bytes)?.type == .data { senders.append($0.source) } }
        let frame =
            device == .tap
            ? ethernet(to: Self.broadcast, from: Self.macs[0])
            : ipv4(from: IPAddress(10, 0, 0, 1), to: IPAddress(10, 0, 1, 1))
        network.send(frame, from: nodes[0])
        // A peer sends a frame that is for neither this node's device nor anyone it knows.
        let stray =
            device == .tap
            ? ethernet(to: 0x0200_0000_0099, from: Self.macs[1])
            : ipv4(from: IPAddress(10, 0, 1, 1), to: IPAddress(10, 0, 2, 1))
        network.send(stray, from: nodes[1])
        network.run(for: .seconds(2000))
        #expect(senders.allSatisfy { $0 == endpoint(1) || $0 == endpoint(2) })
        #expect(senders.filter { $0 == endpoint(1) }.count <= 2)
        #expect(senders.filter { $0 == endpoint(2) }.count <= 2)
        #expect(nodes[0].delivered.allSatisfy { $0 == stray })
        #expect(nodes[2].delivered.allSatisfy { $0 == stray || $0 == frame })
    }

    @Test("drops and counts what is no frame, and what is too long for a datagram")
    func badFrames() throws {
        let (network, nodes) = try mesh(.normal, .tap)
        #expect(receivers([1, 2, 3], from: 0, network, nodes) == [])
        #expect(nodes[0].dropped(.malformedFrame) == 1)
        let frame = ethernet(to: Self.broadcast, from: Self.macs[0])
        let longest = frame + [UInt8](repeating: 0, count: 65_507 - 36 - frame.count)
        #expect(receivers(longest, from: 0, network, nodes) == [1, 2])
        #expect(receivers(longest + [0], from: 0, network, nodes) == [])
        #expect(nodes[0].dropped(.oversizedFrame) == 1)
    }

    @Test("without a peer drops and counts")
    func noPeers() throws {
        let network = VirtualNetwork()
        let node = try network.start("alone", configuration(device: .tap), at: [endpoint(1)], seed: seed(1))
        network.send(ethernet(to: Self.broadcast, from: Self.macs[0]), from: node)
        #expect(node.dropped(.noPeers) == 1)
    }
}
