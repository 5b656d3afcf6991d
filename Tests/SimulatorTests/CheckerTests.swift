import Testing
import VPNNode
import VPNProtocol

@testable import VPNSimulator

@Suite("The checker of the network model")
struct CheckerTests {
    @Test("finds nothing in a network of all kinds in which much happens")
    func clean() throws {
        var world = try CheckerWorld()
        var kinds: [String: Int] = [:]
        world.doctor.treat = { observation, _ in
            switch observation {
            case .dropped(_, let loss, _): kinds["\(loss)", default: 0] += 1
            case .crossed(let crossing):
                if crossing.again != nil { kinds["again", default: 0] += 1 }
                if crossing.arrival.bytes != crossing.datagram.bytes { kinds["damage", default: 0] += 1 }
            case .changed(.portForwarded): kinds["port", default: 0] += 1
            case .arrived: kinds["arrived", default: 0] += 1
            default: break
            }
            return [observation]
        }
        try world.live()
        #expect(world.doctor.checker.violations.map(\.text) == [])
        #expect(world.doctor.checker.violationCount == 0 && world.doctor.checker.unfollowed == 0)
        // The network has to show what the checker is to judge.
        let seen = [
            "again", "damage", "port", "arrived", "partitioned", "suspended", "firewall", "noReceiver",
            "link(VPNSimulator.LinkLoss.lost)", "link(VPNSimulator.LinkLoss.queueFull)",
            "link(VPNSimulator.LinkLoss.tooLong)", "refused(errorCode: 90)",
            "nat(VPNSimulator.NATRefusal.noMapping)", "nat(VPNSimulator.NATRefusal.filtered)",
        ]
        for kind in seen { #expect(kinds[kind, default: 0] > 0, "\(kind)") }
    }
}
