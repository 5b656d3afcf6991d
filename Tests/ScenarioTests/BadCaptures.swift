import TestVectors
import Testing
import VPNProtocol

/// A capture that is damaged, foreign, or not to be opened for another reason, and what `pcap decrypt` says about it.
struct BadCapture: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The bytes of the file; nil for none.
    let bytes: [UInt8]?
    let options: [String]
    let status: Int32
    /// What is among the lines printed. FILE stands for the path of the capture.
    let lines: [String]

    init(_ name: String, _ bytes: [UInt8]?, _ options: [String] = [], status: Int32, _ lines: String...) {
        testDescription = name
        self.bytes = bytes
        self.options = options
        self.status = status
        self.lines = lines
    }

    static let all = noCaptures + foreign + refused

    private static func capture(_ packets: [UInt8]..., link: UInt16 = 101, snapshot: Int = .max) -> [UInt8] {
        CaptureBytes(link: link, packets.map { CaptureBytes.Packet($0, snapshot: snapshot) }).bytes
    }

    private static func pcapng(_ links: [(type: UInt16, snapshot: UInt32)]) -> [UInt8] {
        var file = CaptureBytes(.pcapng, links: links)
        if !links.isEmpty { file.append(CaptureBytes.Packet(good)) }
        return file.bytes
    }

    private static func datagram(_ payload: [UInt8]) -> [UInt8] { WirePacket.ipv4(WirePacket.udp(payload)) }

    /// PBKDF2, which takes a moment only, so that all of these together do.
    private static let key = ["--shared-key", "test123", "--compat", "1"]
    private static let sealed: [UInt8] = {
        guard let key = try? KeyDerivation.pbkdf2.key(from: "test123"),
            let seal = try? PacketSeal(magic: .standard, method: .chacha20, key: key, provider: .libsodium)
        else { preconditionFailure("libsodium must work") }
        return WirePacket.sealed(seal, .data, WirePacket.innerPacket())
    }()
    private static let good = datagram(sealed)

    /// The packet with a byte of its payload changed.
    private static func changed(_ place: Int, to byte: UInt8) -> [UInt8] {
        var payload = sealed
        payload[place] = byte
        return datagram(payload)
    }

    private static let noCaptures = [
        Self("no file", nil, status: 2, "vpncloud: cannot read 'FILE': No such file or directory"),
        Self("nothing", [], status: 2, "vpncloud: cannot read 'FILE': it is empty"),
        Self(
            "a text", Array("peers:\n  - host:3210\nsubnets: []\n".utf8), status: 2,
            "vpncloud: cannot read 'FILE': it is no capture: it begins neither as pcap nor as pcapng does"),
        Self(
            "a packed capture", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] + [UInt8](repeating: 7, count: 40), status: 2,
            "vpncloud: cannot read 'FILE': it is packed with gzip; unpack it on the way: zcat FILE | vpncloud pcap ... -"
        ),
        Self(
            "half of a header", Array(capture().prefix(11)), status: 2,
            "vpncloud: cannot read 'FILE': it is no capture, or ends within the header of one"),
        Self(
            "a version to come", Array(capture().prefix(4)) + [9, 0, 9, 0] + [UInt8](repeating: 0, count: 16),
            status: 2,
            "vpncloud: cannot read 'FILE': unsupported pcap savefile version 9.9"),
        Self(
            "another link type", capture(good, link: 105), status: 2,
            "vpncloud: cannot read 'FILE': its packets are of the link type '802.11', and those that are read are: null, Ethernet, raw IP, loop, Linux cooked v1, raw IPv4, raw IPv6, Linux cooked v2"
        ),
        Self(
            "no interface", pcapng([]), status: 2,
            "vpncloud: cannot read 'FILE': the capture file has no Interface Description Blocks"),
        Self(
            "interfaces of two link types", pcapng([(101, 262_144), (1, 262_144)]), status: 2,
            "vpncloud: 'FILE' is damaged at its start: it holds interfaces of different link types, which libpcap does not read (an interface has a type 1 different from the type of the first interface); take one out: tshark -r FILE -Y 'frame.interface_id == 0' -w ONE"
        ),
        Self(
            "interfaces of two snapshot lengths", pcapng([(1, 262_144), (1, 96)]), status: 2,
            "vpncloud: 'FILE' is damaged at its start: it holds interfaces of different snapshot lengths, which libpcap does not read (an interface has a snapshot length 96 different from the snapshot length of the first interface); take one out: tshark -r FILE -Y 'frame.interface_id == 0' -w ONE"
        ),
        Self(
            "cut within a packet", Array(capture(good, good).dropLast(7)), key, status: 0, "1  opened: 1 data",
            "note: the capture ends within a packet: it was cut, or is still being written"),
        Self(
            "damaged within", capture(good) + [UInt8](repeating: 0xee, count: 64), key, status: 2, "1  opened: 1 data",
            "vpncloud: 'FILE' is damaged after 1 packet: invalid packet capture length 4008636142, bigger than snaplen of 262144"
        ),
    ]

    private static let foreign = [
        Self(
            "no packets", capture(link: 113), status: 0, "0  packets of Linux cooked v1 read", "0  opened",
            "note: no packet of this protocol is in it"),
        Self(
            "ARP and TCP",
            capture(WirePacket.ethernet(0x0806, [1]), WirePacket.ethernet(WirePacket.ipv4(6, [])), link: 1),
            status: 0, "1  left out: not IP", "1  left out: IP, but not UDP",
            "note: no packet of this protocol is in it"),
        Self(
            "DNS", capture(datagram([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1])), key, status: 0,
            "1  left out: UDP, but not this protocol", "note: no packet of this protocol is in it"),
        Self(
            "another port", capture(good, good), key + ["--port", "99"], status: 0, "2  left out: UDP of other ports"),
        Self(
            "another magic", capture(good), key + ["--magic", "01020304"], status: 0,
            "1  left out: another network, by its magic"),
        Self(
            "broken headers", capture([1, 2, 3], WirePacket.ipv4(length: 7, [])), status: 0,
            "2  left out: headers damaged, or cut off by the capture"),
        Self(
            "a fragment without its beginning", capture(WirePacket.ipv4(fragment: 7, [1, 2, 3])), status: 0,
            "1  left out: further fragments of UDP"),
    ]

    private static let refused = [
        Self(
            "another key", capture(good), ["--shared-key", "guessed", "--compat", "1"], status: 1,
            "1  NOT opened: another key, or damaged", "note: no packet was opened with this key"),
        Self(
            "another dialect", capture(good), ["--shared-key", "test123", "--compat", "manual"], status: 1,
            "1  NOT opened: another key, or damaged"),
        Self(
            "one damaged packet", capture(good, changed(60, to: 0), good), key, status: 1, "2  opened: 2 data",
            "1  NOT opened: another key, or damaged"),
        Self(
            "no key", capture(good), status: 1, "1  NOT opened: encrypted, and no key was given",
            "note: give the key with --shared-key-file FILE, or in the variable VPNCLOUD_SHARED_KEY"),
        Self(
            "an unknown method", capture(good, changed(4, to: 7)), key, status: 1,
            "1  NOT opened: another crypto method"),
        Self(
            "another method", capture(good), key + ["--crypto", "aes256"], status: 1,
            "1  NOT opened: another crypto method"),
        Self(
            "an unknown message", capture(good, changed(7, to: 9)), key, status: 1,
            "1  NOT opened: an unknown type of message"),
        Self(
            "a short snapshot", capture(good, snapshot: 60), key, status: 1,
            "1  NOT opened: cut off by the capture (its snapshot length)"),
        Self(
            "a short packet", capture(datagram(Array(sealed.prefix(30)))), key, status: 1,
            "1  NOT opened: too short for a packet of this protocol"),
        Self(
            "the beginning of a fragment",
            capture(WirePacket.ipv4(fragment: 0x2000, WirePacket.udp(length: 900, sealed))),
            key, status: 1, "1  NOT opened: in fragments, which are not put together"),
    ]
}
