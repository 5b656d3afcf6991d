import Testing

extension KernelTests {
    @Suite("Broadcast", .serialized)
    struct Broadcast {
        /// A peer of an unencrypted network that is no more than a socket.
        final class LightPeer {
            let socket: InternetSocket
            private var buffer = [UInt8](repeating: 0, count: 2048)
            private(set) var dataMessages = 0

            /// Its address, which the host must have.
            static func address(_ number: UInt8) -> String { "192.0.2.\(100 + number)" }

            init(_ number: UInt8, on host: Host, of node: Host) throws {
                socket = try InternetSocket(
                    host.namespace, isStream: false, address: Self.address(number), port: 3210)
                try socket.connect(to: node.ipv4, port: 3210)
                // The magic of the standard network, no encryption, an Init: a request from a node with this id, that
                // claims nothing.
                let message = [0x76, 0x70, 0x6e, 0x01, 0, 0, 0, 2, 0] + [UInt8](repeating: number, count: 16) + [0]
                _ = try socket.send(message[...])
            }

            /// Takes in what has come.
            func collect() throws {
                while let count = try socket.receive(into: &buffer) {
                    if count > 8, buffer[7] == 0 { dataMessages += 1 }
                }
            }
        }

        /// Waits, without giving way to other tests, until every peer has got so many frames.
        private static func wait(for peers: [LightPeer], toHave count: Int) throws {
            let start = ContinuousClock.now
            while true {
                for peer in peers { try peer.collect() }
                let waiting = peers.filter { $0.dataMessages < count }
                if waiting.isEmpty { break }
                try claim(.now - start < .seconds(10), "frame \(count) did not come to \(waiting.count) peers")
                waitForAny(of: waiting.map(\.socket), toSend: false)
            }
            try claim(peers.allSatisfy { $0.dataMessages == count }, "a frame came twice")
        }

        @Test("a frame for all goes to twenty peers with one system call")
        func oneCall() async throws {
            try await withLab { lab in
                let hosts = try await lab.hosts(2)
                var options = NodeOptions(device: .tap, crypto: .none)
                options.verbose = false
                // The kernel is not to send frames of its own (neighbour discovery).
                options.ifup = "ip link set $IFNAME addrgenmode none && ip link set $IFNAME mtu 1400 up"
                options.addresses = []
                let node = try await hosts[0].start(options)
                let numbers = [UInt8](0..<20)
                let addresses = numbers.map { "ip addr add \(LightPeer.address($0))/24 dev eth0" }
                try await hosts[1].namespace.shell(addresses.joined(separator: " && "))
                let peers = try numbers.map { try LightPeer($0, on: hosts[1], of: hosts[0]) }
                try await waitUntil("the node has all peers") { (try? node.statistics())?.peers.count == 20 }
                let before = try node.statistics()
                let socket = try PacketSocket(hosts[0].namespace)
                let count = 200
                for number in 1...count {
                    try socket.send(
                        TestFrame(to: MACAddress(0xffff_ffff_ffff), from: hosts[0].mac, text: "to all \(number)"))
                    try Self.wait(for: peers, toHave: number)
                }
                try await node.stop()
                let after = try node.statistics()
                func grown(_ name: String) -> Int { after.system(name) - before.system(name) }
                let control = grown("control_messages_sent")
                let (calls, datagrams) = (grown("send_calls"), grown("datagrams_sent"))
                try claim(grown("frames_read") == count, "\(grown("frames_read")) frames were read")
                try claim(datagrams == 20 * count + control, "\(datagrams) datagrams, \(control) of them control")
                // Those of the node itself may share a call, or not.
                try claim(calls >= count && calls <= count + control, "\(count) frames took \(calls) calls")
                try claim(control < count, "\(control) control messages")
            }
        }
    }
}
