import Testing
import VPNNode
import VPNSimulator

/// Milliseconds after the start.
func at(_ milliseconds: Int) -> Instant { .zero + .milliseconds(milliseconds) }

/// A seed of its own for each number.
func seed(_ number: Int) -> Seed { Seed(UInt64(number), 9, 9, 9) }

@Suite("A link")
struct LinkTests {
    private let packet = [UInt8](repeating: 0x55, count: 972)

    private func link(_ seedNumber: Int = 1, _ change: (inout LinkModel) -> Void) -> Link {
        var model = LinkModel()
        change(&model)
        return Link(model, seed: seed(seedNumber))
    }

    /// Which of many datagrams, one a millisecond, do not arrive.
    private func losses(_ link: Link, _ count: Int = 100_000) -> [Bool] {
        var link = link
        return (0..<count).map { number in
            if case .lost = link.send(packet, at: at(number)) { true } else { false }
        }
    }

    /// The delays of many datagrams in microseconds, one each second, so that the order does not matter.
    private func delays(_ jitter: Jitter, _ count: Int = 50_000) throws -> [Int] {
        var link = link {
            $0.latency = .milliseconds(100)
            $0.jitter = jitter
        }
        return try (0..<count).map { number in
            let sent = at(1000 * number)
            let (arrival, _) = try #require(link.send(packet, at: sent).arrivals)
            return Int((arrival.time.nanoseconds - sent.nanoseconds) / 1000)
        }
    }

    @Test("without faults brings each datagram over unchanged after its latency")
    func latency() {
        var link = link { $0.latency = .milliseconds(20) }
        #expect(link.send(packet, at: at(5)) == .arrives(LinkArrival(time: at(25), bytes: packet), again: nil))
    }

    @Test("loses as many as it should, whatever else it does", arguments: [1_000, 50_000, 500_000, 1_000_000])
    func independentLoss(millionths: Int) {
        let lossy = link { $0.loss = .independent(Probability(millionths: millionths)) }
        let lost = losses(lossy)
        let expected = millionths / 10
        // Five standard deviations of at most the square root of the expected number.
        #expect(abs(lost.count { $0 } - expected) <= 50 + expected / 20)
        let jittery = link {
            $0.loss = .independent(Probability(millionths: millionths))
            $0.jitter = Jitter(amount: .milliseconds(3))
            $0.duplication = Probability(millionths: 100_000)
        }
        #expect(losses(jittery) == lost)
    }

    @Test("loses in bursts with the mean length and the share that Gilbert and Elliott say")
    func bursts() {
        let lost = losses(
            link {
                $0.loss = .bursts(
                    toBad: Probability(millionths: 10_000), toGood: Probability(millionths: 200_000),
                    lossInGood: .never, lossInBad: Probability(millionths: 1_000_000))
            })
        let total = lost.count { $0 }
        let bursts = zip(lost, [false] + lost).count { $0 && !$1 }
        // 1 / 0.2 datagrams a burst; 0.01 / 0.21 of all.
        #expect((450...550).contains(total * 100 / bursts))
        #expect((4_300...5_250).contains(total))
    }

    @Test("loses exactly the numbers it is told")
    func numberedLoss() {
        let lost = losses(link { $0.loss = .numbered([1, 3, 4]) }, 6)
        #expect(lost == [true, false, true, true, false, false])
    }

    @Test("with uniform jitter delays evenly up to the amount")
    func uniformJitter() throws {
        let delays = try delays(Jitter(.uniform, amount: .milliseconds(10)))
        #expect(delays.allSatisfy { (100_000...110_000).contains($0) })
        #expect((104_900...105_100).contains(delays.reduce(0, +) / delays.count))
        #expect((4_700...5_300).contains(delays.count { $0 < 101_000 }))
    }

