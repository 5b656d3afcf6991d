import Testing
import VPNNode
import VPNProtocol
import VPNSimulator

@Suite("A NAT")
struct NATTests {
    @Test(
        "of any mapping and filtering is what the probe of RFC 5780 says it is", arguments: EndpointDependence.allCases,
        EndpointDependence.allCases)
    func combinations(mapping: EndpointDependence, filtering: EndpointDependence) throws {
        for ports in PortAllocation.allCases {
            let model = nat {
                $0.mapping = mapping
                $0.filtering = filtering
                $0.ports = ports
            }
            var (first, second) = (box(model), box(model))
            #expect(try first.probeMapping(at: .zero) == mapping)
            #expect(try second.probeFiltering(at: .zero) == filtering)
        }
    }

    @Test("of a preset is what it is declared to be", arguments: NATModel.Preset.allCases)
    func presets(preset: NATModel.Preset) throws {
        let declared: (EndpointDependence, EndpointDependence, Bool) =
            switch preset {
            case .home: (.independent, .addressAndPort, false)
            case .open: (.independent, .independent, false)
            case .restricted: (.independent, .address, false)
            case .symmetric: (.addressAndPort, .addressAndPort, false)
            case .carrier: (.independent, .independent, true)
            }
        var (first, second) = (box(NATModel(preset)), box(NATModel(preset)))
        #expect(try first.probeMapping(at: .zero) == declared.0)
        #expect(try second.probeFiltering(at: .zero) == declared.1)
        let external = try first.translate(outbound: inside, to: server, at: .zero)
        let turned = try? first.hairpin(from: endpoint("192.168.0.11:3210"), to: external, at: .zero)
        #expect((turned != nil) == declared.2)
    }

