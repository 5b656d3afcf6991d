import Testing
import VPNProtocol
import VPNSimulator

@testable import VPNNode

/// The defects of programs in the field, by number; none of them is to be found here.
///
/// Three of them are about logs and sockets, and have their tests where those are: 7 in `ProgramTests`,
/// 16 and 18 in `LinuxIOTests` and `KernelTests`.
@Suite("Defects in the field that are not shared")
struct DefectTests {
    /// A node at address 1 that `count` strangers at addresses 10 and up have joined.
    private func crowd(
        _ count: Int, at place: (Int) -> Endpoint, seal: PacketSeal = encrypted,
        change: (inout NodeConfiguration) -> Void = { _ in }
    ) throws -> (VirtualNetwork, VirtualNode) {
        let network = VirtualNetwork()
        let node = try network.start(
            "node", configuration(seal, change: change), at: [endpoint(1), endpoint6(1)], seed: seed(1))
        for index in 0..<count {
            let source = place(index)
            network.inject(
                packet(.initial, initial(.request, id: UInt128(1000 + index)), nonce: 1, seal: seal),
                from: source, to: source.address.isIPv4 ? endpoint(1) : endpoint6(1))
        }
        return (network, node)
    }

    @Test(
        "1: more than 255 known addresses of a family fit no list, and end no process",
        arguments: [false, true], [Limits().controlMessageBytes, 65_000])
    func manyAddresses(ipv6: Bool, roomForList: Int) throws {
        var lists: [PeerListMessage] = []
        let place = { (index: Int) in ipv6 ? endpoint6(10 + index) : endpoint(10 + index) }
        let (network, node) = try crowd(300, at: place) { $0.limits.controlMessageBytes = roomForList }
        network.tap = { datagram in
            guard let (type, message, _) = open(datagram.bytes), type == .peers else { return }
            do { lists.append(try PeerListMessage(message.span)) } catch { Issue.record(error) }
        }
        #expect(node.peers.count == 300)
        network.inject(
            packet(.initial, initial(.request, id: 5), nonce: 1), from: ipv6 ? endpoint6(9) : endpoint(9),
            to: ipv6 ? endpoint6(1) : endpoint(1))
        let reply = try #require(lists.first)
        // As many as one byte counts where there is room for more, else as many as there is room for.
        let fitting = min(255, (roomForList - 2) / (ipv6 ? 18 : 6))
        #expect(reply.ipv4.count == (ipv6 ? 0 : fitting) && reply.ipv6.count == (ipv6 ? fitting : 0))
        #expect(reply.byteCount <= roomForList)
        network.run(for: .seconds(900))
        let periodic = try #require(lists.last)
        #expect(periodic.ipv4.count + periodic.ipv6.count == 20)
    }

    @Test(
        "1: one captured Init, repeated from 256 ports, makes one peer with few addresses",
        arguments: [encrypted, plain])
    func repeatedInit(seal: PacketSeal) throws {
        let (network, node) = try crowd(1, at: { _ in endpoint(10) }, seal: seal)
        let captured = packet(.initial, initial(.request, id: 1000), nonce: 1, seal: seal)
        for port in 0..<256 { network.inject(captured, from: endpoint(10, port: UInt16(5000 + port)), to: endpoint(1)) }
        let peers = node.engine.statistics().peers
        #expect(peers.count == 1)
        #expect(peers[0].addresses.count <= Limits().addressesPerPeer)
        if seal.method != .none {
            #expect(peers[0].addresses == [endpoint(10)])
            #expect(node.dropped(.notFresh) == 256)
        }
    }

    @Test("2: a subnet with an impossible prefix length is refused", arguments: [33, 128, 136, 255] as [UInt8])
    func impossiblePrefix(length: UInt8) throws {
        let (network, node) = try crowd(0) { endpoint($0) }
        var message = initial(.request, id: 5, subnets: [subnet("10.0.0.0/8")])
        message[message.count - 1] = length
        network.inject(packet(.initial, message), from: endpoint(2), to: endpoint(1))
        #expect(node.peers.isEmpty)
        #expect(node.dropped(.malformedInit) == 1)
    }

