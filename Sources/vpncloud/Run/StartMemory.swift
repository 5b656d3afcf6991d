import Glibc

/// The code that only the start of the program needed: reading options and files, deriving the key, testing ciphers.
enum StartMemory {
    /// Takes the code of the program and its libraries out of this process's memory. What is needed again is mapped again
    /// from the system's cache at its next use, which takes less than a millisecond in all; the rest, some megabytes,
    /// counts for this process no more.
    static func giveBack() {
        guard let maps = try? FileBytes.read("/proc/self/maps", atMost: 1 << 20) else { return }
        for line in maps.split(separator: UInt8(ascii: "\n")) {
            guard let range = codeRange(String(decoding: line, as: UTF8.self)) else { continue }
            // Code is mapped from files and never written to, so all of it can be read again from there.
            unsafe _ = madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// The addresses in a line of /proc/self/maps (proc(5)), where it is code of a file.
    static func codeRange(_ line: String) -> Range<UInt>? {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return ends[0]..<ends[1]
    }
}
