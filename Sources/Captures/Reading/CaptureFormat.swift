/// Why something is no capture that can be read, in words that say what to do.
enum CaptureFormat {
    /// What files begin with that are packed captures, most likely, and what unpacks them.
    private static let packed: [(start: [UInt8], name: String, command: String)] = [
        ([0x1f, 0x8b], "gzip", "zcat"), ([0x28, 0xb5, 0x2f, 0xfd], "zstd", "zstdcat"),
        ([0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz", "xzcat"), ([0x42, 0x5a, 0x68], "bzip2", "bzcat"),
        ([0x04, 0x22, 0x4d, 0x18], "lz4", "lz4cat"),
    ]

    /// Why a file cannot be opened as a capture.
    ///
    /// - Parameters:
    ///   - start: its first bytes; nil where they cannot be looked at.
    ///   - text: what libpcap says.
    static func fault(startingWith start: [UInt8]?, _ text: String) -> String {
        if let start, let form = packed.first(where: { start.starts(with: $0.start) }) {
            return "it is packed with \(form.name); unpack it on the way: \(form.command) FILE | vpncloud pcap ... -"
        }
        if start?.isEmpty == true { return "it is empty" }
        if text.hasPrefix("unknown file format") {
            return "it is no capture: it begins neither as pcap nor as pcapng does"
        }
        if text.hasPrefix("truncated") { return "it is no capture, or ends within the header of one" }
        return fault(text)
    }

    /// What libpcap says, with advice where there is some.
    static func fault(_ text: String) -> String {
        if text.contains("different from the type of the first interface") {
            return
                "it holds interfaces of different link types, which libpcap does not read (\(text)); take one out: tshark -r FILE -Y 'frame.interface_id == 0' -w ONE"
        }
        if text.contains("different from the snapshot length of the first interface") {
            return
                "it holds interfaces of different snapshot lengths, which libpcap does not read (\(text)); take one out: tshark -r FILE -Y 'frame.interface_id == 0' -w ONE"
        }
        return text
    }

    static func unknownLink(_ name: String) -> String {
        let known = LinkType.allCases.map(\.words).joined(separator: ", ")
        return "its packets are of the link type '\(name)', and those that are read are: \(known)"
    }
}
