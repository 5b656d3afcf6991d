package import VPNNode
import VPNProtocol

extension ReplayObservation {
    /// The line about this in an event log, as those of a simulated network are, and what it is about.
    package func line(at time: Instant) -> (text: String, depth: ObservationText.Depth) {
        let (text, depth) = words
        return ("\(paddedSeconds(time)) s  \(text)", depth)
    }

    private var words: (String, ObservationText.Depth) {
        switch self {
        case .event(let event): (event.text(), .events)
        case .taken(let frame): ("frame of \(frame.count) bytes from the device, \(checksum(frame))", .frames)
        case .delivered(let frame): ("frame of \(frame.count) bytes to the device, \(checksum(frame))", .frames)
        case .received(let type, let message, let source):
            ("got \(type) from \(source), \(message.count) bytes, \(checksum(message))", .datagrams)
        case .unopened(let bytes, let source):
            ("got what is no packet here from \(source), \(bytes.count) bytes, \(checksum(bytes))", .datagrams)
        case .unauthentic(let type, let byteCount, let source):
            ("got \(type) from \(source) with a wrong tag, \(byteCount) bytes with all around it", .datagrams)
        case .sent(let type, let message, let destination):
            ("sent \(type) to \(destination), \(message.count) bytes, \(checksum(message))", .datagrams)
        }
    }
}