    @Test("3: a node's own Init, repeated to it, makes it refuse no address")
    func ownInitRepeated() throws {
        let network = VirtualNetwork()
        var captured: [UInt8] = []
        network.tap = { if $0.source == endpoint(1) { captured = $0.bytes } }
        let node = try network.start(
            "a", configuration { $0.peers = [peerName(endpoint(99))] }, at: [endpoint(1)], seed: seed(1))
        try #require(open(captured)?.type == .initial)
        // A later try makes the captured one old, even where it comes from the address it was sent to.
        let first = captured
        network.run(for: .milliseconds(1_500))
        for index in 2..<200 { network.inject(first, from: endpoint(index), to: endpoint(1)) }
        #expect(node.dropped(.ownMessage) == 198)
        #expect(node.engine.ownAddresses.count == 0)
        // The address that was named in the repetition connects like any other.
        let other = try network.start(
            "b", configuration { $0.peers = [peerName(endpoint(1))] }, at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(1))
        #expect(node.isConnected(to: [other]))
    }

    @Test(
        "3: an address that is the node's own is tried once a minute where it is configured, else once an hour at most")
    func ownAddress() throws {
        let network = VirtualNetwork()
        var inits: [Endpoint: Int] = [:]
        network.tap = { datagram in
            if open(datagram.bytes)?.type == .initial { inits[datagram.destination, default: 0] += 1 }
        }
        let settings = configuration { $0.peers = [peerName(endpoint(1))] }
        let node = try network.start("a", settings, at: [endpoint(1), endpoint(2)], seed: seed(1))
        network.inject(packet(.initial, initial(.request, id: 1000), nonce: 1), from: endpoint(10), to: endpoint(1))
        for step in 0..<120 {
            // Someone's list names the other address of this node again and again.
            let message = packet(.peers, list([endpoint(2)]), nonce: UInt128(2 + step))
            network.inject(message, from: endpoint(10), to: endpoint(1))
            network.run(for: .seconds(30))
        }
        #expect(node.events.contains { $0.event == .ownAddressFound(endpoint(1)) })
        #expect((55...65).contains(inits[endpoint(1)] ?? 0))
        #expect((inits[endpoint(2)] ?? 0) <= 2 * 3)
    }

    @Test(
        "3: not even its latest Init, repeated from where it went, keeps a node from being found there",
        arguments: [encrypted, plain])
    func latestInitRepeated(seal: PacketSeal) throws {
        let network = VirtualNetwork()
        var latest: [UInt8] = []
        network.tap = { if $0.source == endpoint(1) { latest = $0.bytes } }
        let settings = configuration(seal) { $0.peers = [peerName(endpoint(99))] }
        let node = try network.start("a", settings, at: [endpoint(1)], seed: seed(1))
        network.run(for: .seconds(3))
        network.inject(latest, from: endpoint(99), to: endpoint(1))
        let other = try network.start("b", configuration(seal), at: [endpoint(99)], seed: seed(2))
        network.run(for: .seconds(70))
        #expect(node.isConnected(to: [other]))
    }

    @Test("4: data from an address that is no peer's is not delivered, teaches nothing, and is answered with an Init")
    func dataFromStranger() throws {
        let (network, node) = try crowd(0, at: { endpoint($0) }, change: { $0.deviceType = .tap })
        var answers: [VirtualDatagram] = []
        network.tap = { answers.append($0) }
        let frame = packet(.data, ethernet(to: 0x0200_0000_0001, from: 0x0200_0000_0002))
        for _ in 0..<50 { network.inject(frame, from: endpoint(2), to: endpoint(1)) }
        #expect(node.delivered.isEmpty)
        #expect(node.engine.statistics().stations.isEmpty)
        #expect(node.dropped(.unknownSender) == 50)
        #expect(answers.count == 1)
        #expect(answers.first.flatMap { open($0.bytes) }?.type == .initial)
        network.run(for: .seconds(1))
        network.inject(frame, from: endpoint(2), to: endpoint(1))
        #expect(answers.count == 2)
    }

