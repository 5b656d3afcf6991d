import Foundation

/// tshark with the dissector of this repository.
enum Wireshark {
    static let script = Repository.root.appending(path: "wireshark/vpncloud.lua").path

    /// What a script in tshark sees: nothing where tshark is missing, or runs no scripts (from 4.2 on, for root).
    private static let probed: String = {
        guard Tool.isThere("tshark"), let folder = try? Folder() else { return "" }
        let probe = "io.stderr:write('scripts run ', GcryptCipher and 'with ciphers' or 'without ciphers')"
        return (try? Tool.run(["tshark", "-X", "lua_script:\(folder.file("probe.lua", probe))", "-G", "folders"]))?
            .errors
            ?? ""
    }()

    static let runsScripts = probed.contains("scripts run")
    /// Whether the dissector can open packets by itself.
    static let hasCiphers = probed.contains("with ciphers")
    static let needed = "tshark is not installed, or runs no Lua scripts for this user"

    /// Runs tshark on a capture file. `options` are preferences of the dissector, as `port:3210`.
    static func run(_ file: String, _ arguments: [String], options: [String] = [], script: String = Self.script) throws
        -> Outcome
    {
        let preferences = options.flatMap { ["-o", "vpncloud.\($0)"] }
        let outcome = try Tool.run(
            ["tshark", "-X", "lua_script:\(script)", "-n", "-r", file] + preferences + arguments)
        // Faults that Lua finds while it loads a script end nothing, and are told here only.
        guard outcome.status == 0, !outcome.errors.contains("Lua") else { throw ToolError(text: outcome.errors) }
        return outcome
    }

    /// The values of fields, packet by packet. Several values of one field have spaces between them.
    static func rows(of file: String, _ fields: [String], options: [String] = []) throws -> [[String: String]] {
        let arguments = ["-T", "fields", "-E", "separator=/t", "-E", "aggregator=/s"] + fields.flatMap { ["-e", $0] }
        let output = try run(file, arguments, options: options).output
        return output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { line in
            let values = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            return Dictionary(zip(fields, values)) { first, _ in first }
        }
    }

    /// How many packets of a file fit each filter. Every packet is shown in full on the way, though nothing is printed.
    static func counts(
        in file: String, _ filters: [String], options: [String] = [], script: String = Self.script
    ) throws -> [Int] {
        let statistics = "io,stat,0,\(filters.joined(separator: ","))"
        let arguments = ["-V", "-Y", "frame.number == 0", "-z", statistics]
        let lines = try run(file, arguments, options: options, script: script).lines
        // |   0.0 <> 49999.0 |  49371 | 5351754 |      0 |     0 |
        guard let row = lines.last(where: { $0.contains("<>") }) else { throw ToolError(text: "no statistics") }
        let columns = row.split(separator: "|").dropFirst().map { Int($0.filter(\.isNumber)) ?? -1 }
        return stride(from: 0, to: 2 * filters.count, by: 2).map { $0 < columns.count ? columns[$0] : -1 }
    }
}

/// A capture file of UDP datagrams over IPv4.
struct DatagramFile {
    /// The header of a file in the format of tcpdump: times in microseconds, packets of any length, raw IP.
    private var bytes = Self.words([0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 101])
    private(set) var count = 0

    /// Adds a datagram from a port to the same, a second after the last.
    ///
    /// - Parameter missing: how many bytes at the end the capture does not have.
    mutating func append(_ payload: [UInt8], port: Int = 3210, missing: Int = 0) {
        let packet = Self.packet(payload, port: port)
        let captured = max(0, packet.count - missing)
        bytes += Self.words([UInt32(count), 0, UInt32(captured), UInt32(packet.count)]) + packet.prefix(captured)
        count += 1
    }

    /// An IPv4 packet with a UDP datagram. Its checksums are 0: none in UDP, and in IP tshark does not look at it.
    static func packet(_ payload: [UInt8], port: Int = 3210) -> [UInt8] {
        func short(_ number: Int) -> [UInt8] {
            [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
        }
        let addresses: [UInt8] = [192, 0, 2, 1, 192, 0, 2, 2]
        let ip = [0x45, 0] + short(28 + payload.count) + [0, 0, 0, 0, 64, 17, 0, 0] + addresses
        return ip + short(port) + short(port) + short(8 + payload.count) + [0, 0] + payload
    }

    func write(to path: String) throws { try Data(bytes).write(to: URL(filePath: path)) }

    /// Numbers of 32 bits, the least significant byte first.
    private static func words(_ numbers: [UInt32]) -> [UInt8] {
        numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    }
}