    @Test("with normal jitter delays around the latency, two thirds within the amount, none beyond three of it")
    func normalJitter() throws {
        let delays = try delays(Jitter(.normal, amount: .milliseconds(10)))
        #expect(delays.allSatisfy { (70_000...130_000).contains($0) })
        #expect((99_800...100_200).contains(delays.reduce(0, +) / delays.count))
        #expect((33_500...34_800).contains(delays.count { abs($0 - 100_000) <= 10_000 }))
    }

    @Test("with Pareto jitter has the amount as mean, a least delay of two thirds, and a tail")
    func paretoJitter() throws {
        let delays = try delays(Jitter(.pareto, amount: .milliseconds(10)))
        #expect(delays.allSatisfy { $0 >= 106_666 })
        #expect((109_800...110_200).contains(delays.reduce(0, +) / delays.count))
        // One in 27 is longer than three times the least: (1 / 3)^3.
        #expect((1_650...2_050).contains(delays.count { $0 > 120_000 }))
    }

    @Test("keeps the order unless its jitter may change it", arguments: [false, true])
    func order(mayReorder: Bool) throws {
        var link = link { $0.jitter = Jitter(amount: .milliseconds(50), mayReorder: mayReorder) }
        let times = try (0..<1000).map { try #require(link.send(packet, at: at($0)).arrivals).first.time }
        #expect((times == times.sorted()) == !mayReorder)
    }

    @Test("doubles, changes one bit of, and cuts as many as it should")
    func faults() throws {
        var link = link {
            $0.duplication = Probability(millionths: 100_000)
            $0.corruption = Probability(millionths: 100_000)
            $0.truncation = Probability(millionths: 100_000)
        }
        var (doubled, changed, cut) = (0, 0, 0)
        for number in 0..<10_000 {
            let (first, again) = try #require(link.send(packet, at: at(number)).arrivals)
            if again != nil { doubled += 1 }
            if first.bytes.count < packet.count { cut += 1 }
            let bits = zip(first.bytes, packet).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
            #expect(bits <= 1)
            changed += bits
        }
        #expect((850...1150).contains(doubled))
        #expect((850...1150).contains(cut))
        // Half of the bits that change in a cut packet are cut off.
        #expect((800...1100).contains(changed))
    }

    @Test("with a rate sends one packet behind the other, and drops what finds no room to wait")
    func rate() throws {
        // 1000 bytes with the headers take 10 ms.
        var link = link {
            $0.rate = 800_000
            $0.queueBytes = 3_000
        }
        var times: [Instant] = []
        var dropped = 0
        for _ in 0..<5 {
            switch link.send(packet, at: .zero) {
            case .arrives(let arrival, _): times.append(arrival.time)
            case .lost(let loss):
                #expect(loss == .queueFull)
                dropped += 1
            }
        }
        #expect(times == [at(11), at(21), at(31)])
        #expect(dropped == 2)
        #expect(try #require(link.send(packet, at: at(15)).arrivals).first.time == at(41))
    }

    @Test("takes packets up to its MTU, headers included")
    func mtu() {
        var link = link { $0.mtu = 1000 }
        #expect(link.send(packet, at: .zero).arrivals != nil)
        #expect(link.send(packet + [0], at: .zero) == .lost(.tooLong))
        #expect(link.send(packet, headerBytes: 48, at: .zero) == .lost(.tooLong))
    }

    @Test("never traps, whatever its numbers are")
    func extremes() {
        var link = link {
            $0.latency = .seconds(Int64.max)
            $0.jitter = Jitter(.pareto, amount: .seconds(Int64.max))
            $0.rate = 1
            $0.queueBytes = Int.max
        }
        for _ in 0..<10 { _ = link.send(packet, at: .zero) }
        link.model.rate = 0
        #expect(link.send([], at: .zero) == .lost(.queueFull))
        link.model.rate = -1
        link.model.latency = .seconds(-5)
        #expect(link.send([], at: .zero) == .lost(.queueFull))
    }
}

extension Crossing {
    /// What arrives; nil where nothing does.
    var arrivals: (first: LinkArrival, again: LinkArrival?)? {
        if case .arrives(let first, let again) = self { (first, again) } else { nil }
    }
}