    @Test("5: a Close counts only from a peer, and only if it comes next in the peer's own sequence")
    func forgedClose() throws {
        let (network, node) = try crowd(2, at: { endpoint(10 + $0) })
        network.inject(
            packet(.data, ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 0, 2)), nonce: 500), from: endpoint(10),
            to: endpoint(1))
        // From a stranger; a repetition of an older one; another node's with a number far from the peer's.
        network.inject(packet(.close, [], nonce: 501), from: endpoint(99), to: endpoint(1))
        network.inject(packet(.close, [], nonce: 400), from: endpoint(10), to: endpoint(1))
        network.inject(packet(.close, [], nonce: 1 << 90), from: endpoint(10), to: endpoint(1))
        #expect(node.peers.count == 2)
        #expect(node.dropped(.closeFromStranger) == 1)
        #expect(node.dropped(.notFresh) == 2)
        network.inject(packet(.close, [], nonce: 501), from: endpoint(10), to: endpoint(1))
        #expect(node.peers == [NodeID(bits: 1001)])
    }

    @Test("6: a list of 510 addresses causes a bounded number of Inits a second, and all in the end")
    func longList() throws {
        let (network, _) = try crowd(1, at: { _ in endpoint(10) })
        var inits: [Instant] = []
        var contacted: Set<Endpoint> = []
        network.tap = { datagram in
            guard open(datagram.bytes)?.type == .initial else { return }
            inits.append(datagram.sent)
            contacted.insert(datagram.destination)
        }
        let addresses = (0..<255).map { endpoint(300 + $0) } + (0..<255).map { endpoint6(300 + $0) }
        network.inject(packet(.peers, list(addresses), nonce: 2), from: endpoint(10), to: endpoint(1))
        network.run(for: .seconds(60))
        for start in 0..<60 {
            let second = Instant.zero + .seconds(start)
            #expect(inits.filter { $0 >= second && $0 < second + .seconds(1) }.count <= Limits().contactsPerSecond)
        }
        #expect(contacted == Set(addresses))
        #expect(inits.count <= 3 * addresses.count)
    }

    @Test("6: addresses beyond the bound of those that wait are counted and left out")
    func endlessLists() throws {
        let (network, node) = try crowd(1, at: { _ in endpoint(10) })
        for part in 0..<20 {
            let addresses = (0..<255).map { endpoint(1000 + part * 255 + $0) }
            network.inject(
                packet(.peers, list(addresses), nonce: UInt128(2 + part)), from: endpoint(10), to: endpoint(1))
        }
        #expect(node.engine.contacts.count <= Limits().pendingContacts)
        #expect(
            node.engine.statistics().counters.evictions(from: .contacts) == 20 * 255 - UInt64(Limits().pendingContacts))
    }

    @Test("8: alternative addresses of a peer are kept once each, and boundedly many", arguments: [encrypted, plain])
    func alternativeAddresses(seal: PacketSeal) throws {
        let (network, node) = try crowd(1, at: { _ in endpoint(10) }, seal: seal)
        for round in 0..<100 {
            let source = endpoint(10 + round % 20)
            let message = packet(.initial, initial(.request, id: 1000), nonce: UInt128(2 + round), seal: seal)
            network.inject(message, from: source, to: endpoint(1))
        }
        let addresses = try #require(node.engine.statistics().peers.first).addresses
        #expect(addresses.count == Limits().addressesPerPeer)
        #expect(Set(addresses).count == addresses.count)
        #expect(addresses.first == endpoint(29))
        #expect(node.engine.statistics().counters.evictions(from: .addresses) > 0)
    }

    @Test("9: a peer that restarts without a Close leaves nothing behind")
    func restart() throws {
        let network = VirtualNetwork()
        let settings = configuration {
            $0.peers = [peerName(endpoint(1))]
            $0.subnets = [subnet("10.0.2.0/24")]
        }
        let node = try network.start("a", configuration(), at: [endpoint(1)], seed: seed(1))
        let first = try network.start("b", settings, at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(5))
        #expect(node.isConnected(to: [first]))
        network.kill(first)
        let second = try network.start("b", settings, at: [endpoint(2)], seed: seed(3))
        network.run(for: .seconds(1))
        #expect(node.isConnected(to: [second]))
        #expect(node.events.contains { $0.event == .peerLost(first.id, endpoint(2), .replaced) })
        network.send(ipv4(from: .init(10, 0, 1, 1), to: .init(10, 0, 2, 1)), from: node)
        network.run(for: .seconds(1))
        #expect(second.delivered.count == 1)
    }

    @Test(
        "10: any message from any address of a peer refreshes it",
        arguments: MessageType.allCases.filter { $0 != .close })
    func refresh(type: MessageType) throws {
        let (network, node) = try crowd(1, at: { _ in endpoint(10) }, change: { $0.peerTimeout = .seconds(100) })
        // The second address becomes the one in use; the first one speaks on.
        network.inject(packet(.initial, initial(.request, id: 1000), nonce: 2), from: endpoint(11), to: endpoint(1))
        let message: [UInt8] =
            switch type {
            case .data: ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 0, 2))
            case .peers: list([])
            case .initial: initial(.response, id: 1000)
            case .close: []
            }
        for step in 1...5 {
            network.run(for: .seconds(90))
            let source = endpoint(step % 2 == 0 ? 11 : 10)
            network.inject(packet(type, message, nonce: UInt128(10 + step)), from: source, to: endpoint(1))
            #expect(node.peers == [NodeID(bits: 1000)])
        }
        network.run(for: .seconds(101))
        #expect(node.peers.isEmpty)
    }

    @Test("11: ::/0 does not catch IPv4")
    func prefixFamilies() throws {
        let network = VirtualNetwork()
        let node = try network.start("a", configuration(), at: [endpoint(1)], seed: seed(1))
        try network.start(
            "b",
            configuration {
                $0.peers = [peerName(endpoint(1))]
                $0.subnets = [subnet("::/0")]
            }, at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(2))
        network.send(ipv4(from: .init(10, 0, 1, 1), to: .init(10, 0, 2, 1)), from: node)
        #expect(node.dropped(.unknownDestination) == 1)
    }

    @Test("12: a station with two VLAN priorities is one station, in two VLANs it is two")
    func vlanPriorities() throws {
        let (network, node) = try crowd(1, at: { _ in endpoint(10) }, change: { $0.deviceType = .tap })
        for (index, tag) in ([0x0064, 0xa064, 0x7064, 0x0065] as [UInt16]).enumerated() {
            let frame = ethernet(to: 0xffff_ffff_ffff, from: 0x0200_0000_0001, tag: tag)
            network.inject(packet(.data, frame, nonce: UInt128(10 + index)), from: endpoint(10), to: endpoint(1))
        }
        let stations = node.engine.statistics().stations.map(\.address.description)
        #expect(Set(stations) == ["100/02:00:00:00:00:01", "101/02:00:00:00:00:01"])
    }

    @Test("13: random source addresses do not grow the table of stations without bound")
    func randomSources() throws {
        let (network, node) = try crowd(1, at: { _ in endpoint(10) }) {
            $0.deviceType = .tap
            $0.limits.stations = 1000
        }
        for index in 0..<5000 {
            let frame = ethernet(to: 0xffff_ffff_ffff, from: 0x0200_0000_0000 + UInt64(index))
            network.inject(packet(.data, frame, nonce: UInt128(10 + index)), from: endpoint(10), to: endpoint(1))
        }
        let statistics = node.engine.statistics()
        #expect(statistics.stations.count == 1000)
        #expect(statistics.stations.last?.address == StationAddress(vlan: 0, mac: 0x0200_0000_0000 + 4999))
        #expect(statistics.counters.evictions(from: .stations) == 4000)
    }

    @Test("14: a send that fails keeps nothing from the other peers, nor the next list from its time")
    func failingSend() throws {
        let (network, node) = try crowd(10, at: { endpoint(10 + $0) }, change: { $0.mode = .hub })
        network.fate = { $0.destination == endpoint(10) ? .refused(errorCode: 1) : .arrives(after: .zero) }
        var receivers: [MessageType: [Endpoint]] = [:]
        network.tap = { datagram in
            guard let type = open(datagram.bytes)?.type else { return }
            receivers[type, default: []].append(datagram.destination)
        }
        network.send(ipv4(from: .init(10, 0, 0, 1), to: .init(10, 0, 0, 2)), from: node)
        #expect(Set(receivers[.data] ?? []) == Set((10..<20).map { endpoint($0) }))
        #expect(node.engine.statistics().peers.first?.failedSends == 1)
        network.run(for: .seconds(1_700))
        // A second list to each that joined, then one every 840 s.
        #expect(receivers[.peers]?.count == 30)
        #expect(node.engine.statistics().peers.first?.failedSends == 4)
    }

    @Test("15: at least two lists go out within every timeout from 1 to 65535 s, and hardly more")
    func listIntervals() {
        for seconds in 1...65_535 {
            let timeout = Duration.seconds(seconds)
            let interval = NodeEngine.listInterval(forTimeout: timeout)
            #expect(interval * 2 < timeout && interval * 3 > timeout, "\(seconds) s")
        }
        #expect(NodeEngine.listInterval(forTimeout: .seconds(1800)) == .seconds(840))
    }

    @Test(
        "15: nodes with any timeout stay connected without traffic",
        arguments: [1, 2, 59, 119, 120, 121, 130, 1800, 65_535])
    func quietPeers(seconds: Int) throws {
        let network = VirtualNetwork()
        var lists = 0
        let settings = configuration {
            $0.peerTimeout = .seconds(seconds)
            $0.peers = [peerName(endpoint(1))]
        }
        let a = try network.start("a", settings, at: [endpoint(1)], seed: seed(1))
        let b = try network.start("b", settings, at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(3))
        network.tap = { datagram in
            if datagram.source == endpoint(1), open(datagram.bytes)?.type == .peers { lists += 1 }
        }
        network.run(for: .seconds(10 * seconds))
        #expect(a.isConnected(to: [b]) && b.isConnected(to: [a]))
        #expect((20...30).contains(lists))
        let losses = (a.events + b.events).filter { if case .peerLost = $0.event { true } else { false } }
        #expect(losses.isEmpty)
    }

    @Test("15: in dialect 1 lists follow the smallest timeout that a peer announced")
    func announcedTimeout() throws {
        let network = VirtualNetwork()
        let patient = configuration { $0.dialect = .v1 }
        let hasty = configuration {
            $0.dialect = .v1
            $0.peerTimeout = .seconds(60)
            $0.peers = [peerName(endpoint(1))]
        }
        let a = try network.start("a", patient, at: [endpoint(1)], seed: seed(1))
        let b = try network.start("b", hasty, at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(3600))
        #expect(a.isConnected(to: [b]) && b.isConnected(to: [a]))
        #expect(!b.events.contains { if case .peerLost = $0.event { true } else { false } })
    }

    @Test("17: a name that does not resolve at start is asked again, and connected once it does")
    func unresolvedName() throws {
        let network = VirtualNetwork()
        var asked: [Instant] = []
        let name = try #require(PeerName("later.example:3210"))
        network.nameService = { _ in
            asked.append(network.now)
            return network.now < .zero + .seconds(60) ? [] : [endpoint6(2), endpoint(2)]
        }
        let a = try network.start("a", configuration { $0.peers = [name] }, at: [endpoint(1)], seed: seed(1))
        let b = try network.start("b", configuration(), at: [endpoint(2)], seed: seed(2))
        network.run(for: .seconds(55))
        #expect(a.events.contains { $0.event == .unresolved(name) })
        #expect(asked.count > 5 && asked.count < 55)
        network.run(for: .seconds(45))
        #expect(a.isConnected(to: [b]))
    }
}
