import Glibc
import Testing

@testable import VPNLinuxIO

@Suite("The limit of runs")
struct RunLimitTests {
    @Test("allows none where the system has none")
    func unsupported() {
        var limit = RunLimit(isSupported: false)
        let isAllowed = limit.allows(segmentBytes: 100)
        #expect(!isAllowed)
    }

    @Test("learns which length does not fit, and tries it again after a while", arguments: [EINVAL, EMSGSIZE])
    func length(code: Int32) {
        var limit = RunLimit(isSupported: true)
        let mayPassSingly = limit.note(code, segmentBytes: 1464)
        #expect(mayPassSingly)
        #expect(limit.isSupported && limit.largest == 1463 && limit.refusal == code)
        let shorter = limit.allows(segmentBytes: 1463)
        #expect(shorter)
        let allowed = (0...RunLimit.pause).map { _ in limit.allows(segmentBytes: 1464) }
        #expect(allowed.firstIndex(of: true) == RunLimit.pause)
    }

    @Test("allows none after a device has refused", arguments: [EIO, EOPNOTSUPP])
    func refused(code: Int32) {
        var limit = RunLimit(isSupported: true)
        let mayPassSingly = limit.note(code, segmentBytes: 100)
        let isAllowed = limit.allows(segmentBytes: 10)
        #expect(mayPassSingly && !limit.isSupported && !isAllowed)
    }

    @Test(
        "does not blame runs for what single datagrams would not survive either", arguments: [EPERM, ENOBUFS, EAGAIN])
    func others(code: Int32) {
        var limit = RunLimit(isSupported: true)
        let mayPassSingly = limit.note(code, segmentBytes: 100)
        #expect(!mayPassSingly)
        #expect(limit == RunLimit(isSupported: true))
    }
}
