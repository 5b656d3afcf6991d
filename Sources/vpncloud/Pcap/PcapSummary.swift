import VPNCaptures
import VPNProtocol

/// What was found in a capture: a number and its words a line, one below the other.
struct PcapSummary {
    private var rows: [(number: UInt64, words: String)] = []
    private var notes: [String] = []
    private let networks: [String]

    /// - Parameters:
    ///   - networks: those that packets were opened of, in words.
    ///   - othersAre: what has become of what is not of this protocol, as in `left out`.
    init(_ counts: OpeningCounts, of reader: CaptureReader, networks: [String], othersAre fate: String) {
        self.networks = networks
        rows.append((counts.packets, "\(counts.packets == 1 ? "packet" : "packets") of \(reader.link.words) read"))
        if counts.runs > 0 {
            rows.append((counts.runs, "of these with several datagrams, which the kernel had not cut apart yet"))
        }
        let types = [MessageType.data, .peers, .initial, .close].filter { counts.opened($0) > 0 }.map {
            "\(grouped(counts.opened($0))) \($0.word)"
        }
        rows.append((counts.opened, "opened\(types.isEmpty ? "" : ": \(types.joined(separator: ", "))")"))
        for reason in Refusal.allCases where counts.refused(reason) > 0 {
            rows.append((counts.refused(reason), "\(reason.isOfProtocol ? "NOT opened" : fate): \(reason.words)"))
        }
        if reader.ending == .cutShort {
            notes.append("the capture ends within a packet: it was cut, or is still being written")
        }
        if counts.opened == 0 && counts.isComplete {
            notes.append("no packet of this protocol is in it")
        } else if counts.refused(.noKey) > 0 {
            notes.append("give the key with --shared-key-file FILE, or in the variable \(sharedKeyVariable)")
        } else if counts.opened == 0 && counts.refused(.wrongKey) > 0 {
            notes.append("no packet was opened with this key")
        }
    }

    /// Adds a number with its words.
    mutating func add(_ number: UInt64, _ words: String) { rows.append((number, words)) }

    /// Adds a line that begins with `note:`.
    mutating func addNote(_ words: String) { notes.append(words) }

    /// The lines, without anything that could upset a terminal.
    var lines: [String] {
        let numbers = rows.map { grouped($0.number) }
        let width = numbers.map(\.count).max() ?? 0
        var lines: [String] = []
        for (number, row) in zip(numbers, rows) {
            lines.append("\(String(repeating: " ", count: width - number.count))\(number)  \(row.words)")
            if row.words.hasPrefix("opened") {
                lines += networks.map { "\(String(repeating: " ", count: width))  (\($0))" }
            }
        }
        return (lines + notes.map { "note: \($0)" }).map(\.withoutControlCharacters)
    }
}
