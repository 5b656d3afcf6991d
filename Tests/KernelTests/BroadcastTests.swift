import Testing

extension KernelTests {
    @Suite("Broadcast", .serialized)
    struct Broadcast {
        /// A peer of an unencrypted network that is no more than a socket.
        final class LightPeer {
            private let socket: InternetSocket
            private var buffer = [UInt8](repeating: 0, count: 2048)
            private(set) var dataMessages = 0

            init(_ number: UInt8, on host: Host, of node: Host) async throws {
                let address = "192.0.2.\(100 + number)"
                try await host.namespace.ip("addr add \(address)/24 dev eth0")
                socket = try InternetSocket(host.namespace, isStream: false, address: address, port: 3210)
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
                var peers: [LightPeer] = []
                for number in 0..<20 { peers.append(try await LightPeer(UInt8(number), on: hosts[1], of: hosts[0])) }
                try await waitUntil("the node has all peers") { (try? node.statistics())?.peers.count == 20 }
                let before = try node.statistics()
                let socket = try PacketSocket(hosts[0].namespace)
                let count = 200
                for number in 1...count {
                    try socket.send(
                        TestFrame(to: MACAddress(0xffff_ffff_ffff), from: hosts[0].mac, text: "to all \(number)"))
                    try await waitUntil("frame \(number) came to all", every: .milliseconds(1)) {
                        for peer in peers { try peer.collect() }
                        return peers.allSatisfy { $0.dataMessages == number }
                    }
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
