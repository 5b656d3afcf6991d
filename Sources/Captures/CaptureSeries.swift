internal import Glibc

/// One capture as a series of files in a folder: `NAME.pcap` is written, and what was written before is kept under numbers,
/// `NAME-000001.pcap` being older than `NAME-000002.pcap`. In the order of their names, they are in order of time.
///
/// What another run left is never overwritten: it is kept under a number, too, and the oldest files go, whoever wrote them,
/// once there are more than are kept.
final class CaptureSeries {
    private let folder: String
    private let name: String
    private let type: LinkType
    private let limits: CaptureLimits
    private var file: CaptureFile
    /// The numbers of the files that are kept, oldest first.
    private var numbers: [Int]
    /// The time of the first packet in the file; nil before that.
    private var start: UInt64?

    /// How many files were made.
    private(set) var filesMade = 1
    /// Packets that are known to be written.
    private(set) var packets: UInt64 = 0
    /// Packets that were appended since.
    private var unflushed: UInt64 = 0

    /// Makes the first file of a run.
    init(_ name: String, in folder: String, _ type: LinkType, _ limits: CaptureLimits) throws(CaptureError) {
        self.folder = folder
        self.name = name
        self.type = type
        self.limits = limits
        var kept = Self.numbers(of: name, in: folder)
        let path = "\(folder)/\(name).pcap"
        if Self.isWithoutPackets(path) {
            guard unsafe unlink(path) == 0 else { throw .move(path, reason: CaptureFile.text(of: errno)) }
        } else {
            try Self.keep(path, name, folder, &kept)
        }
        try Self.removeOldest(name, folder, &kept, keeping: limits.files - 1)
        numbers = kept
        file = try CaptureFile(new: path, type)
        // Whoever looks finds a capture, if an empty one.
        try file.flush()
    }

    /// Writes a packet, now or later.
    ///
    /// - Parameter time: in nanoseconds since 1970.
    func append(_ packet: Span<UInt8>, at time: UInt64) throws(CaptureError) {
        // Whoever removes the file gets a new one. Asked once for all packets that become readable together.
        let isRemoved = unflushed == 0 && file.isRemoved
        if isRemoved || start.map({ isOver(at: time, since: $0, adding: packet.count) }) == true { try rotate() }
        start = start ?? time
        try file.append(packet, nanoseconds: time)
        unflushed += 1
    }

    /// Writes what waits, so that others can read it.
    func flush() throws(CaptureError) {
        try file.flush()
        noteFlush()
    }

    /// Writes what waits and closes the file.
    func close() throws(CaptureError) {
        try file.close()
        noteFlush()
    }

    /// Closes the file after an error. Its packets that are not known to be written are not in it.
    func abandon() {
        file.abandon()
        unflushed = 0
    }

    private func noteFlush() {
        packets += unflushed
        unflushed = 0
    }

    private func isOver(at time: UInt64, since start: UInt64, adding byteCount: Int) -> Bool {
        if file.byteCount + CaptureFile.packetHeaderBytes + byteCount > limits.fileBytes { return true }
        guard let age = limits.age, time > start else { return false }
        return Duration.nanoseconds(Int64(clamping: time - start)) >= age
    }

    private func rotate() throws(CaptureError) {
        try close()
        try Self.keep(file.path, name, folder, &numbers)
        try Self.removeOldest(name, folder, &numbers, keeping: limits.files - 1)
        file = try CaptureFile(new: file.path, type)
        filesMade += 1
        start = nil
    }
}

extension CaptureSeries {
    /// The name of a file that is kept. Six digits are enough for 100 TB with files of 100 MB; beyond, names get longer.
    static func keptName(_ name: String, _ number: Int) -> String {
        let digits = String(number)
        return "\(name)-\(String(repeating: "0", count: max(0, 6 - digits.utf8.count)))\(digits).pcap"
    }

    /// The number in the name of a file that is kept; nil for any other name.
    static func number(in fileName: String, of name: String) -> Int? {
        guard fileName.hasPrefix("\(name)-"), fileName.hasSuffix(".pcap") else { return nil }
        let digits = fileName.dropFirst(name.utf8.count + 1).dropLast(5)
        guard let number = Int(digits), number > 0, keptName(name, number) == fileName else { return nil }
        return number
    }

    /// The numbers of the files that are kept in a folder, in order.
    private static func numbers(of name: String, in folder: String) -> [Int] {
        guard let directory = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(directory) }
        var numbers: [Int] = []
        // Each entry lives until the next one is read, and its name ends with a zero byte.
        while let entry = unsafe readdir(directory) {
            let fileName = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = number(in: fileName, of: name) { numbers.append(number) }
        }
        return numbers.sorted()
    }

    /// Whether a file is there and holds the header of a capture at most.
    private static func isWithoutPackets(_ path: String) -> Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFREG && status.st_size <= CaptureFile.headerBytes
    }

    /// Gives a file, where there is one, the next free number.
    private static func keep(
        _ path: String, _ name: String, _ folder: String, _ numbers: inout [Int]
    ) throws(CaptureError) {
        var number = (numbers.last ?? 0) + 1
        var status = stat()
        // Nobody else is meant to make files of these names, but nothing of theirs is overwritten.
        while unsafe lstat("\(folder)/\(keptName(name, number))", &status) == 0 { number += 1 }
        guard unsafe rename(path, "\(folder)/\(keptName(name, number))") == 0 else {
            let code = errno
            if code == ENOENT, unsafe lstat(path, &status) != 0 { return }
            throw .move(path, reason: CaptureFile.text(of: code))
        }
        numbers.append(number)
    }

    /// Removes files that are kept until there are so many.
    private static func removeOldest(
        _ name: String, _ folder: String, _ numbers: inout [Int], keeping count: Int
    ) throws(CaptureError) {
        while numbers.count > count {
            let path = "\(folder)/\(keptName(name, numbers[0]))"
            // Somebody may have taken it away.
            guard unsafe unlink(path) == 0 || errno == ENOENT else {
                throw .move(path, reason: CaptureFile.text(of: errno))
            }
            numbers.removeFirst()
        }
    }
}
