import VPNNode
import VPNProtocol

/// Notes where a promise of ``Invariant`` was broken: the first time, and how often in all.
struct InvariantWatch {
    /// A promise that was broken.
    struct Breach {
        let seen: String
        let time: Instant
        let events: [String]
        var count = 1
    }

    /// What is watched.
    let watched: [Invariant]
    private var breaches: [Breach?]
    private let isWatched: [Bool]

    init(_ watched: [Invariant]) {
        self.watched = watched
        breaches = Array(repeating: nil, count: Invariant.allCases.count)
        isWatched = Invariant.allCases.map(watched.contains)
    }

    func watches(_ invariant: Invariant) -> Bool { isWatched[invariant.index] }

    /// Notes a breach, of a promise that is watched.
    mutating func note(
        _ invariant: Invariant, at time: Instant, _ seen: @autoclosure () -> String, events: @autoclosure () -> [String]
    ) {
        guard isWatched[invariant.index] else { return }
        if breaches[invariant.index] != nil {
            breaches[invariant.index]?.count += 1
        } else {
            breaches[invariant.index] = Breach(seen: seen(), time: time, events: events())
        }
    }

    /// What became of a promise.
    func result(of invariant: Invariant, text: String) -> ExpectationResult {
        guard let breach = breaches[invariant.index] else {
            return ExpectationResult(text, passed: true, expected: invariant.words, seen: "it held")
        }
        let more = breach.count > 1 ? ", the first of \(breach.count) times" : ""
        return ExpectationResult(
            text, passed: false, expected: invariant.words, seen: breach.seen + more, at: breach.time - .zero,
            events: breach.events)
    }
}

extension Invariant {
    fileprivate var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
