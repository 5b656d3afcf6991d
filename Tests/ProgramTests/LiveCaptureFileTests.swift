import Glibc
import Testing

@testable import VPNCaptures
@testable import vpncloud

private let second: UInt64 = 1_000_000_000

extension LiveCaptureFiles {
    /// Writes a packet of so many bytes, each of which is its number.
    fileprivate func append(_ number: Int, of byteCount: Int = 100, to kind: Kind = .inner, at time: UInt64 = second)
        throws
    {
        let packet = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: byteCount)
        try append(packet.span, to: kind, at: time)
    }
}

extension TemporaryFolder {
    /// Begins a capture in the folder.
    fileprivate borrowing func capture(
        fileBytes: Int = 1_000_000, age: Duration? = nil, files: Int = 10
    ) throws -> LiveCaptureFiles {
        try LiveCaptureFiles(
            folder: path, inner: .raw, CaptureLimits(fileBytes: fileBytes, age: age, files: files))
    }

    /// The first byte of each packet of a file.
    fileprivate borrowing func numbers(in name: String) throws -> [Int] {
        try PlainCapture("\(path)/\(name)").packets.map { Int($0.bytes[0]) }
    }
}

@Suite("The files of a live capture")
struct LiveCaptureFileTests {
    @Test("hold packets with nanoseconds and their kind, and can be read while they grow")
    func content() throws {
        let folder = TemporaryFolder()
        let files = try folder.capture()
        #expect(folder.names == ["inner.pcap", "outer.pcap"])
        #expect(try PlainCapture("\(folder.path)/inner.pcap").packets.isEmpty)
        try files.append(1, at: 1_700_000_000 * second + 123_456_789)
        try files.append(2, of: 0, to: .outer, at: 1_700_000_001 * second)
        #expect(files.packets(.inner) == 0)
        try files.flush()
        #expect(files.packets(.inner) == 1 && files.packets(.outer) == 1 && files.filesMade == 2)
        let inner = try PlainCapture("\(folder.path)/inner.pcap")
        // LINKTYPE_RAW and LINKTYPE_ETHERNET of the list of link types.
        #expect(inner.linkType == 101)
        #expect(
            inner.packets == [
                .init(time: 1_700_000_000 * second + 123_456_789, bytes: [UInt8](repeating: 1, count: 100))
            ])
        let outer = try PlainCapture("\(folder.path)/outer.pcap")
        #expect(outer.linkType == 1 && outer.packets == [.init(time: 1_700_000_001 * second, bytes: [])])
        try files.append(3)
        try files.close()
        #expect(try folder.numbers(in: "inner.pcap") == [1, 3])
    }

    @Test("can be read by their owner only")
    func mode() throws {
        let folder = TemporaryFolder()
        let files = try folder.capture(fileBytes: 100)
        try files.append(1)
        try files.append(2)
        try files.close()
        #expect(folder.names == ["inner-000001.pcap", "inner.pcap", "outer.pcap"])
        for name in folder.names {
            var status = stat()
            let isThere = unsafe stat("\(folder.path)/\(name)", &status) == 0
            #expect(isThere && status.st_mode & 0o777 == 0o600, "\(name)")
        }
    }

    @Test("begin anew before they would become longer than they may, and are in order of time by their names")
    func size() throws {
        let folder = TemporaryFolder()
        // A header, and three packets with theirs.
        let files = try folder.capture(fileBytes: 24 + 3 * 116)
        for number in 0..<8 { try files.append(number, at: UInt64(number) * second) }
        try files.close()
        #expect(try folder.numbers(in: "inner-000001.pcap") == [0, 1, 2])
        #expect(try folder.numbers(in: "inner-000002.pcap") == [3, 4, 5])
        #expect(try folder.numbers(in: "inner.pcap") == [6, 7])
        #expect(folder.names == ["inner-000001.pcap", "inner-000002.pcap", "inner.pcap", "outer.pcap"])
        #expect(files.filesMade == 4 && files.packets(.inner) == 8)
    }

    @Test("take one packet, however long it is")
    func longPacket() throws {
        let folder = TemporaryFolder()
        let files = try folder.capture(fileBytes: 50)
        for number in 0..<3 { try files.append(number, of: 60_000) }
        try files.close()
        #expect(try folder.numbers(in: "inner-000001.pcap") == [0])
        #expect(try folder.numbers(in: "inner-000002.pcap") == [1])
        #expect(try folder.numbers(in: "inner.pcap") == [2])
    }

    @Test("begin anew with the first packet that comes too late for the last one")
    func age() throws {
        let folder = TemporaryFolder()
        let files = try folder.capture(age: .seconds(10))
        for (number, time) in [100, 105, 109, 110, 111, 300, 290].enumerated() {
            try files.append(number, at: UInt64(time) * second)
        }
        try files.append(0, to: .outer, at: 400 * second)
        try files.close()
        #expect(try folder.numbers(in: "inner-000001.pcap") == [0, 1, 2])
        #expect(try folder.numbers(in: "inner-000002.pcap") == [3, 4])
        // A clock that is set back is no reason.
        #expect(try folder.numbers(in: "inner.pcap") == [5, 6])
        #expect(try folder.numbers(in: "outer.pcap") == [0])
    }

    @Test("are kept up to a number of each kind, the newest", arguments: [1, 2, 3])
    func keeping(count: Int) throws {
        let folder = TemporaryFolder()
        let files = try folder.capture(fileBytes: 100, files: count)
        for number in 1...5 { try files.append(number) }
        for number in 1...5 { try files.append(number, to: .outer) }
        try files.close()
        let kept = (0..<count - 1).map { 5 - count + 1 + $0 }
        #expect(
            folder.names == kept.map { "inner-00000\($0).pcap" } + ["inner.pcap"]
                + kept.map { "outer-00000\($0).pcap" } + ["outer.pcap"])
        #expect(try folder.numbers(in: "inner.pcap") == [5])
        for number in kept { #expect(try folder.numbers(in: "inner-00000\(number).pcap") == [number]) }
    }

    @Test("of another run are kept under a number, and count as files")
    func otherRun() throws {
        let folder = TemporaryFolder()
        for run in 1...4 {
            let files = try folder.capture(files: 3)
            try files.append(run)
            try files.close()
        }
        #expect(try folder.numbers(in: "inner-000002.pcap") == [2])
        #expect(try folder.numbers(in: "inner-000003.pcap") == [3])
        #expect(try folder.numbers(in: "inner.pcap") == [4])
        // Without a packet there is nothing to keep.
        #expect(folder.names == ["inner-000002.pcap", "inner-000003.pcap", "inner.pcap", "outer.pcap"])
    }

    @Test("leave files alone that are not theirs, and go on behind the highest number")
    func otherFiles() throws {
        let folder = TemporaryFolder()
        let others = [
            "inner-1.pcap", "inner-0000001.pcap", "inner-000000.pcap", "inner-000041.pcap", "inner-+00007.pcap",
        ]
        for name in others { _ = try folder.file(name, "mine") }
        _ = try folder.file("inner.pcap", "this is no capture, but longer than a header")
        let files = try folder.capture(fileBytes: 100, files: 3)
        for number in 1...3 { try files.append(number) }
        try files.close()
        #expect(
            folder.names
                == (others.filter { $0 != "inner-000041.pcap" } + [
                    "inner-000043.pcap", "inner-000044.pcap", "inner.pcap", "outer.pcap",
                ]).sorted())
        #expect(try folder.text(of: "inner-1.pcap") == "mine")
    }

    @Test("are made anew where somebody removed them, and told where the folder is gone, too")
    func removed() throws {
        let outside = TemporaryFolder()
        let path = "\(outside.path)/captures"
        try LiveCaptureFiles.prepare(folder: path)
        let files = try LiveCaptureFiles(folder: path, inner: .raw, .standard)
        try files.append(1)
        try files.flush()
        unsafe unlink("\(path)/inner.pcap")
        for number in 2...3 { try files.append(number) }
        try files.flush()
        #expect(try PlainCapture("\(path)/inner.pcap").packets.map(\.bytes[0]) == [2, 3])
        #expect(files.packets(.inner) == 3 && files.filesMade == 3)
        for name in ["inner.pcap", "outer.pcap"] { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
        let error = CaptureError.open("\(path)/outer.pcap", reason: "No such file or directory")
        #expect(throws: error) { try files.append(4, to: .outer) }
        files.abandon()
        #expect(files.packets(.outer) == 0)
    }

    @Test("are never written through a link")
    func link() throws {
        let folder = TemporaryFolder()
        let other = TemporaryFolder()
        let target = try other.file("target", "precious")
        // Both texts end with a zero byte.
        let isLinked = unsafe symlink(target, "\(folder.path)/inner.pcap") == 0
        #expect(isLinked)
        let files = try folder.capture()
        try files.append(1)
        try files.close()
        #expect(try other.text(of: "target") == "precious")
        #expect(folder.names == ["inner-000001.pcap", "inner.pcap", "outer.pcap"])
        #expect(try folder.numbers(in: "inner.pcap") == [1])
    }

    @Test("have a folder to themselves as long as they are written")
    func lock() throws {
        let folder = TemporaryFolder()
        do {
            let files = try folder.capture()
            try files.append(1)
            #expect(throws: CaptureError.inUse(folder.path)) { _ = try folder.capture() }
            try files.close()
        }
        #expect(try folder.numbers(in: "inner.pcap") == [1])
        _ = try folder.capture()
        #expect(try folder.numbers(in: "inner-000001.pcap") == [1])
    }

    @Test("have a folder that is made for them and for their owner only")
    func folder() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/new"
        defer { unsafe rmdir(path) }
        for _ in 0...1 { try LiveCaptureFiles.prepare(folder: path) }
        var status = stat()
        let isThere = unsafe stat(path, &status) == 0
        #expect(isThere && status.st_mode & 0o777 == 0o700)
        #expect(throws: CaptureError.folder("/dev/null", reason: "Not a directory")) {
            try LiveCaptureFiles.prepare(folder: "/dev/null")
        }
        #expect(throws: CaptureError.folder("/nonexistent/x", reason: "No such file or directory")) {
            try LiveCaptureFiles.prepare(folder: "/nonexistent/x")
        }
        #expect(throws: CaptureError.self) { try LiveCaptureFiles.prepare(folder: "/proc") }
    }

    @Test("tell a full disk")
    func fullDisk() throws {
        // The path ends with a zero byte; the descriptor is closed with the capture.
        let descriptor = unsafe open("/dev/full", O_WRONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        let error = CaptureError.write("full", reason: "No space left on device")
        #expect(throws: error) { _ = try LiveCaptureFiles(stream: descriptor, named: "full", inner: .raw) }
    }

    @Test("are whole where the reader of a stream is gone")
    func closedPipe() throws {
        var ends: [Int32] = [0, 0]
        let isPipe = unsafe pipe(&ends) == 0
        try #require(isPipe)
        let before = signal(SIGPIPE, SIG_IGN)
        defer { _ = signal(SIGPIPE, before) }
        let files = try LiveCaptureFiles(stream: ends[1], named: "the pipe", inner: .ethernet)
        try files.append(1)
        try files.flush()
        #expect(files.packets(.inner) == 1)
        close(ends[0])
        try files.append(2)
        let error = CaptureError.write("the pipe", reason: "Broken pipe")
        #expect(throws: error) { try files.flush() }
        #expect(throws: error) { try files.close() }
        files.abandon()
        #expect(files.packets(.inner) == 1 && files.packets(.outer) == 0 && files.filesMade == 0)
    }
}

