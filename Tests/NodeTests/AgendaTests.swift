import Testing

@testable import VPNNode

@Suite("An agenda")
struct AgendaTests {
    private func contact(_ number: Int) -> Agenda.Item { .contact(ContactReference(slot: UInt32(number), serial: 7)) }
    private func peer(_ number: Int) -> PeerReference { PeerReference(slot: UInt32(number), generation: .max) }

    /// Everything that is due, in its order.
    private func items(of agenda: inout Agenda, at now: Instant) -> [Agenda.Item] {
        var items: [Agenda.Item] = []
        while let entry = agenda.next(at: now) { items.append(entry.item) }
        return items
    }

    @Test("gives the earliest item first, and of several at one instant the one noted first")
    func order() {
        var agenda = Agenda()
        let times = [3, 1, 2, 1, 3, 0, 1]
        for (number, time) in times.enumerated() { agenda.note(contact(number), due: .zero + .seconds(time)) }
        #expect(agenda.nextDeadline == .zero)
        let due = items(of: &agenda, at: .zero + .seconds(2))
        #expect(due == [5, 1, 3, 6, 2].map { contact($0) })
        #expect(agenda.nextDeadline == .zero + .seconds(3))
        #expect(agenda.count == 2)
    }

    @Test("gives items of every kind back as they were")
    func kinds() {
        var agenda = Agenda()
        let all: [Agenda.Item] = [.checkPeer(peer(1)), .secondList(peer(.init(UInt32.max))), contact(0)]
        for item in all { agenda.note(item, due: .zero) }
        let due = items(of: &agenda, at: .zero)
        #expect(due == all)
    }

    @Test("is in order through any operations", arguments: 0..<4)
    func randomOperations(row: Int) {
        var numbers = seed(row).numbers(for: "operations")
        var agenda = Agenda()
        var model: [(due: Int, number: Int)] = []
        for number in 0..<3_000 {
            if numbers.next(below: 3) > 0 {
                let due = numbers.next(below: 50)
                agenda.note(contact(number), due: .zero + .seconds(due))
                model.insert((due, number), at: model.firstIndex { $0.due > due } ?? model.endIndex)
            } else {
                let now = numbers.next(below: 50)
                let expected = model.first.flatMap { $0.due <= now ? contact($0.number) : nil }
                let found = agenda.next(at: .zero + .seconds(now))?.item
                #expect(found == expected)
                if expected != nil { model.removeFirst() }
            }
            #expect(agenda.nextDeadline == model.first.map { .zero + .seconds($0.due) })
            #expect(agenda.count == model.count)
        }
    }

    @Test("keeps the place of a peer's first check from the time when the peer joined")
    func firstCheck() {
        var agenda = Agenda()
        agenda.noteJoin(of: peer(1), secondList: .zero + .seconds(1))
        agenda.note(contact(2), due: .zero + .seconds(5))
        agenda.noteJoin(of: peer(3), secondList: .zero + .seconds(1))
        while let entry = agenda.next(at: .zero + .seconds(1)) {
            guard case .secondList(let peer) = entry.item else { continue }
            agenda.noteFirstCheck(of: peer, due: .zero + .seconds(5), after: entry)
        }
        #expect(agenda.count == 3)
        let due = items(of: &agenda, at: .zero + .seconds(5))
        #expect(due == [.checkPeer(peer(1)), contact(2), .checkPeer(peer(3))])
    }

    @Test("keeps what holds, in its order")
    func keep() {
        var agenda = Agenda()
        for number in 0..<100 { agenda.note(contact(number), due: .zero + .seconds(100 - number)) }
        agenda.keep { item in (0..<50).contains { item == contact(2 * $0) } }
        let due = items(of: &agenda, at: .zero + .seconds(1000))
        #expect(due == (0..<50).reversed().map { contact(2 * $0) })
        #expect(agenda.nextDeadline == nil)
    }

    @Test("gives the room back that a crowd needed")
    func room() {
        var agenda = Agenda()
        for number in 0..<10_000 { agenda.note(contact(number), due: .zero + .seconds(number < 9_000 ? 1 : 2)) }
        #expect(agenda.heldBytes >= 240_000)
        _ = items(of: &agenda, at: .zero + .seconds(1))
        #expect(agenda.count == 1_000)
        #expect(agenda.heldBytes < 35_000)
    }
}
