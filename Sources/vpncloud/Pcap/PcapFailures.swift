import Glibc
import VPNCaptures
import VPNProtocol

extension Failure {
    /// What keeps a capture from being read or written. Who named a capture that cannot be read, or a file for packets that
    /// cannot be made, gets the status of wrong options.
    init(_ error: CaptureError) {
        let text = error.description.withoutControlCharacters
        switch error {
        case .unreadable, .open, .folder, .filter, .inUse: self = .usage(text)
        case .write, .move, .mixedDevices: self = .runTime(text)
        }
    }

    /// A capture that makes no sense from some place on; nil where it came to its end.
    init?(_ reader: CaptureReader, after packets: UInt64) {
        guard case .damaged(let reason)? = reader.ending else { return nil }
        let place = packets == 0 ? "at its start" : "after \(grouped(packets)) \(packets == 1 ? "packet" : "packets")"
        self = .usage("\(reader.name) is damaged \(place): \(reason)".withoutControlCharacters)
    }
}

/// Opens a capture for reading.
func openCapture(_ path: String) throws(Failure) -> CaptureReader {
    if path == "-", isatty(STDIN_FILENO) == 1 {
        throw .usage("the standard input is a terminal; name a capture, or pipe one in")
    }
    do { return try CaptureReader(path) } catch { throw Failure(error) }
}

/// Derives the keys that packets are opened with.
func packetOpener(_ rules: OpeningRules) throws(Failure) -> PacketOpener {
    do { return try PacketOpener(rules) } catch { throw .usage(error.description) }
}