    @Test("lets nothing in where nothing is mapped, and filters who was not sent to")
    func refusals() throws {
        var box = box(NATModel(.home))
        #expect(throws: NATRefusal.noMapping) {
            try box.translate(inbound: server, to: endpoint("198.51.100.1:3210"), at: .zero)
        }
        let external = try box.translate(outbound: inside, to: server, at: .zero)
        #expect(throws: NATRefusal.filtered) { try box.translate(inbound: otherPort, to: external, at: .zero) }
    }

    @Test("keeps the port where it is free, counts up, or chooses any")
    func ports() throws {
        let other = endpoint("192.168.0.11:3210")
        var preserved = box(nat { $0.ports = .preserved })
        #expect(try preserved.translate(outbound: inside, to: server, at: .zero).port == 3210)
        #expect(try preserved.translate(outbound: other, to: server, at: .zero).port != 3210)
        var sequential = box(nat { $0.ports = .sequential })
        let numbers = try [inside, other].map { try sequential.translate(outbound: $0, to: server, at: .zero).port }
        #expect(numbers == [1024, 1025])
        var random = box(nat { $0.ports = .random })
        let drawn = try (1...50).map { host in
            try random.translate(
                outbound: Endpoint(IPAddress(192, 168, 0, UInt8(host)), port: 3210), to: server, at: .zero
            ).port
        }
        #expect(Set(drawn).count == 50 && drawn != drawn.sorted())
    }

    @Test("shows the external source to whom it sends back inside")
    func hairpin() throws {
        var box = box(NATModel(.carrier))
        let external = try box.translate(outbound: inside, to: server, at: .zero)
        let other = endpoint("192.168.0.11:3210")
        let turned = try box.hairpin(from: other, to: external, at: .zero)
        #expect(turned.destination == inside)
        #expect(turned.source == (try box.translate(outbound: other, to: server, at: .zero)))
    }

    @Test("forgets a mapping after its timeout without what refreshes it", arguments: MappingRefresh.allCases)
    func timeout(refresh: MappingRefresh) throws {
        let model = nat {
            $0.timeout = .seconds(30)
            $0.refresh = refresh
        }
        var silent = box(model)
        let external = try silent.translate(outbound: inside, to: server, at: .zero)
        #expect(silent.lets(server, to: external, at: at(29_999)) == true)
        var (inbound, outbound) = (box(model), box(model))
        _ = try inbound.translate(outbound: inside, to: server, at: .zero)
        _ = try outbound.translate(outbound: inside, to: server, at: .zero)
        for second in [20, 40, 60] {
            _ = try outbound.translate(outbound: inside, to: server, at: at(1000 * second))
            #expect(inbound.lets(server, to: external, at: at(1000 * second)) == (refresh == .both || second < 30))
        }
        #expect(outbound.lets(server, to: external, at: at(89_999)) == true)
        #expect(outbound.lets(server, to: external, at: at(120_000)) == false)
    }

    @Test("closes to one other end that is silent while the mapping lives on through another")
    func openings() throws {
        var box = box(nat { $0.timeout = .seconds(30) })
        let external = try box.translate(outbound: inside, to: server, at: .zero)
        for second in [0, 20, 40] {
            #expect(try box.translate(outbound: inside, to: otherAddress, at: at(1000 * second)) == external)
        }
        #expect(box.lets(otherAddress, to: external, at: at(41_000)) == true)
        #expect(box.lets(server, to: external, at: at(41_000)) == false)
    }

    @Test("that is full refuses or forgets the mapping that was idle longest, and counts it")
    func limit() throws {
        let sources = (1...3).map { Endpoint(IPAddress(192, 168, 0, UInt8($0)), port: 3210) }
        var refusing = box(nat { $0.limit = 2 })
        for source in sources.prefix(2) { _ = try refusing.translate(outbound: source, to: server, at: .zero) }
        #expect(throws: NATRefusal.tableFull) { try refusing.translate(outbound: sources[2], to: server, at: .zero) }
        #expect(refusing.refusals == 1 && refusing.evictions == 0 && refusing.mappingCount == 2)
        _ = try refusing.translate(outbound: sources[2], to: server, at: at(120_000))

        var evicting = box(
            nat {
                $0.limit = 2
                $0.overflow = .evicts
            })
        let external = try sources.map { try evicting.translate(outbound: $0, to: server, at: .zero) }
        #expect(evicting.evictions == 1 && evicting.mappingCount == 2)
        #expect(evicting.lets(server, to: external[0], at: .zero) == false)
    }

    @Test("that has given out every port refuses")
    func exhaustion() throws {
        var box = box(nat { $0.ports = .sequential })
        for number in 0..<64_512 {
            _ = try box.translate(outbound: Endpoint(IPAddress(ipv4: UInt32(number)), port: 1), to: server, at: .zero)
        }
        #expect(throws: NATRefusal.noFreePort) { try box.translate(outbound: inside, to: server, at: .zero) }
    }

    @Test("gives an internal address always the same of its external ones, or not", arguments: AddressPooling.allCases)
    func pooling(pooling: AddressPooling) throws {
        var box = box(
            nat {
                $0.externalAddresses = 4
                $0.pooling = pooling
            })
        let used = try (1...20).map { port in
            try box.translate(outbound: Endpoint(inside.address, port: UInt16(port)), to: server, at: .zero).address
        }
        #expect(Set(used).count == (pooling == .paired ? 1 : 4))
        let hosts = try (1...20).map { host in
            try box.translate(
                outbound: Endpoint(IPAddress(192, 168, 1, UInt8(host)), port: 3210), to: server, at: .zero
            ).address
        }
        #expect(Set(hosts).count == 4)
    }

    @Test("forwards a port on request for a time to one, and lets everybody in")
    func leases() throws {
        var box = box(NATModel(.home))
        let external = try box.grantPort(of: inside, lease: .seconds(300), at: .zero)
        #expect(external == endpoint("198.51.100.1:3210"))
        #expect(throws: PortMappingRefusal.portTaken) {
            try box.grantPort(of: endpoint("192.168.0.11:3210"), lease: .seconds(300), at: .zero)
        }
        box.flush()
        #expect(box.lets(server, to: external, at: at(1)) == true)
        #expect(try box.translate(outbound: inside, to: otherBoth, at: at(1)) == external)
        #expect(try box.grantPort(of: inside, lease: .seconds(300), at: at(200_000)) == external)
        #expect(box.lets(server, to: external, at: at(499_999)) == true)
        #expect(box.lets(server, to: external, at: at(500_000)) == false)
        _ = try box.grantPort(of: inside, lease: .seconds(300), at: at(500_000))
        box.reboot()
        #expect(box.lets(server, to: external, at: at(500_001)) == false)
        var symmetric = NATTests.symmetric
        #expect(throws: PortMappingRefusal.notGranted) {
            try symmetric.grantPort(of: inside, lease: .seconds(300), at: .zero)
        }
    }

    private static var symmetric: NATBox { box(NATModel(.symmetric)) }

    @Test("forgets what it mapped when it is flushed, and has others after a change of its addresses")
    func flush() throws {
        var box = box(NATModel(.open))
        let external = try box.translate(outbound: inside, to: server, at: .zero)
        box.flush()
        #expect(box.lets(server, to: external, at: .zero) == false)
        box.changeExternalAddresses(to: [IPAddress(198, 51, 100, 77)])
        #expect(try box.translate(outbound: inside, to: server, at: .zero) == endpoint("198.51.100.77:3210"))
    }

    @Test("does not translate IPv6")
    func ipv6() throws {
        var box = box(NATModel(.symmetric))
        let (one, two) = (endpoint("[2001:db8::1]:3210"), endpoint("[2001:db8:1::1]:3210"))
        #expect(try box.translate(outbound: one, to: two, at: .zero) == one)
        #expect(try box.translate(inbound: two, to: one, at: .zero) == one)
        #expect(box.mappingCount == 0)
    }

    @Test("and a firewall lets in what answers, and nothing else")
    func firewall() {
        var firewall = StatefulFirewall()
        #expect(firewall.admits(from: server, to: inside, at: .zero) == false)
        firewall.sendOut(from: inside, to: server, at: .zero)
        #expect(firewall.admits(from: server, to: inside, at: at(100_000)) == true)
        #expect(firewall.admits(from: otherPort, to: inside, at: at(100_000)) == false)
        #expect(firewall.admits(from: server, to: inside, at: at(200_000)) == true)
        #expect(firewall.admits(from: server, to: inside, at: at(320_000)) == false)
    }
}
