import Glibc
import VPNLab

/// The folder that a lab has its files in: `vpnlab-PID` among the temporary files. It tells whose it is, so that what a
/// killed lab left is found.
struct LabFolder {
    private static let prefix = "vpnlab-"
    private static let ownerFile = "owner"

    let path: String

    /// Makes the folder of this process.
    init() throws(Failure) {
        path = "\(Self.place)/\(Self.prefix)\(getpid())"
        guard unsafe mkdir(path, 0o700) == 0 else {
            let advice = errno == EEXIST ? "; 'vpncloud lab clean' removes what killed labs left" : ""
            throw .runTime("cannot make the folder '\(path)': \(FileError(code: errno))\(advice)")
        }
        do {
            try FileBytes.write(
                Array("\(getpid()) \(Self.startTime(of: getpid()) ?? "0")\n".utf8), to: "\(path)/\(Self.ownerFile)")
        } catch {
            Self.remove(path)
            throw .runTime("cannot write into '\(path)': \(error)")
        }
    }

    /// Makes a folder in it.
    func folder(_ name: String) throws(Failure) -> String {
        let path = "\(path)/\(name)"
        guard unsafe mkdir(path, 0o755) == 0 else {
            throw .runTime("cannot make the folder '\(path)': \(FileError(code: errno))")
        }
        return path
    }

    func remove() { Self.remove(path) }

    /// What labs have left that are no more.
    struct Remains {
        var removed: [String] = []
        var running: [String] = []
    }

    /// Removes what killed labs have left, and leaves those alone that still run.
    static func clean() -> Remains {
        var remains = Remains()
        for path in found().sorted() {
            if isAlive("\(path)/\(ownerFile)") {
                remains.running.append(path)
                continue
            }
            // The processes of a lab end with it; one that did not is ended by its id.
            for stage in (try? FileBytes.read("\(path)/stages", atMost: 1 << 16)).map(lines) ?? [] {
                if let process = livingProcess(stage) { kill(process, SIGKILL) }
            }
            remove(path)
            remains.removed.append(path)
        }
        return remains
    }

    /// Notes a process that belongs to the lab.
    func note(_ process: pid_t) {
        let line = "\(process) \(Self.startTime(of: process) ?? "0")\n"
        guard let file = try? OpenFile("\(path)/stages", flags: O_WRONLY | O_CREAT | O_APPEND) else { return }
        try? writeAll(Array(line.utf8), to: file.descriptor)
    }

    private static var place: String {
        // The text ends with a zero byte, and is copied at once.
        let place = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? ""
        return place.hasPrefix("/") ? place : "/tmp"
    }

    private static func remove(_ path: String) { _ = try? runCommand("rm", ["-rf", "--", path]) }

    private static func found() -> [String] {
        guard let folder = unsafe opendir(place) else { return [] }
        defer { unsafe closedir(folder) }
        var paths: [String] = []
        // Each entry lives until the next call; its name ends with a zero byte.
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name.hasPrefix(prefix), !name.dropFirst(prefix.count).isEmpty,
                name.dropFirst(prefix.count).allSatisfy({ ("0"..."9").contains($0) })
            else { continue }
            let path = "\(place)/\(name)"
            // What others made among the temporary files may say anything.
            var status = stat()
            guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid()
            else {
                continue
            }
            paths.append(path)
        }
        return paths
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private static func isAlive(_ file: String) -> Bool {
        (try? FileBytes.read(file, atMost: 4096)).map(lines)?.first.flatMap(livingProcess) != nil
    }

    /// The process of a line `ID START`, where it is still the one that was meant.
    private static func livingProcess(_ line: String) -> pid_t? {
        let parts = line.split(separator: " ")
        guard parts.count == 2, let process = pid_t(parts[0]), process > 1, startTime(of: process) == String(parts[1])
        else { return nil }
        return process
    }

    /// When a process started, as the kernel counts it (proc(5): field 22 of stat); nil where there is none.
    private static func startTime(of process: pid_t) -> String? {
        guard let bytes = try? FileBytes.read("/proc/\(process)/stat", atMost: 8192) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        // The name before may have blanks and brackets of its own.
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? String(fields[19]) : nil
    }
}
