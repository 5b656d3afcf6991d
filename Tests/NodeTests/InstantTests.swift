import Testing

@testable import VPNNode

@Suite("An instant")
struct InstantTests {
    private static let end = Instant(nanoseconds: .max)

    @Test(
        "moves by a duration, held between start and end",
        arguments: [
            (0, Duration.seconds(1), 1_000_000_000), (5, .nanoseconds(-3), 2), (5, .nanoseconds(-6), 0),
            (5, .seconds(-1), 0), (UInt64.max - 1, .nanoseconds(1), .max), (.max, .nanoseconds(1), .max),
            (.max, .seconds(Int64.max), .max), (0, .seconds(Int64.max), UInt64(Int64.max)),
            (.max, .seconds(Int64.min), .max - UInt64(Int64.max) - 1), (0, .seconds(Int64.min), 0),
            (7, .zero, 7), (0, Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999), 1),
        ] as [(UInt64, Duration, UInt64)])
    func addition(start: UInt64, duration: Duration, expected: UInt64) {
        #expect((Instant(nanoseconds: start) + duration).nanoseconds == expected)
        if duration != .seconds(Int64.min), duration != .seconds(Int64.max) {
            #expect((Instant(nanoseconds: start) - (.zero - duration)).nanoseconds == expected)
        }
    }

    @Test(
        "differs from another by a duration with a sign",
        arguments: [(5, 3, 2), (3, 5, -2), (4, 4, 0), (UInt64.max, 0, Int64.max), (0, .max, -Int64.max)]
            as [(UInt64, UInt64, Int64)])
    func difference(later: UInt64, earlier: UInt64, expected: Int64) {
        #expect(Instant(nanoseconds: later) - Instant(nanoseconds: earlier) == .nanoseconds(expected))
    }

    @Test("is ordered by time")
    func order() {
        #expect(Instant.zero < Instant(nanoseconds: 1))
        #expect(Instant(nanoseconds: 1) < Self.end)
        #expect(!(Self.end < Self.end))
    }
}

@Suite("A seed")
struct SeedTests {
    private func draw(_ numbers: RandomNumbers, _ count: Int = 20) -> [UInt64] {
        var numbers = numbers
        return (0..<count).map { _ in numbers.next() }
    }

    @Test("gives the same numbers every time")
    func same() {
        #expect(draw(Seed(1, 2, 3, 4).numbers(for: "a")) == draw(Seed(1, 2, 3, 4).numbers(for: "a")))
        #expect(Seed(1, 2, 3, 4).derived("a", incarnation: 2) == Seed(1, 2, 3, 4).derived("a", incarnation: 2))
    }

    @Test("gives the same numbers on every machine")
    func sameEverywhere() {
        // The first numbers of xoshiro256** from the state 1, 2, 3, 4, as its authors' program gives them.
        let expected: [UInt64] = [
            11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360, 607_988_272_756_665_600,
            16_172_922_978_634_559_625, 8_476_171_486_693_032_832, 10_595_114_339_597_558_777,
            2_904_607_092_377_533_576,
        ]
        #expect(draw(RandomNumbers(1, 2, 3, 4), 10) == expected)
    }

    @Test("gives other numbers for another purpose, another name, another incarnation, another word of it")
    func independent() {
        let seeds = [
            Seed(1, 2, 3, 4), Seed(0, 2, 3, 4), Seed(1, 0, 3, 4), Seed(1, 2, 0, 4), Seed(1, 2, 3, 0),
            Seed(1, 2, 3, 4).derived("a"), Seed(1, 2, 3, 4).derived("b"), Seed(1, 2, 3, 4).derived("a", incarnation: 1),
            Seed(1, 2, 3, 4).derived(""),
        ]
        let draws = seeds.flatMap { [draw($0.numbers(for: "x")), draw($0.numbers(for: "y"))] }
        #expect(Set(draws).count == draws.count)
        #expect(Set(draws.flatMap { $0 }).count == draws.count * 20)
    }

    @Test("of zeros gives random numbers, too")
    func zeros() {
        #expect(Set(draw(Seed(0, 0, 0, 0).numbers(for: ""))).count == 20)
        #expect(Set(draw(RandomNumbers(0, 0, 0, 0))).count > 10)
    }

    @Test("gives every number below a bound about equally often, and none at it", arguments: [1, 2, 3, 10, 255])
    func bounded(bound: Int) {
        var numbers = seed(1).numbers(for: "bound")
        var counts = [Int](repeating: 0, count: bound)
        for _ in 0..<1_000 * bound { counts[numbers.next(below: bound)] += 1 }
        #expect(counts.allSatisfy { (800...1200).contains($0) })
    }
}
