import VPNCaptures
import VPNNode
import VPNProtocol

/// The first message in which two nodes part from what this program says in the same situation.
struct Parting: Equatable {
    /// When, in the time of the scenario: of the message, or where there is none, of the one that was to come.
    let time: Instant
    /// Who says it, or should.
    let side: Conversation.Side
    /// What it says; nil where nothing comes.
    let said: String?
    /// What this program says; nil where it says no more.
    let expected: String?
    /// The bytes of what is said, of UDP, in hexadecimal.
    let bytes: String?

    /// Nil where both say the same. Messages may come in another order, and again: what is compared is what either side says
    /// at all in each part of the scenario. What is said and should not be tells more than what is missing, which may be
    /// missing because of it, unless it is of another kind and comes much later.
    init?(of seen: Conversation, from model: Conversation) {
        for part in Part.allCases {
            let first = Conversation.Side.allCases.map { side in
                (
                    side: side, odd: seen.news(by: side, in: part, besides: model),
                    missing: model.news(by: side, in: part, besides: seen)
                )
            }
            let odd = first.filter { !$0.odd.isEmpty }.min { $0.odd[0].time < $1.odd[0].time }
            let silent = first.filter { !$0.missing.isEmpty }.min { $0.missing[0].time < $1.missing[0].time }
            if let odd, silent.map({ odd.odd[0].explains($0.missing[0], isSameSide: odd.side == $0.side) }) ?? true {
                let said = odd.odd[0]
                let expected = odd.missing.first { $0.kind == said.kind } ?? odd.missing.first
                (time, side, self.said, self.expected) = (said.time, odd.side, said.text, expected?.text)
                bytes = said.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                return
            }
            if let silent {
                (time, side, said, expected) = (silent.missing[0].time, silent.side, nil, silent.missing[0].text)
                bytes = nil
                return
            }
        }
        return nil
    }

    /// It in words, for people.
    var lines: [String] {
        var lines = ["they part at \(thousandths(time - .zero)), where \(side.name) says"]
        lines.append("  \(said ?? "nothing")")
        lines.append("and this program in its place")
        lines.append("  \(expected ?? "nothing")")
        if let bytes { lines.append("the packet is \(bytes)") }
        return lines
    }
}

/// The parts of a cell's scenario: before the restart, after it, and after the one that connects has left.
private enum Part: CaseIterable {
    case first, second, last

    /// Its times, in milliseconds.
    var range: Range<Int> {
        switch self {
        case .first: 0..<CellScenario.killTime
        case .second: CellScenario.killTime..<CellScenario.stopTime
        case .last: CellScenario.stopTime..<Int.max
        }
    }
}

/// Something that was not said before.
private struct News {
    let time: Instant
    let text: String
    /// What it begins with, which its text goes on from.
    let kind: String
    let bytes: [UInt8]

    /// How long a program may take to say something that the simulator says at once: it has to start first.
    private static let patience: Duration = .milliseconds(1500)

    /// Whether it may be why something is missing: said in its place, as anything may be that is not opened, or about then.
    func explains(_ missing: Self, isSameSide: Bool) -> Bool {
        isSameSide && (kind == missing.kind || kind.isEmpty) || time <= missing.time + Self.patience
    }
}

extension Conversation {
    /// What one side says in a part, and in the other conversation does not.
    fileprivate func news(by side: Side, in part: Part, besides other: Conversation) -> [News] {
        let known = Set(other.news(by: side, in: part).map(\.text))
        return news(by: side, in: part).filter { !known.contains($0.text) }
    }

    private func news(by side: Side, in part: Part) -> [News] {
        var news: [News] = []
        for utterance in utterances where utterance.side == side {
            guard part.range.contains(Int(utterance.time.nanoseconds / 1_000_000)) else { continue }
            let text = utterance.text
            guard !news.contains(where: { $0.text == text }) else { continue }
            news.append(News(time: utterance.time, text: text, kind: utterance.kind, bytes: utterance.bytes))
        }
        return news
    }
}

extension Conversation.Utterance {
    /// What is comparable with it.
    fileprivate var kind: String {
        switch content {
        case .success(.initial(let message)): "init \(message.stage.rawValue)"
        case .success(.close): "close"
        case .success(.peers): "peers"
        case .success(.data): "data"
        case .success(.malformed), .failure: ""
        }
    }

    /// The message, with what is another in each run left out.
    fileprivate var text: String {
        switch content {
        case .success(.data(let frame)): "data, \(frame.count) bytes"
        case .success(.initial(let message)):
            DecodedMessage.initial(message).text.replacing("node \(message.nodeID)", with: "its id")
        case .success(let message): message.text
        case .failure(let reason): "a packet of \(bytes.count) bytes that is not opened: \(reason.words)"
        }
    }
}
