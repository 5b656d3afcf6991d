import VPNNode
import VPNSimulator

// What happens from outside.
extension LabRun {
    func perform(_ occasion: Occasion) throws {
        switch occasion {
        case .start(let number): try start(number)
        case .restart(let number):
            guard let due = restarts[number], due <= now, nodes[number].process == nil else { return }
            restarts[number] = nil
            try start(number)
        case .resume(let number):
            guard let due = resumptions[number], due <= now else { return }
            resumptions[number] = nil
            wake(nodes[number])
        case .event(let action):
            tell(action.words)
            judge.befell(nil, action.words, at: now)
            try perform(action)
        case .frame(let frame):
            if let next = judge.frame(after: frame) { plan(.frame(next), at: next.time) }
            send(judge.bytes(of: frame), from: nodes[frame.sender])
        }
    }

    private func perform(_ action: PlannedEvent.Action) throws {
        switch action {
        case .partition(let groups, let oneWay):
            try world.partition(try groups.map { try judge.numbers(of: $0) }, isOneWay: oneWay)
        case .heal: try world.heal()
        case .kill(let name, let pause): try end(name, restartAfter: pause) { self.kill($0) }
        case .stop(let name, let pause): try end(name, restartAfter: pause) { self.stop($0) }
        case .suspend(let name, let duration):
            for number in try judge.numbers(of: name) where nodes[number].process != nil {
                try suspend(nodes[number])
                let end = max(now + duration, resumptions[number] ?? .zero)
                resumptions[number] = end
                plan(.resume(number), at: end)
            }
        case .move(let name, let place):
            for number in try judge.numbers(of: name) {
                readWire(of: nodes[number])
                try world.move(number, to: place)
                nodes[number].wire = try PacketSocket(world.nodes[number].name, "eth0", hasLinkLayer: true)
                judge.befell(number, "moved to \(world.addresses(of: number))", at: refresh())
            }
        case .change(let place, let link): try world.change(world.number(ofNetwork: place), to: link)
        case .flush(let place), .reboot(let place): try world.flush(gatewayOf: place)
        case .renumber(let place): try world.renumber(gatewayOf: place)
        case .record(let name, let target): try world.set(name, target)
        }
    }

    private func end(_ name: String, restartAfter pause: Duration?, _ end: (LabNode) -> Void) throws {
        for number in try judge.numbers(of: name) {
            if nodes[number].process != nil { end(nodes[number]) }
            // What was planned for the life that is over does not hold for the next one.
            resumptions[number] = nil
            restarts[number] = pause.map { now + $0 }
            if let restart = restarts[number] { plan(.restart(number), at: restart) }
        }
    }
}

extension PlannedEvent.Action {
    /// What happens, in a few words.
    fileprivate var words: String {
        switch self {
        case .partition(let groups, let oneWay):
            "\(groups.map { $0.joined(separator: ", ") }.joined(separator: " | ")) are cut off\(oneWay ? ", one way" : "")"
        case .heal: "all partitions end"
        case .kill(let name, _): "\(name) is killed"
        case .stop(let name, _): "\(name) is stopped"
        case .suspend(let name, _): "\(name) falls asleep"
        case .move(let name, let place): "\(name) moves to \(place)"
        case .change(let place, _): "the links of \(place) change"
        case .flush(let place): "the gateway of \(place) forgets its mappings"
        case .reboot(let place): "the gateway of \(place) starts anew"
        case .renumber(let place): "the gateway of \(place) gets other addresses"
        case .record(let name, _): "the name \(name) stands for something else"
        }
    }
}
