import Foundation
import Testing

/// What reads captures.
enum CaptureTools {
    static let areInstalled = Load.isInstalled && FileManager.default.isExecutableFile(atPath: "/usr/bin/tshark")
    static let needs: Comment = "needs tshark, tcpdump, iperf3 and ethtool"
}

/// A capture with nanoseconds that a node has written, read without any library.
struct NodeCapture {
    /// Of each packet, in nanoseconds since 1970.
    private(set) var times: [UInt64] = []
    /// The length of each packet.
    private(set) var lengths: [Int] = []
    let byteCount: Int

    /// Reads a file to its end; a part of a packet is an error.
    init(_ path: String) throws {
        let bytes = Array(try require(FileManager.default.contents(atPath: path), path))
        byteCount = bytes.count
        func number(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
        try claim(bytes.count >= 24 && number(0) == 0xa1b2_3c4d, "\(path) is no capture with nanoseconds")
        var offset = 24
        while offset < bytes.count {
            try claim(offset + 16 <= bytes.count, "\(path) ends in the header of a packet")
            times.append(UInt64(number(offset)) * 1_000_000_000 + UInt64(number(offset + 4)))
            lengths.append(number(offset + 8))
            offset += 16 + number(offset + 8)
            try claim(offset <= bytes.count, "\(path) ends in a packet")
        }
    }

    var count: Int { times.count }
}

/// What tshark says of the packets of a capture.
struct SharkFindings {
    private(set) var packets = 0
    private(set) var longest = 0
    /// Packets with a right checksum of TCP or UDP.
    private(set) var rightChecksums = 0
    /// Lines with a wrong checksum, or of what is malformed.
    private(set) var faults: [Substring] = []
    private(set) var sources: Set<Substring> = []

    init(_ path: String, in lab: Lab) async throws {
        let checks = ["ip", "tcp", "udp"].map { "-o \($0).check_checksum:TRUE" }.joined(separator: " ")
        let fields = [
            "frame.len", "ip.src", "ipv6.src", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status",
            "icmp.checksum.status", "icmpv6.checksum.status", "_ws.malformed",
        ]
        // What is in the datagrams of nodes is not looked into.
        let command =
            "tshark -n -r \(path) -d udp.port==3210,data \(checks) -T fields -E separator=, -E occurrence=f "
            + fields.map { "-e \($0)" }.joined(separator: " ") + " 2>\(path).errors"
        defer { removeFile("\(path).errors") }
        let result = try await lab.run(["sh", "-c", command], within: .seconds(60))
        try claim(result.succeeded, "tshark ended with \(result.ending): \(contents(of: "\(path).errors") ?? "")")
        for line in result.output.split(separator: "\n") {
            let values = line.split(separator: ",", omittingEmptySubsequences: false)
            try claim(values.count == fields.count, "not understood: \(line)")
            packets += 1
            longest = max(longest, Int(values[0]) ?? 0)
            sources.insert(values[1].isEmpty ? values[2] : values[1])
            // 0 is a wrong checksum, 1 a right one.
            if values[3...7].contains("0") || !values[8].isEmpty { faults.append(line) }
            if values[4] == "1" || values[5] == "1" { rightChecksums += 1 }
        }
    }
}

extension Lab {
    /// How many packets tcpdump prints of a capture.
    func packetsOfTcpdump(_ path: String) async throws -> Int {
        let output = try await succeed(["sh", "-c", "tcpdump -n -r \(path) 2>/dev/null | wc -l"])
        return try require(Int(output.trimmingCharacters(in: .whitespacesAndNewlines)), "a number in \(output)")
    }
}
