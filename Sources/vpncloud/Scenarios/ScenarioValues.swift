import VPNNode
import VPNProtocol
import VPNSimulator

/// How the texts of values in a scenario file are read. Whole numbers only, since the simulator decides with them.
enum ScenarioValues {
    /// The longest time that a scenario can speak of: ten years.
    static let maximumDays = 3650

    /// A time such as `20ms` or `1h30min`, zero included.
    static func duration(_ text: String) throws(ValueError) -> Duration {
        let expected = ValueError.expected("a time like 20ms, 5min or 1h30min")
        guard !text.isEmpty else { throw expected }
        guard !text.hasPrefix("-") else { throw .faulty("a time cannot be negative") }
        guard text.first?.isASCIIDigit == true else { throw expected }
        guard !text.allSatisfy(\.isASCIIDigit) else {
            throw .faulty(
                "the unit is missing; write it like \(text.prefix(12))ms, \(text.prefix(12))s or \(text.prefix(12))min")
        }
        guard !text.contains(".") else { throw .faulty("use whole numbers and smaller units, such as 1s500ms") }
        var rest = text[...]
        var total: Int64 = 0
        var smallest = Int64.max
        while !rest.isEmpty {
            let digits = rest.prefix(while: \.isASCIIDigit)
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !$0.isASCIIDigit }
            rest = rest.dropFirst(unit.count)
            guard unit != "m" else { throw .faulty("'m' may be minutes or milliseconds; write min or ms") }
            guard let nanoseconds = nanosecondsPerUnit[String(unit)] else {
                throw .faulty("the units of time are ns, us, ms, s, min, h and d")
            }
            guard nanoseconds < smallest else {
                throw .faulty("write larger units first and each once, such as 1h30min")
            }
            smallest = nanoseconds
            guard let number = Int64(digits), let sum = sum(total, number, nanoseconds) else {
                throw .faulty("a time is at most \(maximumDays)d")
            }
            total = sum
        }
        return .nanoseconds(total)
    }

    /// As ``duration(_:)``, without zero.
    static func positiveDuration(_ text: String) throws(ValueError) -> Duration {
        let duration = try duration(text)
        guard duration > .zero else { throw .faulty("it must be longer than nothing") }
        return duration
    }

    private static let nanosecondsPerUnit: [String: Int64] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000,
        "h": 3_600_000_000_000, "d": 86_400_000_000_000,
    ]

    private static func sum(_ total: Int64, _ number: Int64, _ unit: Int64) -> Int64? {
        let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit)
        let (sum, overflow) = total.addingReportingOverflow(product)
        return isTooLarge || overflow || sum > Int64(maximumDays) * 86_400_000_000_000 ? nil : sum
    }

    /// A percentage from 0% to 100%, in parts of a million.
    static func probability(_ text: String) throws(ValueError) -> Probability {
        Probability(millionths: try percentage(text, digits: 4))
    }

    /// A percentage from 0% to 100%, in hundredths of a percent.
    static func hundredths(_ text: String) throws(ValueError) -> Int { try percentage(text, digits: 2) }

    /// A percentage with so many digits after the point, as a whole number of the last of them.
    private static func percentage(_ text: String, digits: Int) throws(ValueError) -> Int {
        let expected = ValueError.expected("a percentage from 0% to 100%, like 5% or 0.1%")
        guard !text.isEmpty else { throw expected }
        guard !text.hasPrefix("-") else { throw .faulty("a percentage is from 0% to 100%") }
        let number = text.hasSuffix("%") ? text.dropLast() : text[...]
        let parts = number.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isASCIIDigit) }) else {
            throw expected
        }
        guard text.hasSuffix("%") else { throw .faulty("the sign is missing; write it like \(number.prefix(12))%") }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard fraction.count <= digits else { throw .faulty("at most \(digits) digits may follow the point") }
        let padded = fraction + String(repeating: "0", count: digits - fraction.count)
        let whole = parts[0].count <= 9 ? Int(parts[0] + padded) ?? .max : .max
        guard whole <= (Int("100" + String(repeating: "0", count: digits)) ?? 0) else {
            throw .faulty("a percentage is from 0% to 100%")
        }
        return whole
    }

    /// The seed of everything random.
    static func seed(_ text: String) throws(ValueError) -> UInt64 {
        guard text.isDecimal, let seed = UInt64(text) else { throw .expected("a number from 0 to \(UInt64.max)") }
        return seed
    }

    /// How long a second takes, in thousandths of a second: `0.1` is 100, `1` is 1000.
    static func scale(_ text: String) throws(ValueError) -> Int {
        let expected = ValueError.expected(
            "a number from 0.001 to 1, like 0.1, with at most three digits after the point")
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts[0] == "0" || parts[0] == "1",
            parts.count == 1 || (1...3).contains(parts[1].count) && parts[1].allSatisfy(\.isASCIIDigit)
        else { throw expected }
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        let digits = parts[0] + fraction + String(repeating: "0", count: 3 - fraction.count)
        guard let thousandths = Int(digits), (1...1000).contains(thousandths) else { throw expected }
        return thousandths
    }

    /// A reader of whole numbers of a range.
    static func number(_ range: ClosedRange<Int>) -> (String) throws(ValueError) -> Int {
        { text throws(ValueError) in
            guard text.isDecimal, let number = Int(text), range.contains(number) else {
                throw .expected("a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    /// Bits a second; nil for no limit.
    static func rate(_ text: String) throws(ValueError) -> Int? {
        if text == "unlimited" { return nil }
        return try scaled(
            text, units: bitUnits, range: 1_000...1_000_000_000_000,
            expected: "a rate from 1kbit to 1000Gbit a second, like 10Mbit, or 'unlimited'")
    }

    /// Bits a second, and some.
    static func finiteRate(_ text: String) throws(ValueError) -> Int {
        try scaled(
            text, units: bitUnits, range: 1_000...1_000_000_000_000,
            expected: "a rate from 1kbit to 1000Gbit a second, like 10Mbit")
    }

    /// The bytes of a queue, or of memory.
    static func byteCount(_ text: String) throws(ValueError) -> Int {
        try scaled(text, units: byteUnits, range: 1...(1 << 30), expected: "a size up to 1024MiB, like 64KiB")
    }

    /// Bytes a second.
    static func byteRate(_ text: String) throws(ValueError) -> Int {
        try scaled(
            text, units: byteUnits, range: 0...(1 << 30),
            expected: "bytes a second, from 0B to 1024MiB, like 500B or 2kB")
    }

    private static let bitUnits = ["bit": 1, "kbit": 1_000, "Mbit": 1_000_000, "Gbit": 1_000_000_000]
    private static let byteUnits = ["B": 1, "kB": 1_000, "MB": 1_000_000, "KiB": 1 << 10, "MiB": 1 << 20]

    /// How much faster a clock runs, or slower where it is negative, in millionths.
    static func drift(_ text: String) throws(ValueError) -> Int {
        let expected = ValueError.expected("a drift from -500000ppm to 500000ppm, like 200ppm or -50ppm")
        let number = text.hasSuffix("ppm") ? text.dropLast(3) : text[...]
        let digits = number.hasPrefix("-") ? number.dropFirst() : number
        guard String(digits).isDecimal else { throw expected }
        guard text.hasSuffix("ppm") else {
            throw .faulty("the unit is missing; write it like \(number.prefix(12))ppm")
        }
        guard let drift = Int(number), (-500_000...500_000).contains(drift) else { throw expected }
        return drift
    }

    private static func scaled(
        _ text: String, units: [String: Int], range: ClosedRange<Int>, expected: String
    ) throws(ValueError) -> Int {
        let digits = text.prefix(while: \.isASCIIDigit)
        let unit = String(text.dropFirst(digits.count))
        guard let number = Int(digits) else { throw .expected(expected) }
        guard !unit.isEmpty else { throw .faulty("the unit is missing; expected \(expected)") }
        guard let factor = units[unit] else { throw .expected(expected) }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow, range.contains(product) else { throw .expected(expected) }
        return product
    }

    /// The longest IP packet; nil for any. No link is below 68 (RFC 791).
    static func mtu(_ text: String) throws(ValueError) -> Int? {
        if text == "unlimited" { return nil }
        guard text.isDecimal, let mtu = Int(text), (68...65_535).contains(mtu) else {
            throw .expected("a number of bytes from 68 to 65535, or 'unlimited'")
        }
        return mtu
    }

    /// A name that can be part of a host name and of a file name.
    static func name(_ text: String) throws(ValueError) -> String {
        guard text != "all" else { throw .faulty("'all' stands for every node; choose another name") }
        let allowed = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        guard allowed, (1...48).contains(text.utf8.count), text.first?.isLetter == true else {
            throw .expected("a name of 1 to 48 letters, digits, '-' and '_', with a letter first")
        }
        return text
    }

    /// A name that the name service could know.
    static func recordName(_ text: String) throws(ValueError) -> String {
        let expected = ValueError.expected("a host name like vpn.example.org")
        let allowed = text.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" || $0 == ".")
        }
        guard text != "all", text != "none", allowed, text.utf8.count <= 128, let name = PeerName(text),
            name.literal == nil
        else { throw expected }
        return text
    }

    /// A reader of the names of an enumeration.
    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _: Choice.Type
    ) -> (String) throws(ValueError) -> Choice {
        { text throws(ValueError) in
            guard let choice = Choice(rawValue: text) else {
                throw .expected(alternatives(Choice.allCases.map(\.rawValue)))
            }
            return choice
        }
    }

    /// Why a node drops something, by its name in the statistics file.
    static func dropReason(_ text: String) throws(ValueError) -> DropReason {
        guard let reason = DropReason.allCases.first(where: { $0.name == text }) else {
            throw .expected(alternatives(DropReason.allCases.map(\.name)))
        }
        return reason
    }

    /// A type of messages.
    static func messageType(_ text: String) throws(ValueError) -> MessageType {
        switch text {
        case "data": return .data
        case "peers": return .peers
        case "init": return .initial
        case "close": return .close
        default: throw .expected(alternatives(["init", "peers", "data", "close"]))
        }
    }

    /// A table of a node, by its name in the statistics file.
    static func table(_ text: String) throws(ValueError) -> BoundedTable {
        guard let table = BoundedTable.allCases.first(where: { $0.name == text }) else {
            throw .expected(alternatives(BoundedTable.allCases.map(\.name)))
        }
        return table
    }

    /// `'a', 'b' or 'c'`
    private static func alternatives(_ names: [String]) -> String {
        let quoted = names.map { "'\($0)'" }
        return quoted.count < 2
            ? quoted.joined() : "\(quoted.dropLast().joined(separator: ", ")) or \(quoted.last ?? "")"
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) }
}

extension String {
    /// Digits only, and none before the number that could make it octal to another reader.
    fileprivate var isDecimal: Bool { allSatisfy(\.isASCIIDigit) && !isEmpty && (self == "0" || !hasPrefix("0")) }
}