@Suite("A capture filter")
struct CaptureFilterTests {
    /// An IP packet of TCP from port 1 to port 80, or what is around it.
    private static let packet: [UInt8] =
        [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2] + [0, 1, 0, 80]
        + Array(repeating: 0, count: 16)
    private static let frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0] + packet

    @Test(
        "matches what tcpdump matches",
        arguments: [
            ("tcp port 80", true, true), ("udp", false, false), ("host 10.0.0.2 and not udp", true, true),
            ("less 39", false, false), ("less 40", true, false), ("ether host 02:00:00:00:00:01", nil, true),
            ("arp", nil, false), ("", true, true),
        ] as [(String, Bool?, Bool)])
    func matches(expression: String, onPacket: Bool?, onFrame: Bool) throws {
        if let onPacket {
            #expect(try CaptureFilter(expression, for: .raw).matches(Self.packet.span) == onPacket)
        } else {
            #expect(throws: CaptureError.self) { _ = try CaptureFilter(expression, for: .raw) }
        }
        #expect(try CaptureFilter(expression, for: .ethernet).matches(Self.frame.span) == onFrame)
        #expect(try CaptureFilter("udp", for: .ethernet).matches([UInt8]().span) == false)
    }

    @Test(
        "that is not right is an error in libpcap's words",
        arguments: ["tcp prot 80", "(", "port http and", "port 70000"])
    func errors(expression: String) throws {
        for type in [LinkType.raw, .ethernet] {
            let error = #expect(throws: CaptureError.self) { _ = try CaptureFilter(expression, for: type) }
            guard case .filter(expression, let reason)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(!reason.isEmpty)
        }
    }
}
