import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("The trace hash")
struct TraceTests {
    /// The first outputs of the reference implementation (vectors_sip128): key 00…0f, messages of 0, 1, 2, … bytes 00 01 02 ….
    static let known: [(byteCount: Int, digest: String)] = [
        (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
        (7, "a1f1ebbed8dbc153c0b84aa61ff08239"), (8, "3b62a9ba6258f5610f83e264f31497b4"),
        (15, "5493e99933b0a8117e08ec0f97cfc3d9"), (16, "6ee2a4ca67b054bbfd3315bf85230577"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
    ]

    @Test("is SipHash-2-4-128 as its authors have it", arguments: known)
    func knownAnswers(byteCount: Int, digest: String) {
        var hash = SipHash128(key: 0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        let message = (0..<byteCount).map { UInt8($0) }
        hash.append(message.span)
        #expect(String(hash.digest, radix: 16) == digest)
    }

    @Test("does not depend on the pieces in which the bytes come", arguments: 0...33)
    func pieces(cut: Int) {
        let message = (0..<33).map { UInt8($0) }
        var whole = SipHash128(key: 1, 2)
        whole.append(message.span)
        var pieces = SipHash128(key: 1, 2)
        let start = Array(message[..<cut])
        pieces.append(start.span)
        _ = pieces.digest
        for byte in message[cut...] { pieces.append(byte) }
        #expect(pieces.digest == whole.digest)
    }

    private func digest(seed: UInt64, changeFrame: Bool = false) throws -> String {
        let trace = TraceHash()
        _ = try SmallNetwork(seed: seed, changeFrame: changeFrame, observers: [trace])
        return trace.text
    }

    @Test("is the same for two runs with one seed")
    func sameSeed() throws { #expect(try digest(seed: 7) == digest(seed: 7)) }

    @Test("is another with another seed")
    func otherSeed() throws { #expect(try digest(seed: 7) != digest(seed: 8)) }

    @Test("is another where one bit of one frame is another")
    func otherFrame() throws { #expect(try digest(seed: 7) != digest(seed: 7, changeFrame: true)) }

    @Test("of a small network is the one that is written here, in every build mode and process")
    func golden() throws {
        let digest = try digest(seed: 7)
        #expect(digest == "cc0d64d8c2a11437fef253e138b7e65b")
    }

    @Test("tells two runs apart of which one walks through a set")
    func leak() throws {
        // Two sets with the same members, which one process nevertheless can walk through in different orders.
        let members = Array(0..<64 as Range<UInt8>)
        let (small, large) = (Set(members), Self.roomySet(members))
        try #require(small == large && Array(small) != Array(large))
        #expect(try digest(sending: small) != digest(sending: large))
        #expect(try digest(sending: small.sorted()) == digest(sending: large.sorted()))
    }

    private static func roomySet(_ members: [UInt8]) -> Set<UInt8> {
        var set = Set<UInt8>(minimumCapacity: 4096)
        for member in members { set.insert(member) }
        return set
    }

    /// The hash of a network in which a node's device has frames in the order of a sequence.
    private func digest(sending numbers: some Sequence<UInt8>) throws -> String {
        let trace = TraceHash()
        let small = try SmallNetwork(seed: 7, observers: [trace])
        for number in numbers {
            small.network.send([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5, number], from: small.nodes[1])
        }
        return trace.text
    }

    @Test("sees each kind of observation in a small network")
    func observations() throws {
        let recorder = Recorder()
        let small = try SmallNetwork(seed: 7, observers: [recorder])
        small.network.move(small.nodes[1], to: [endpoint(9)])
        var kinds = [Int](repeating: 0, count: 14)
        for observation in recorder.observations {
            var record = TraceRecord()
            record.append(observation, at: .zero)
            kinds[Int(record.bytes[0])] += 1
        }
        #expect(kinds[0] == 3 && kinds[1] == 1 && kinds[2] == 1 && kinds[3] == 5)
        #expect(kinds[4] == small.nodes.reduce(0) { $0 + $1.delivered.count } && kinds[4] > 0)
        #expect(kinds[8] == small.nodes.reduce(0) { $0 + $1.events.count })
        #expect(kinds[6] > 0 && kinds[7] > 0 && kinds[5] >= kinds[6] + kinds[7])
    }

    /// Every event, with values that differ.
    static let events: [Event] = {
        let id = NodeID(bits: 0x0102 << 112)
        let station = StationAddress(vlan: 10, mac: 0x0200_0000_0001)
        let fixed: [Event] = [
            .peerJoined(id, endpoint(1), claims: 3), .addressLearned(id, endpoint(2)), .addressEvicted(id, endpoint(2)),
            .addressMoved(id, from: endpoint(1), to: endpoint(2)),
            .addressMoved(id, from: endpoint(2), to: endpoint(1)),
            .ownAddressFound(endpoint(1)), .stationLearned(station, id), .stationMoved(station, id),
            .stationForgotten(station), .stationEvicted(station), .contactsIgnored(from: endpoint(1), count: 5),
            .listsSent(peers: 2),
            .portMapped(endpoint(1)), .portMappingLost, .sendFailed(endpoint(1), errorCode: 1),
            .sendFailed(endpoint(1), errorCode: -1),
        ]
        let names = [PeerName("a:1"), PeerName("b:1"), PeerName("a:2")].compactMap { $0 }
        return fixed + names.flatMap { [.connecting($0, attempt: 1), .connecting($0, attempt: 2), .unresolved($0)] }
            + [1, 2].map { .claimsIgnored(id, count: $0) }
            + PeerLoss.allCases.map { .peerLost(id, endpoint(1), $0) }
            + DropReason.allCases.flatMap { [.dropped($0, nil), .dropped($0, endpoint(1))] }
            + MessageType.allCases.flatMap {
                [.received($0, endpoint(1), bytes: 5), .sending($0, destinations: 1, bytes: 5)]
            }
    }()

    @Test("has other bytes for each other event")
    func distinctEvents() {
        let encoded = Self.events.map { event in
            var record = TraceRecord()
            record.append(event)
            return record.bytes
        }
        #expect(Set(Self.events).count == Self.events.count)
        #expect(Set(encoded).count == Self.events.count)
        // None begins with the bytes of another, so that no run of events can be read as a different one.
        for (index, bytes) in encoded.enumerated() {
            #expect(
                !encoded.indices.contains { $0 != index && encoded[$0].starts(with: bytes) }, "\(Self.events[index])")
        }
    }

    @Test("stands on bytes that are written here")
    func encoding() {
        var record = TraceRecord()
        record.append(.dropped(.notFresh, endpoint(1)))
        let address: [UInt8] = [1, 100, 51, 198, 0xff, 0xff] + [UInt8](repeating: 0, count: 10)
        #expect(record.bytes == [17, 8, 1] + address + [0, 0, 0, 0, 0x8a, 0x0c])
    }
}
