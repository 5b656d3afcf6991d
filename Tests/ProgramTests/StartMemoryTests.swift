import Testing

@testable import vpncloud

@Suite("The memory of the start")
struct StartMemoryTests {
    @Test("is the code of files, and nothing that is written to or has no file")
    func lines() {
        #expect(
            StartMemory.codeRange("7f00a000-7f00c000 r-xp 00001000 fe:00 123    /usr/lib/libc.so.6")
                == 0x7f00_a000..<0x7f00_c000)
        for line in [
            "7f00a000-7f00c000 rw-p 00001000 fe:00 123    /usr/lib/libc.so.6",
            "7f00a000-7f00c000 rwxp 00001000 fe:00 123    /usr/lib/libc.so.6",
            "7fff0000-7fff2000 r-xp 00000000 00:00 0      [vdso]", "7f00a000-7f00c000 r-xp 00000000 00:00 0", "",
            "x-y r-xp 0 0 0 /a",
        ] {
            #expect(StartMemory.codeRange(line) == nil, "\(line)")
        }
    }

    @Test("is given back without harm")
    func givesBack() throws {
        let before = try FileBytes.read("/proc/self/maps", atMost: 1 << 20).count
        StartMemory.giveBack()
        #expect(before > 0)
        #expect(StartMemory.codeRange("1-2 r-xp 0 0 0 /a") == 1..<2)
    }
}
