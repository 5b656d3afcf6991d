import VPNNode
package import VPNProtocol

/// A message with its fields.
package enum DecodedMessage: Hashable, Sendable {
    /// A frame of the device.
    case data([UInt8])
    /// Addresses of nodes.
    case peers(PeerListMessage)
    /// A step of the handshake.
    case initial(InitMessage)
    /// The sender leaves. There are no more fields, but may be bytes.
    case close(trailing: [UInt8])
    /// Bytes that are no message of their type.
    case malformed(MessageType, DecodeError, [UInt8])

    /// Reads an opened message.
    package init(_ type: MessageType, _ bytes: Span<UInt8>) {
        do throws(DecodeError) {
            switch type {
            case .data: self = .data(bytes.array)
            case .peers: self = .peers(try PeerListMessage(bytes))
            case .initial: self = .initial(try InitMessage(bytes))
            case .close: self = .close(trailing: bytes.array)
            }
        } catch {
            self = .malformed(type, error, bytes.array)
        }
    }
}

extension MessageType {
    /// The word of a message's type.
    package var word: String {
        switch self {
        case .data: "data"
        case .peers: "peers"
        case .initial: "init"
        case .close: "close"
        }
    }
}

extension DecodedMessage {
    /// The message on one line.
    package var text: String {
        switch self {
        case .data(let frame): return "data, \(frame.count) bytes: \(FrameSummary.text(frame.span))"
        case .peers(let list):
            let addresses = list.addressTexts
            return "peers, \(addresses.isEmpty ? "none" : addresses.joined(separator: " "))\(more(list.trailing))"
        case .initial(let message):
            let stage = message.stage == .request ? "request" : "response"
            let subnets = message.subnets.map(\.description)
            let claims = subnets.isEmpty ? "no subnets" : "subnets \(subnets.joined(separator: " "))"
            let isTimeout = message.trailing.count == 2
            let timeout = isTimeout ? message.announcedPeerTimeout.map { ", timeout \($0) s" } ?? "" : ""
            return
                "init, stage \(message.stage.rawValue) (\(stage)), node \(message.nodeID), \(claims)\(timeout)\(isTimeout ? "" : more(message.trailing))"
        case .close(let trailing): return "close\(more(trailing))"
        case .malformed(let type, let error, let bytes):
            return "\(type.word), malformed: \(error.words) (\(bytes.hexadecimal(atMost: 64)))"
        }
    }

    private func more(_ bytes: [UInt8]) -> String {
        bytes.isEmpty ? "" : ", and \(bytes.count) bytes more: \(bytes.hexadecimal(atMost: 64))"
    }

    /// The message as a JSON object, on one line.
    package var json: String {
        switch self {
        case .data(let frame):
            return JSONLine.object([
                ("type", JSONLine.text("data")), ("frame", JSONLine.text(frame.hexadecimal())),
                ("summary", JSONLine.text(FrameSummary.text(frame.span))),
            ])
        case .peers(let list):
            return JSONLine.object([
                ("type", JSONLine.text("peers")), ("addresses", JSONLine.array(list.addressTexts.map(JSONLine.text))),
                ("trailing", JSONLine.text(list.trailing.hexadecimal())),
            ])
        case .initial(let message):
            return JSONLine.object([
                ("type", JSONLine.text("init")), ("stage", "\(message.stage.rawValue)"),
                ("node_id", JSONLine.text(message.nodeID.description)),
                ("subnets", JSONLine.array(message.subnets.map { JSONLine.text($0.description) })),
                ("trailing", JSONLine.text(message.trailing.hexadecimal())),
            ])
        case .close(let trailing):
            return JSONLine.object([
                ("type", JSONLine.text("close")), ("trailing", JSONLine.text(trailing.hexadecimal())),
            ])
        case .malformed(let type, let error, let bytes):
            return JSONLine.object([
                ("type", JSONLine.text(type.word)), ("malformed", JSONLine.text(error.words)),
                ("bytes", JSONLine.text(bytes.hexadecimal())),
            ])
        }
    }
}

extension PeerListMessage {
    /// The entries in order. One of 18 bytes that holds an IPv4 address is written in its IPv4-mapped form.
    fileprivate var addressTexts: [String] {
        ipv4.map(\.description)
            + ipv6.map { $0.address.isIPv4 ? "[::ffff:\($0.address)]:\($0.port)" : $0.description }
    }
}

extension DecodeError {
    /// What is wrong, in words.
    fileprivate var words: String {
        switch self {
        case .truncated(let needed, let available): "it ends after \(available) bytes, and \(needed) are needed"
        case .foreignMagic: "another magic"
        case .foreignMethod(let method): "another crypto method, \(method)"
        case .unknownMessageType(let type): "an unknown type, \(type)"
        case .unknownStage(let stage): "the stage \(stage), which is neither 0 nor 1"
        case .unknownAddressLength(let length): "a subnet whose address has \(length) bytes"
        case .invalidPrefixLength(let length, let bits): "a prefix of \(length) bits of an address of \(bits)"
        }
    }
}

extension Span<UInt8> {
    /// A copy of the bytes.
    fileprivate var array: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        for index in indices { result.append(self[index]) }
        return result
    }
}

extension [UInt8] {
    /// Two hexadecimal digits a byte, with dots for what is beyond a bound.
    func hexadecimal(atMost bound: Int = .max) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(2 * Swift.min(count, bound))
        for byte in prefix(bound) {
            for digit in [byte >> 4, byte & 15] {
                text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
        return String(decoding: text, as: UTF8.self) + (count > bound ? "..." : "")
    }
}
