import VPNNode
import VPNProtocol

/// One copy of a datagram on its way: where it comes to next, and when.
struct FlyingCopy {
    let time: Instant
    /// The link that it is on; nil before the first.
    let link: LinkIdentity?
    let source: Endpoint
    let destination: Endpoint
    let bytes: [UInt8]
}

/// The datagrams on their way, in the order in which they were sent. Bounded; what came to an end is forgotten.
struct FlightTable {
    /// All copies of one datagram.
    struct Flight {
        let id: UInt64
        /// The node that sent it; nil for what was injected.
        let origin: Int?
        var first: FlyingCopy?
        var others: [FlyingCopy] = []

        var isOver: Bool { first == nil && others.isEmpty }

        /// When the last of its copies is due.
        var lastTime: Instant? {
            others.reduce(first?.time) { latest, copy in latest.map { max($0, copy.time) } ?? copy.time }
        }

        mutating func add(_ copy: FlyingCopy) { if first == nil { first = copy } else { others.append(copy) } }

        /// Takes out the first copy of which this holds.
        mutating func take(where isIt: (FlyingCopy) -> Bool) -> FlyingCopy? {
            if let copy = first, isIt(copy) {
                first = others.isEmpty ? nil : others.removeFirst()
                return copy
            }
            return others.firstIndex(where: isIt).map { others.remove(at: $0) }
        }
    }

    /// The most datagrams that are followed at once; beyond, the oldest is followed no more.
    static let capacity = 4_194_304

    /// How many datagrams were followed no more, since there were too many.
    private(set) var forgotten: UInt64 = 0
    private var flights: [UInt64: Flight] = [:]
    private var order: [UInt64] = []
    private var head = 0

    /// Enters a datagram, and returns one that vanished, if there is one.
    mutating func begin(_ flight: Flight, at now: Instant) -> Flight? {
        flights[flight.id] = flight
        order.append(flight.id)
        if flights.count > Self.capacity {
            forgotten += 1
            flights[order[head]] = nil
        }
        return cleanUp(at: now, steps: 2)
    }

    /// Lets a change be made to a flight; returns nil where there is none.
    mutating func update<Result>(_ id: UInt64, _ change: (inout Flight) -> Result) -> Result? {
        guard let index = flights.index(forKey: id) else { return nil }
        return change(&flights.values[index])
    }

    /// Forgets a flight if all of its copies came to an end.
    mutating func endIfOver(_ id: UInt64) {
        guard let index = flights.index(forKey: id), flights.values[index].isOver else { return }
        flights.remove(at: index)
    }

    /// Takes the next steps through the oldest flights: two with each new one keep the table small.
    private mutating func cleanUp(at now: Instant, steps: Int) -> Flight? {
        for _ in 0..<steps where head < order.count {
            if let flight = flights[order[head]] {
                guard let last = flight.lastTime, last < now else { break }
                flights[order[head]] = nil
                head += 1
                return flight
            }
            head += 1
        }
        if head > 1024, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
        return nil
    }

    /// A flight of which a copy is overdue, which is then forgotten; nil where there is none.
    mutating func takeOverdue(at now: Instant) -> Flight? {
        while head < order.count {
            defer { head += 1 }
            if let flight = flights[order[head]], flight.lastTime.map({ $0 < now }) ?? true {
                flights[order[head]] = nil
                return flight
            }
        }
        return nil
    }
}
